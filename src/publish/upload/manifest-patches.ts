/**
 * Beside a manifest, what makes it of those of older releases: a device that keeps one of them fetches the
 * few bytes between instead of the whole (schemas/manifest.md). A patch that is missing costs only bytes.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ThemisError } from "../../base/error.ts";
import { readRegularFile } from "../../base/input-file.ts";
import { manifestKind } from "../../format/manifest/manifest.ts";
import { LEAST_PATCHED_BYTES, manifestPatchName } from "../../format/manifest/manifest-patch.ts";
import { generatePatch } from "../diff/generate.ts";

/** Devices that are further behind fetch the whole. */
export const PATCHED_RELEASES = 8;

/**
 * @param release its folder @param older folders of releases before it, newest first
 * @returns how many were missing and were made
 */
export async function addManifestPatches(release: string, older: readonly string[]): Promise<number> {
  const target = join(release, "manifest.json");
  const { size } = statSync(target);
  let made = 0;
  for (const folder of older.slice(0, PATCHED_RELEASES)) {
    const source = join(folder, "manifest.json");
    const kept = await readRegularFile(source, manifestKind.maxBytes);
    const patch = join(release, manifestPatchName(kept));
    if (kept.length < LEAST_PATCHED_BYTES || existsSync(patch)) continue;
    if (await patchPays({ source, target, patch, maxBytes: Math.floor(size / 2) })) made++;
  }
  return made;
}

async function patchPays(request: {
  readonly source: string;
  readonly target: string;
  readonly patch: string;
  readonly maxBytes: number;
}): Promise<boolean> {
  try {
    // The one format that a device reads before anything is proven.
    await generatePatch({ ...request, algorithms: ["BSDIFF"], thread: "this" });
    return true;
  } catch (error) {
    if (error instanceof ThemisError && error.code === "DELTA_NONE") return false;
    throw error;
  }
}
