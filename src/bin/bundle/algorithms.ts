import { ThemisError } from "../../base/error.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import { ALL_ALGORITHMS } from "../../publish/diff/candidates.ts";

/** The smallest result wins; the order decides ties, and how early the others are given up. */
const ALGORITHMS: Readonly<Record<string, readonly Algorithm[]>> = {
  auto: ALL_ALGORITHMS,
  bsdiff: ["BSDIFF"],
  vcdiff: ["VCDIFF"],
  "zstd-dict": ["ZSTD_DICT"],
  themis: ["THEMIS"],
};

/** @throws ThemisError USAGE */
export function parseAlgorithms(name: string): readonly Algorithm[] {
  const algorithms = ALGORITHMS[name.toLowerCase().replace("_", "-")];
  if (algorithms) return algorithms;
  throw new ThemisError("USAGE", "usage", `there is no algorithm ${JSON.stringify(name)}`, {
    hint: Object.keys(ALGORITHMS).join(", "),
  });
}
