import { ThemisError } from "../../base/error.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";

/** The smallest result wins, so the order only breaks ties. */
const ALGORITHMS: Readonly<Record<string, readonly Algorithm[]>> = {
  auto: ["BSDIFF", "VCDIFF", "ZSTD_DICT"],
  bsdiff: ["BSDIFF"],
  vcdiff: ["VCDIFF"],
  "zstd-dict": ["ZSTD_DICT"],
};

/** @throws ThemisError USAGE */
export function parseAlgorithms(name: string): readonly Algorithm[] {
  const algorithms = ALGORITHMS[name.toLowerCase().replace("_", "-")];
  if (algorithms) return algorithms;
  throw new ThemisError("USAGE", "usage", `there is no algorithm ${JSON.stringify(name)}`, {
    hint: Object.keys(ALGORITHMS).join(", "),
  });
}
