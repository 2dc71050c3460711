/** What a run of `npm run bench -- delta` measured, as Markdown. */
import { type Bar, bars, type Measured, type Row, verdict } from "./bars.ts";
import { geometricMean, type Run, table } from "./measure.ts";
import { OURS, THEIRS } from "./peers.ts";

export type DeltaRun = {
  readonly setting: string;
  readonly peers: readonly string[];
  readonly missing: readonly string[];
  readonly nodeStart: Run;
  readonly programStart: Run;
  /** Names of the pairs that were asked for; `measured` grows to as many. */
  readonly wanted: readonly string[];
  readonly measured: readonly Measured[];
  /** How often the run was cut between two pairs and gone on with. */
  readonly cuts: number;
  readonly applyTimes: number;
};

export function deltaReport(run: DeltaRun): string {
  const { measured, wanted, missing, nodeStart, programStart } = run;
  const lines = ["# Patches beside our peers'", ""];
  if (measured.length < wanted.length) {
    const left = wanted.filter((name) => !measured.some(({ pair }) => pair === name));
    lines.push(
      `**Not finished**: ${measured.length} of ${wanted.length} pairs. To be measured: ${left.join(", ")}.`,
      "",
    );
  }
  const runs = run.cuts === 0 ? "one run" : `one run, cut and gone on with between pairs (${run.cuts} times)`;
  lines.push(
    `Printed by \`npm run bench -- delta\`, everything in ${runs}: ${run.setting}.`,
    missing.length > 0
      ? `Not installed, and left out: ${missing.join(", ")}.`
      : "No peer was missing; their options: `xdelta3 -B` covers the larger file, `zstd --patch-from --long=31 --single-thread`.",
    "",
    "Each command is a process of its own; every rebuilt file was compared by SHA-256. CPU is user plus system",
    `time. Making ran once, applying ${run.applyTimes} times: the shortest times and the largest memory of these. MiB is the`,
    "peak resident set. Ours includes Node's own start and, when making, the proof of each patch by applying it.",
    `Node's own start, \`node -e 0\`: ${start(nodeStart)}; our program's, \`themis-bundle --version\`: ${start(programStart)}.`,
  );
  for (const each of measured) lines.push("", ...pairSection(each));
  lines.push("", "## Geometric means over all pairs", "", ...means(run));
  lines.push("", "## Ratios of ours to theirs, geometric means over all pairs", "", ...ratios(run));
  lines.push(
    "",
    "## Bars",
    "",
    "Apply CPU is above Node's own start and includes SHA-256 of source and target: ours proves both",
    "(`delta apply --source-sha256 … --sha256 …`), the peers neither. *bzip2 apart*: the same patch as BSDF2 with its",
    "three streams unpacked beforehand, applied by the same command.",
    "",
    ...table(["bar", "measured", "at most", "", "note"], bars(measured, nodeStart).map(barRow), [0, 3, 4]),
  );
  return `${lines.join("\n")}\n`;
}

const HEAD = [
  "patch, bytes",
  "% of target",
  "make, CPU s",
  "make, wall s",
  "make, MiB",
  "apply, CPU s",
  "apply, wall s",
  "apply, MiB",
];

function pairSection({ pair, targetBytes, rows, chosen, storedApply }: Measured): string[] {
  const cells = ([name, { patchBytes, make, apply }]: [string, Row]): string[] => [
    name === OURS.auto ? `${name} (${chosen})` : name,
    String(patchBytes),
    ((100 * patchBytes) / targetBytes).toFixed(2),
    ...run(make),
    ...run(apply),
  ];
  return [
    `## ${pair} (${targetBytes} bytes)`,
    "",
    ...table(
      ["", ...HEAD],
      [
        ...Object.entries(rows).map(cells),
        ["*ours BSDIFF40, streams unpacked beforehand*", "", "", "", "", "", ...run(storedApply)],
      ],
    ),
  ];
}

function means({ measured, peers }: DeltaRun): string[] {
  const mean = (name: string, of: (row: Row, each: Measured) => number): number =>
    geometricMean(measured.map((each) => of(each.rows[name]!, each)));
  return table(
    ["", ...HEAD],
    peers.map((name) => [
      name,
      mean(name, ({ patchBytes }) => patchBytes).toFixed(0),
      mean(name, ({ patchBytes }, { targetBytes }) => (100 * patchBytes) / targetBytes).toFixed(2),
      ...(["make", "apply"] as const).flatMap((way) => [
        s(mean(name, (row) => row[way].cpuS)),
        s(mean(name, (row) => row[way].wallS)),
        mean(name, (row) => row[way].peakMiB).toFixed(0),
      ]),
    ]),
  );
}

function ratios({ measured, peers }: DeltaRun): string[] {
  const beside = [
    [OURS.bsdiff, THEIRS.bsdiff],
    [OURS.bsdf2, THEIRS.bsdiff],
    [OURS.vcdiff, THEIRS.xdelta3],
    [OURS.vcdiff, THEIRS.xdelta3Lzma],
    [OURS.zstd, THEIRS.zstd],
  ].filter((names) => names.every((name) => peers.includes(name!))) as [string, string][];
  const of = (mine: string, theirs: string, value: (row: Row) => number): number[] =>
    measured.map(({ rows }) => value(rows[mine]!) / value(rows[theirs]!));
  return table(
    ["ours : theirs", "size", "size, worst pair", "make, CPU", "make, memory", "apply, CPU", "apply, memory"],
    beside.map(([mine, theirs]) => {
      const sizes = of(mine, theirs, ({ patchBytes }) => patchBytes);
      return [
        `${mine} : ${theirs}`,
        geometricMean(sizes).toFixed(3),
        Math.max(...sizes).toFixed(3),
        ...(["make", "apply"] as const).flatMap((way) => [
          geometricMean(of(mine, theirs, (row) => row[way].cpuS)).toFixed(3),
          geometricMean(of(mine, theirs, (row) => row[way].peakMiB)).toFixed(3),
        ]),
      ];
    }),
  );
}

function barRow(bar: Bar): string[] {
  const value = (number: number | undefined): string => {
    if (number === undefined) return "";
    return bar.unit === "x" ? `${number.toFixed(3)} x` : `${number.toFixed(2)} ${bar.unit}`;
  };
  return [bar.what, value(bar.measured), value(bar.bar), verdict(bar), bar.note];
}

function run({ cpuS, wallS, peakMiB }: Run): string[] {
  return [s(cpuS), s(wallS), peakMiB.toFixed(0)];
}

function start({ cpuS, peakMiB }: Run): string {
  return `${s(cpuS)} s CPU, ${peakMiB.toFixed(1)} MiB`;
}

/** Three figures at least. */
function s(seconds: number): string {
  return seconds.toFixed(seconds < 1 ? 3 : 2);
}
