/** Applies one patch in a process of its own and prints time and peak memory: argv = source patch target. */
import { writeFile } from "node:fs/promises";
import { growingFileSource, openFileSource } from "../src/base/byte-source.ts";
import { applyPatch, recognisePatch } from "../src/format/delta/algorithm.ts";

const [sourcePath, patchPath, target] = process.argv.slice(2) as [string, string, string];
const startedMs = performance.now();
const [source, patch] = [openFileSource(sourcePath), openFileSource(patchPath)];
const { algorithm, targetSize } = recognisePatch(patch).describe(patch);
await writeFile(
  target,
  applyPatch({ algorithm, source, patch, written: growingFileSource(target), targetSize: targetSize! }),
  { flush: true },
);
const applyMs = performance.now() - startedMs;
console.log(
  JSON.stringify({
    applyMs,
    peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    patchBytes: patch.size,
  }),
);
