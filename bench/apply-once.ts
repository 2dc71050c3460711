/** Applies one patch in a process of its own and prints time and peak memory: argv = algorithm source patch target. */
import { readFileSync, writeFileSync } from "node:fs";
import { applyPatch, recognisePatch } from "../src/format/delta/algorithm.ts";
import type { Algorithm } from "../src/format/manifest/delta-manifest.ts";

const [algorithm, source, patch, target] = process.argv.slice(2) as [Algorithm, string, string, string];
const bytes = readFileSync(patch);
const startedMs = performance.now();
const targetSize = recognisePatch(bytes).describe(bytes).targetSize!;
writeFileSync(target, applyPatch({ algorithm, source: readFileSync(source), patch: bytes, targetSize }), {
  flush: true,
});
const applyMs = performance.now() - startedMs;
console.log(
  JSON.stringify({
    applyMs,
    peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    patchBytes: bytes.length,
  }),
);
