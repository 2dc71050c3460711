/**
 * ThemisDB's v1 updates configuration into a themis.yml, key by key; nothing is dropped in silence.
 *
 *   checker:
 *     interval: 1h # was updates.checker.check_interval_seconds: 3600
 *
 * Secrets stay where they are: the file gets a name for them, the list says what to write where.
 */
import type { Json } from "../../base/canonical-json.ts";
import { withMaskedUrls } from "../../base/masked-url.ts";
import { oneLine } from "../../base/one-line.ts";
import { checkConfig } from "../../format/config/check-config.ts";
import { ConfigError } from "../../format/config/config-error.ts";
import { keyOf, pointerTo } from "../../format/config/json-pointer.ts";
import { originText } from "../../format/config/origin.ts";
import { readYaml, type YamlDocument } from "../../format/config/yaml-document.ts";
import { configurationOf } from "./configuration.ts";
import { layered } from "./layer.ts";
import { SETTINGS } from "./setting.ts";
import { type Fate, V1_KEYS } from "./v1-keys.ts";

/** What a person has to look at. */
export type MigrationNote = {
  /** Of the old file; or of the new one, where it is new. */
  readonly key: string;
  /** "updates.yaml:12:5"; "" for what is new. */
  readonly at: string;
  readonly note: string;
  /** What it was, as JSON; "" where it may be a secret. */
  readonly was: string;
  /** Whether something of it is in the new file. */
  readonly isCarried: boolean;
};

export type Migration = { readonly text: string; readonly notes: readonly MigrationNote[] };

type Old = { readonly key: string; readonly pointer: string; readonly value: Json };
type Line = { readonly setting: string; readonly value: Json; readonly comment: string };

const MAX_VALUE_CHARACTERS = 80;

/** @param file for messages. @throws ConfigError CONFIG_MALFORMED, CONFIG_INVALID for what is no such file */
export function migrateV1(bytes: Uint8Array, file: string): Migration {
  const { value, placeOf } = readYaml(bytes, file);
  const old = keysOf(demandV1(value, file), "");
  const values = new Map(old.map((each) => [each.key, each.value]));
  const lines: Line[] = [];
  const notes: MigrationNote[] = [];
  for (const each of old) {
    const known = Object.hasOwn(V1_KEYS, each.key) ? V1_KEYS[each.key] : undefined;
    const fate: Fate = known?.fate(each.value, values) ?? { why: "nothing here is called so" };
    const at = originText(placeOf(each.pointer, "key"));
    // A key that nobody knows may be a secret of somebody's.
    const was =
      known && !known.isSecret
        ? oneLine(JSON.stringify(withMaskedUrls(each.value)), MAX_VALUE_CHARACTERS)
        : "";
    if ("with" in fate) continue;
    if ("why" in fate) {
      notes.push({ key: each.key, at, was, note: fate.why, isCarried: false });
      continue;
    }
    lines.push({ ...fate.carried, comment: `was ${each.key}: ${was || "a secret, not copied"}` });
    if (fate.todo) notes.push({ key: each.key, at, was, note: fate.todo, isCarried: true });
  }
  notes.push({
    key: "checker.trustAnchor",
    at: "",
    was: "",
    note: "name the certificate that is pinned; nothing is believed without one",
    isCarried: false,
  });
  const text = written(file, lines, notes);
  demandReadable(text);
  return { text, notes };
}

function demandV1(value: Json, file: string): { readonly [key: string]: Json } {
  if (isMapping(value) && isMapping(value.updates ?? null)) return value;
  throw new ConfigError(
    "CONFIG_INVALID",
    `${file} is no v1 updates configuration: it has no mapping "updates"`,
    {
      hint: "ThemisDB's is config/updates.yaml",
    },
  );
}

/** Down to what the table knows, or to what is no mapping. */
function keysOf(mapping: { readonly [key: string]: Json }, parent: string): Old[] {
  return Object.entries(mapping).flatMap(([name, value]) => {
    const pointer = pointerTo(parent, name);
    const key = keyOf(pointer);
    const hasBelow = Object.keys(V1_KEYS).some((each) => each.startsWith(`${key}.`));
    return hasBelow && isMapping(value) ? keysOf(value, pointer) : [{ key, pointer, value }];
  });
}

function isMapping(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function written(file: string, lines: readonly Line[], notes: readonly MigrationNote[]): string {
  const order = SETTINGS.map(({ name }) => name);
  const sorted = [...lines].sort((a, b) => order.indexOf(a.setting) - order.indexOf(b.setting));
  const text = [`# From ${oneLine(file, 200)}, by themis-fetch migrate-config.`];
  let groups: readonly string[] = [];
  for (const { setting, value, comment } of sorted) {
    const keys = setting.split(".");
    const above = keys.slice(0, -1);
    for (const [depth, group] of above.entries())
      if (groups.slice(0, depth + 1).join(".") !== above.slice(0, depth + 1).join("."))
        text.push(`${"  ".repeat(depth)}${group}:`);
    groups = above;
    text.push(`${"  ".repeat(above.length)}${keys.at(-1)}: ${yamlOf(value)} # ${comment}`);
  }
  if (lines.length === 0) text.push("{}");
  text.push("", "# Left to do, or without a counterpart:");
  for (const { key, was, note } of notes)
    text.push(`#   ${oneLine(key, 200)}${was === "" ? "" : `, ${was}`}: ${note}`);
  return `${text.join("\n")}\n`;
}

/** JSON is YAML; what reads back as itself needs no quotes. */
function yamlOf(value: Json): string {
  if (isMapping(value)) {
    const entries = Object.entries(value).map(([key, each]) => `${key}: ${yamlOf(each)}`);
    return `{ ${entries.join(", ")} }`;
  }
  return typeof value === "string" && isPlain(value) ? value : JSON.stringify(value);
}

function isPlain(text: string): boolean {
  if (!/^[\w.][\w./:-]*$/.test(text)) return false;
  const { value } = readYaml(Buffer.from(`a: [${text}]`), "");
  return JSON.stringify(value) === JSON.stringify({ a: [text] });
}

/** What is written is what the next command reads. */
function demandReadable(text: string): void {
  const read: YamlDocument = readYaml(Buffer.from(text), "themis.yml");
  const { placeOf } = read;
  configurationOf(layered([{ document: checkConfig(read.value, placeOf), placeOf }]));
}
