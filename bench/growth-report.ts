/** What a run of `npm run bench -- growth` measured, as Markdown and as a plot. */
import { RATE } from "./growth-input.ts";
import { logPlot, type Panel } from "./log-plot.ts";
import { MIB, type Run, table } from "./measure.ts";

export type GrowthCase = {
  readonly mebibytes: number;
  readonly algorithm: string;
  /** Source and target together. */
  readonly inputBytes: number;
} & ({ readonly run: Run; readonly patchBytes: number } | { readonly gap: string });

export type GrowthRun = {
  readonly setting: string;
  readonly nodeStart: Run;
  readonly sizes: readonly number[];
  readonly algorithms: readonly string[];
  readonly cases: readonly GrowthCase[];
};

type Made = Extract<GrowthCase, { readonly run: Run }>;

/** Smaller inputs are mostly what every run costs, and tables of a fixed size. */
const FIT_FROM_MIB = 16;

export function growthReport(run: GrowthRun, plot: string): string {
  const { nodeStart, algorithms, sizes, cases: all } = run;
  const lines = ["# How making a patch grows with its input", ""];
  const wanted = sizes.length * algorithms.length;
  if (all.length < wanted) lines.push(`**Not finished**: ${all.length} of ${wanted} patches.`, "");
  lines.push(
    `Printed by \`npm run bench -- growth\`: ${run.setting}.`,
    `Inputs of ${sizes.join(", ")} MiB, mixed from real releases; the new version has ${RATE}.`,
    "Each patch is made once by `themis-bundle delta create` in a process of its own, its proof by applying included.",
    "*ns* and *bytes of memory* are per byte of input, source and target together, above Node's own start:",
    `\`node -e 0\`, ${nodeStart.cpuS.toFixed(3)} s CPU, ${nodeStart.peakMiB.toFixed(1)} MiB.`,
    "",
    `![CPU and peak memory against the size of the input, both axes logarithmic](${plot})`,
  );
  for (const algorithm of algorithms) {
    const cases = all.filter((each) => each.algorithm === algorithm);
    if (cases.length === 0) continue;
    lines.push(
      "",
      `## ${algorithm}`,
      "",
      ...table(
        [
          "source, MiB",
          "CPU s",
          "wall s",
          "ns per input byte",
          "peak MiB",
          "bytes of memory per input byte",
          "patch, % of target",
        ],
        cases.map((each) => row(each, nodeStart)),
      ),
      "",
      ...cases.flatMap((each) => (isMade(each) ? [] : [`Gap at ${each.mebibytes} MiB: ${each.gap}.`, ""])),
      growth(cases.filter(isMade), nodeStart),
    );
  }
  return `${lines.join("\n")}\n`;
}

function row(each: GrowthCase, nodeStart: Run): string[] {
  if (!isMade(each)) return [String(each.mebibytes), ...Array.from({ length: 6 }, () => "gap")];
  return [
    String(each.mebibytes),
    each.run.cpuS.toFixed(2),
    each.run.wallS.toFixed(2),
    ((1e9 * cpuS(each, nodeStart)) / each.inputBytes).toFixed(1),
    each.run.peakMiB.toFixed(0),
    ((MIB * peakMiB(each, nodeStart)) / each.inputBytes).toFixed(2),
    ((100 * each.patchBytes) / (each.inputBytes / 2)).toFixed(2),
  ];
}

function growth(made: readonly Made[], nodeStart: Run): string {
  const fitted = made.filter(({ mebibytes }) => mebibytes >= FIT_FROM_MIB);
  if (fitted.length < 2) return "Too few sizes to say how it grows.";
  const slopeOf = (of: (made: Made, start: Run) => number): string =>
    slope(fitted.map((each) => [Math.log(each.inputBytes), Math.log(of(each, nodeStart))])).toFixed(2);
  return `From ${fitted[0]!.mebibytes} to ${fitted.at(-1)!.mebibytes} MiB, CPU grows as the input to the power of ${slopeOf(cpuS)}, memory as the input to the power of ${slopeOf(peakMiB)} (least squares; 1 is linear).`;
}

/** Of the straight line nearest to the points. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([x]) => x), mean(([, y]) => y)];
  return mean((point) => (point[0] - x) * (point[1] - y)) / mean((point) => (point[0] - x) ** 2);
}

export function growthPlot({ cases, algorithms, nodeStart }: GrowthRun): string {
  const panel = (title: string, unit: string, of: (made: Made, start: Run) => number): Panel => ({
    title,
    yLabel: unit,
    series: algorithms.map((name) => ({
      name,
      points: cases
        .filter(isMade)
        .filter((each) => each.algorithm === name && of(each, nodeStart) > 0)
        .map((each) => [each.mebibytes, of(each, nodeStart)]),
    })),
  });
  const gaps = cases
    .filter((each) => !isMade(each))
    .map(({ algorithm, mebibytes }) => `${algorithm} at ${mebibytes} MiB`);
  return logPlot({
    xLabel: "source, MiB",
    panels: [
      panel("CPU time above Node’s start", "seconds", cpuS),
      panel("Peak memory above Node’s start", "MiB", peakMiB),
    ],
    guide: "linear (slope 1)",
    caption: gaps.length > 0 ? `Gaps: ${gaps.join(", ")}` : "",
  });
}

function isMade(each: GrowthCase): each is Made {
  return "run" in each;
}

function cpuS({ run }: Made, nodeStart: Run): number {
  return run.cpuS - nodeStart.cpuS;
}

function peakMiB({ run }: Made, nodeStart: Run): number {
  return run.peakMiB - nodeStart.peakMiB;
}
