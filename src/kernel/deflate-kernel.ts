/**
 * The door to a deflate that is pinned: the bytes that some zlib of this world wrote, on every machine.
 *
 * A kernel takes a MiB of memory, and is used again when it was given back.
 */
import { kernelBytes } from "./kernel-bytes.ts";

/** What tells one encoder from another; see assembly/deflate.ts. */
export type DeflateSettings = {
  /** 1 to 9. */
  readonly level: number;
  /** How strings are found: zlib's rolling hash, or one of the two of Chromium's zlib. */
  readonly hash: "rolling" | "crc" | "product";
  /** Bits of it: 15 or 16. */
  readonly hashBits: number;
  /** One more than a block has at most: 16384 or 32768. */
  readonly symbols: number;
  /** Whether a block may end early, by GNU gzip's guess. */
  readonly early: boolean;
};

type Exports = {
  readonly memory: WebAssembly.Memory;
  readonly DEFLATE_BYTES: WebAssembly.Global;
  readonly start: (level: number, hash: number, hashBits: number, symbols: number, early: boolean) => void;
  readonly run: () => number;
  readonly inputRoom: () => number;
  readonly feed: (bytes: number, last: boolean) => void;
  readonly outputPlace: () => number;
  readonly outputBytes: () => number;
  readonly takeOutput: () => void;
};

const HASHES = ["rolling", "crc", "product"] as const;
const PAGE_BYTES = 65536;
/** What run() answers. */
const WANTS_INPUT = 0;
const DONE = 2;
const MAX_KEPT = 2;

let compiled: WebAssembly.Module | undefined;
const kept: DeflateKernel[] = [];

export class DeflateKernel {
  readonly #exports: Exports;

  /** Ready for one stream; to be given back when done. */
  static take(settings: DeflateSettings): DeflateKernel {
    const kernel = kept.pop() ?? new DeflateKernel();
    const { level, hash, hashBits, symbols, early } = settings;
    kernel.#exports.start(level, HASHES.indexOf(hash), hashBits, symbols, early);
    return kernel;
  }

  private constructor() {
    compiled ??= new WebAssembly.Module(kernelBytes("deflate-kernel"));
    this.#exports = new WebAssembly.Instance(compiled, {}).exports as Exports;
    const { memory, DEFLATE_BYTES } = this.#exports;
    const missing = (DEFLATE_BYTES.value as number) - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  }

  giveBack(): void {
    if (kept.length < MAX_KEPT) kept.push(this);
  }

  /** What these bytes of the content bring out; each piece is valid until the next. `last` ends the stream. */
  *push(content: Uint8Array, last: boolean): Generator<Uint8Array> {
    const { memory, run, inputRoom, feed, outputPlace, outputBytes, takeOutput } = this.#exports;
    const end = memory.buffer.byteLength;
    let at = 0;
    for (let fed = false; ; ) {
      const answer = run();
      if (outputBytes() > 0) {
        yield new Uint8Array(memory.buffer, outputPlace(), outputBytes());
        takeOutput();
      }
      if (answer === DONE) return;
      if (answer === WANTS_INPUT) {
        if (fed && at === content.length && !last) return;
        const room = inputRoom();
        const bytes = Math.min(end - room, content.length - at);
        new Uint8Array(memory.buffer, room, bytes).set(content.subarray(at, at + bytes));
        at += bytes;
        fed = true;
        feed(bytes, last && at === content.length);
      }
    }
  }
}
