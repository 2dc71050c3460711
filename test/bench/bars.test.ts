/** The bars of the delta engine say what was measured: a wrong sum there would be believed. */
import { expect, it } from "vitest";
import { bars, type Measured, type Row, verdict } from "../../bench/bars.ts";
import { MIB } from "../../bench/measure.ts";
import { OURS, THEIRS } from "../../bench/peers.ts";

const nodeStart = { cpuS: 0.05, wallS: 0.05, peakMiB: 40 };

const row = (patchBytes: number, cpuS: number, peakMiB: number): Row => {
  const run = { cpuS, wallS: 2 * cpuS, peakMiB };
  return { patchBytes, make: run, apply: run };
};

const measured = (pair: string, mebibytes: number, ours: number, rows: Record<string, Row>): Measured => ({
  pair,
  targetBytes: mebibytes * MIB,
  rows: {
    [OURS.bsdiff]: row(ours, 1, 60),
    [OURS.vcdiff]: row(ours, 2, 70),
    [OURS.zstd]: row(ours, 3, 80),
    [OURS.themis]: row(ours / 2, 0.5, 95),
    [OURS.auto]: row(ours, 6, 90),
    ...rows,
  },
  chosen: "BSDIFF40",
  storedApply: { cpuS: 0.5, wallS: 0.6, peakMiB: 50 },
});

const theirs = {
  [THEIRS.bsdiff]: row(100, 4, 100),
  [THEIRS.xdelta3]: row(200, 2, 100),
  [THEIRS.xdelta3Lzma]: row(90, 2, 100),
  [THEIRS.zstd]: row(120, 2, 100),
};

const all = bars([measured("small", 1, 50, theirs), measured("large", 9, 98, theirs)], nodeStart);

it.each([
  ["BSDIFF size : bsdiff, geometric mean", 0.7, "met, 29.3 % to spare"],
  ["BSDIFF size : bsdiff, worst pair", 0.98, "met, 3.9 % to spare"],
  ["BSDIFF making CPU : bsdiff, geometric mean", 0.25, "met, 28.6 % to spare"],
  ["BSDIFF making peak RSS : bsdiff, whole process, geometric mean", 0.6, "met, 14.3 % to spare"],
  [
    "BSDIFF making peak RSS : bsdiff, ours above Node's own start, geometric mean",
    0.2,
    "met, 71.4 % to spare",
  ],
  ["VCDIFF making CPU : xdelta3 -9 -S none, geometric mean", 1, "met, 0.0 % to spare"],
  ["auto size : smallest of bsdiff, xdelta3 lzma, zstd, worst pair", 98 / 90, "**missed by 8.9 %**"],
  ["THEMIS size of executables : bsdiff, geometric mean", 0.35, "met, 30.0 % to spare"],
  [
    "THEMIS size of executables : best peer, HDiffPatch as recorded, worst pair",
    49 / 90,
    "met, 46.1 % to spare",
  ],
  ["apply THEMIS, CPU, all pairs together", 90, "**missed by 260.0 %**"],
  ["apply THEMIS, peak RSS, worst pair", 95, "met, 25.8 % to spare"],
  ["apply BSDIFF, bzip2 apart, CPU, all pairs together", 90, "**missed by 800.0 %**"],
  ["apply BSDIFF, bzip2 apart, CPU, worst pair", 450, "**missed by 4400.0 %**"],
  ["apply BSDIFF, bzip2 included, CPU, worst pair", 950, ""],
  ["apply VCDIFF, peak RSS, worst pair", 70, "met, 27.1 % to spare"],
  ["apply ZSTD_DICT, wall, 9 MiB pair", 6, "met, 40.0 % to spare"],
])("%s is %d", (what, value, says) => {
  const bar = all.find((each) => each.what === what)!;
  expect(bar.measured).toBeCloseTo(value, 9);
  expect(verdict(bar)).toBe(says);
});

it("does not judge beside a peer that is not installed", () => {
  const { [THEIRS.zstd]: _, ...installed } = theirs;
  const without = bars([measured("small", 1, 50, installed)], nodeStart);
  const unmeasured = without.filter((bar) => bar.measured === undefined);
  expect(unmeasured.map(({ what }) => what)).toEqual([
    "ZSTD_DICT size : zstd -19 --patch-from, geometric mean",
    "auto size : smallest of bsdiff, xdelta3 lzma, zstd, worst pair",
    "THEMIS size of executables : best peer, HDiffPatch as recorded, geometric mean",
    "THEMIS size of executables : best peer, HDiffPatch as recorded, worst pair",
  ]);
  expect(new Set(unmeasured.map(verdict))).toEqual(new Set(["not measured"]));
});
