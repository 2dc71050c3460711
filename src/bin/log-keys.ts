/** The keys of transparency logs that a person names: as text, or files with one in each line. */
import { decodeNoteKey, isNoteKey, type NoteKey } from "../format/log/note-key.ts";
import { readInput } from "./read-input.ts";

const MAX_FILE_BYTES = 64 << 10;

/** @returns at least one for each name. @throws ThemisError FILE_UNREADABLE; LogError LOG_KEY_MALFORMED */
export async function loadLogKeys(names: readonly string[]): Promise<NoteKey[]> {
  return (await Promise.all(names.map(keysOf))).flat();
}

async function keysOf(name: string): Promise<NoteKey[]> {
  if (isNoteKey(name)) return [decodeNoteKey(name)];
  const text = (await readInput(name, MAX_FILE_BYTES)).toString("utf8");
  const lines = text.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  // A file of nothing would demand nothing that can be.
  return keys.length === 0 ? [decodeNoteKey("")] : keys.map(decodeNoteKey);
}
