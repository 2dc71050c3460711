/**
 * What a watch has said already: `.themis/watch.json`, so that neither a restart nor a timer says it again.
 *
 * Nothing depends on it. When it is damaged or cannot be written, something is said twice.
 */
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { type DevicePlace, makeRecordsFolder } from "../place.ts";

export type WatchMemory = {
  readonly schema_version: 1;
  /** The release that was offered last and is not installed; "" for none. */
  readonly offered: string;
  /** When it was first seen, RFC 3339. */
  readonly since: string;
  /** Whether it was said that its deadline is over. */
  readonly overdue: boolean;
  /** The failure that people were last notified of: its kind, release and words. */
  readonly failure: string;
};

export const NOTHING_SAID: WatchMemory = {
  schema_version: 1,
  offered: "",
  since: "",
  overdue: false,
  failure: "",
};

const NAME = "watch.json";
const MAX_CHARACTERS = 16 << 10;

/** NOTHING_SAID for one that is not there, or not whole. */
export async function readMemory({ themis }: DevicePlace): Promise<WatchMemory> {
  const path = join(themis, NAME);
  try {
    const found = await lstat(path);
    if (!found.isFile() || found.size > MAX_CHARACTERS) return NOTHING_SAID;
    const value = JSON.parse(await readFile(path, "utf8")) as WatchMemory;
    return isMemory(value) ? value : NOTHING_SAID;
  } catch {
    return NOTHING_SAID;
  }
}

/** @throws system errors */
export async function writeMemory(place: DevicePlace, memory: WatchMemory): Promise<void> {
  await makeRecordsFolder(place);
  if (!(await lstat(place.themis)).isDirectory()) return;
  await writeFileAtomically(join(place.themis, NAME), Buffer.from(`${JSON.stringify(memory)}\n`));
}

function isMemory(value: unknown): value is WatchMemory {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Readonly<Record<string, unknown>>;
  return Object.entries(NOTHING_SAID).every(([name, sample]) => typeof record[name] === typeof sample);
}
