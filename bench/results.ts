/**
 * What a run leaves in bench/results/: `NAME.part.EXTENSION` while it grows, and for good when only a part was
 * asked for; `NAME.EXTENSION` when all of it was measured.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./measure.ts";

const folder = join(root, "bench", "results");

export function writePart(name: string, extension: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(partOf(name, extension), text);
}

/** @param texts by their extension */
export function finish(name: string, texts: Readonly<Record<string, string>>): void {
  for (const [extension, text] of Object.entries(texts)) {
    writePart(name, extension, text);
    renameSync(partOf(name, extension), join(folder, `${name}.${extension}`));
  }
}

function partOf(name: string, extension: string): string {
  return join(folder, `${name}.part.${extension}`);
}
