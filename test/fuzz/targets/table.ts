/**
 * What is fuzzed. A reader that is new gets a file here with its `target`, and a line in this table.
 *
 * The weights are how quick one input is, so that each target takes about as long.
 */
import type { TargetEntry } from "../engine/target.ts";

const urlOf = (path: string): string => new URL(path, import.meta.url).href;

const file = (name: string, weight: number): TargetEntry => ({
  ...{ name, weight, module: urlOf(`./${name}.ts`) },
  kind: { export: "target" },
});

const patch = (name: string, module: string, format: string): TargetEntry => ({
  ...{ name, weight: 60, module: urlOf(`../../format/delta/fuzz/${module}.ts`) },
  kind: { export: format, isPatch: true },
});

export const targets: readonly TargetEntry[] = [
  file("signature", 100),
  file("certificate", 100),
  file("issued", 60),
  file("chain", 4),
  file("crl", 100),
  file("time-stamp", 100),
  file("manifest", 60),
  file("documents", 100),
  file("channel", 60),
  file("trust-root", 30),
  file("log-proof", 100),
  file("archive", 60),
  file("text", 60),
  patch("bsdiff40", "bsdiff-forge", "hostileBsdiff40"),
  patch("endsley", "bsdiff-forge", "hostileEndsley"),
  patch("bsdf2", "bsdiff-forge", "hostileBsdf2"),
  patch("vcdiff", "vcdiff-formats", "hostileVcdiff"),
  patch("sdch", "vcdiff-formats", "hostileSdch"),
  patch("xdelta3-djw", "vcdiff-formats", "hostileDjw"),
  patch("xdelta3-lzma", "vcdiff-formats", "hostileLzma"),
  patch("zstd-dict", "zstd-forge", "hostileZstd"),
  patch("archive-patch", "archive-forge", "hostileArchive"),
];
