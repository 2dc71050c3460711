/**
 * YAML 1.2 with the core schema into plain values, and where each of them stands.
 *
 * Less than all of YAML, so that a file means what it seems to mean and costs what its length says: one
 * document, no directives (%YAML 1.1 would make a truth of "no"), no aliases (a "billion laughs" unfolds a
 * kilobyte to gigabytes), no tags, no key twice. "<<" is a key like any other. The parser of the package "yaml"
 * keeps its own stack; its composer takes ours, so depth is bounded while tokens come in.
 */
import {
  Composer,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
} from "yaml";
import type { Json } from "../../base/canonical-json.ts";
import { oneLine } from "../../base/one-line.ts";
import { ConfigError } from "./config-error.ts";
import { pointerTo } from "./json-pointer.ts";
import { type Origin, originText, type PlaceOf } from "./origin.ts";

export type YamlDocument = {
  readonly value: Json;
  /** What is not there has its parent's place. */
  readonly placeOf: PlaceOf;
};

/** Of collections in one another; "a.b.c" of ours are at most 8 deep. */
const MAX_DEPTH = 32;
/** A hundred times what a full file has; 256 KiB of single signs would cost seconds. */
const MAX_TOKENS = 20_000;

/** The package's own messages quote the source, and a source may hold what nobody should see. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: "a tab stands where YAML indents with spaces",
  BAD_INDENT: "the indentation does not fit what is around it",
  MISSING_CHAR: "a quote, a bracket or a colon is missing here or before",
  BLOCK_AS_IMPLICIT_KEY: "a colon makes this a mapping inside of a line; put the text in quotes",
  MULTILINE_IMPLICIT_KEY: "a key, or its colon, is missing here or before",
  BAD_DQ_ESCAPE:
    "a backslash in double quotes begins no escape that YAML knows; single quotes take it as it is",
  BAD_SCALAR_START: "a text cannot begin with this character; put it in quotes",
};

/** @param file for messages. @throws ConfigError CONFIG_MALFORMED */
export function readYaml(bytes: Uint8Array, file: string): YamlDocument {
  return new Reader(file).read(bytes);
}

class Reader {
  readonly #file: string;
  readonly #lines = new LineCounter();
  /** By JSON pointer, in UTF-16 units from the beginning. */
  readonly #keys = new Map<string, number>();
  readonly #values = new Map<string, number>();

  constructor(file: string) {
    this.#file = file;
  }

  read(bytes: Uint8Array): YamlDocument {
    const source = this.#decode(bytes);
    const root = this.#compose(source);
    return {
      value: this.#value(root, ""),
      placeOf: (pointer, which = "value") => this.#place(this.#offsetOf(pointer, which)),
    };
  }

  #decode(bytes: Uint8Array): string {
    let source: string;
    try {
      source = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      throw this.#malformed(0, "the file is not UTF-8");
    }
    this.#lines.lineStarts = [0, ...Array.from(source.matchAll(/\n/g), ({ index }) => index + 1)];
    const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(source);
    if (control) throw this.#malformed(control.index, "a control character stands here; this is no text");
    return source;
  }

  #compose(source: string): Node {
    const composer = new Composer({
      version: "1.2",
      schema: "core",
      uniqueKeys: false,
      prettyErrors: false,
    });
    const documents = [...composer.compose(this.#tokens(source))];
    const [document, second] = documents;
    if (!document?.contents || (isScalar(document.contents) && document.contents.value === null))
      throw this.#malformed(0, "the file holds no settings", "write {} when that is meant");
    const [error] = document.errors;
    if (error) throw this.#malformed(error.pos[0], WORDS[error.code] ?? "this is not YAML 1.2");
    if (second)
      throw this.#malformed(
        second.contents?.range?.[0] ?? second.range[0],
        "a second document begins; only one is read",
      );
    return document.contents;
  }

  *#tokens(source: string) {
    const parser = new Parser();
    let tokens = 0;
    for (const lexeme of new Lexer().lex(source)) {
      if (++tokens > MAX_TOKENS)
        throw this.#malformed(parser.offset, `more than ${MAX_TOKENS} words and signs`);
      for (const token of parser.next(lexeme)) {
        if (token.type === "directive")
          throw this.#malformed(token.offset, "directives (%YAML, %TAG) are not read; YAML is 1.2 here");
        yield token;
      }
      if (parser.stack.length > MAX_DEPTH)
        throw this.#malformed(parser.offset, `nested more than ${MAX_DEPTH} deep`);
    }
    yield* parser.end();
  }

  #value(node: Node | null, pointer: string): Json {
    if (node === null) return null;
    const start = node.range?.[0] ?? 0;
    if (!this.#values.has(pointer)) this.#values.set(pointer, start);
    if (isAlias(node)) throw this.#malformed(start, "aliases (*name) are not read; write the value out");
    if (node.anchor !== undefined)
      throw this.#malformed(start, "anchors (&name) are not read; & in a text wants quotes");
    if (node.tag !== undefined)
      throw this.#malformed(start, "tags (!name) are not read; ! in a text wants quotes");
    if (isSeq<Node>(node))
      return node.items.map((item, index) => this.#value(item, pointerTo(pointer, index)));
    if (isScalar<Json>(node)) return node.value;
    if (isMap<Node, Node | null>(node))
      return Object.fromEntries(node.items.map(({ key, value }) => this.#entry(key, value, pointer)));
    throw this.#malformed(start, "this is neither a text, a number, a list nor a mapping");
  }

  #entry(key: Node, value: Node | null, parent: string): [string, Json] {
    const start = key.range?.[0] ?? 0;
    if (!isScalar(key) || typeof key.value !== "string")
      throw this.#malformed(start, "a key is a text; put it in quotes");
    if (key.anchor !== undefined || key.tag !== undefined) this.#value(key, "");
    const pointer = pointerTo(parent, key.value);
    const before = this.#keys.get(pointer);
    if (before !== undefined) {
      const name = JSON.stringify(oneLine(key.value, 60));
      throw this.#malformed(
        start,
        `the key ${name} stands here a second time, after ${originText(this.#place(before))}`,
      );
    }
    this.#keys.set(pointer, start);
    // Nothing stands nowhere, so its key is shown.
    if (!value?.range || value.range[0] === value.range[1]) this.#values.set(pointer, start);
    return [key.value, this.#value(value, pointer)];
  }

  #offsetOf(pointer: string, which: "key" | "value"): number {
    const [first, other] = which === "key" ? [this.#keys, this.#values] : [this.#values, this.#keys];
    const offset = first.get(pointer) ?? other.get(pointer);
    if (offset !== undefined || pointer === "") return offset ?? 0;
    return this.#offsetOf(pointer.slice(0, pointer.lastIndexOf("/")), which);
  }

  #place(offset: number): Origin {
    const { line, col } = this.#lines.linePos(offset);
    return { kind: "file", file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #malformed(offset: number, what: string, hint?: string): ConfigError {
    const at = this.#place(offset);
    return new ConfigError("CONFIG_MALFORMED", `${originText(at)}: ${what}`, {
      facts: { ...at },
      ...(hint && { hint }),
    });
  }
}
