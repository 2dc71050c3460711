/** What a patch of THEMIS says of itself, for people: what was recognised in both files, and the sizes of its tables. */
import type { ByteSource } from "../../../base/byte-source.ts";
import type { Image } from "../../../kernel/themis-kernel.ts";
import { readThemisHeader } from "./container.ts";
import { KINDS } from "./ranges.ts";

/** @throws DeltaError */
export function describeThemis(patch: ByteSource): {
  readonly targetSize: number;
} & Readonly<Record<string, number | string>> {
  const { sourceSize, targetSize, coverCount, bucketLog, learnedLog, old, now, codedStart } =
    readThemisHeader(patch);
  return {
    targetSize,
    sourceSize,
    copies: coverCount,
    source: whatIs(old),
    target: whatIs(now),
    tables: `2^${bucketLog} contexts, 2^${learnedLog} addresses`,
    codedBytes: patch.size - codedStart,
  };
}

/** Such as "x86-64 code 4194304, data 1048576". */
function whatIs({ ranges }: Image): string {
  const sum = (kind: number): number =>
    ranges.reduce((bytes, range) => bytes + (range.kind === kind ? range.length : 0), 0);
  const words = [
    ["x86-64 code", sum(KINDS.x86)],
    ["arm64 code", sum(KINDS.arm64)],
    ["data", sum(KINDS.words)],
  ] as const;
  const there = words.filter(([, bytes]) => bytes > 0).map(([name, bytes]) => `${name} ${bytes}`);
  return there.length > 0 ? there.join(", ") : "plain bytes";
}
