/** What VCDIFF can do, in patches small enough to be decoded a million times. */
import { OPERATION_ADD, OPERATION_COPY, OPERATION_RUN } from "../../../../src/format/delta/vcdiff/encode.ts";
import { noise } from "../../../kit/world.ts";
import { encodePatch, type Wish } from "../vcdiff/kit.ts";
import { readVectors } from "../vcdiff/vectors.ts";
import type { Seed } from "./hostile-format.ts";

const source = noise(700, 5);
const kinds = [OPERATION_ADD, OPERATION_RUN, OPERATION_COPY, OPERATION_COPY];
const wishes: readonly Wish[] = Array.from({ length: 60 }, (_, i) => ({
  kind: kinds[i % 4]!,
  size: 1 + ((i * 7) % 23),
  where: i * 977,
}));

function made(name: string, ...[from, windows, options]: Parameters<typeof encodePatch>): Seed {
  return { name, source: from, ...encodePatch(from, windows, options) };
}

export const plainSeeds: readonly Seed[] = [
  made("of two windows", source, [
    { wishes, segment: [0, 700] },
    { wishes: wishes.slice(30), segment: undefined },
  ]),
  made(
    "with checksums and an application header",
    source,
    [
      { wishes: wishes.slice(0, 30), segment: [100, 500] },
      { wishes: wishes.slice(10, 40), segment: [0, 700] },
    ],
    { adler32: true, appHeader: "target//source/" },
  ),
  made("of an empty source", new Uint8Array(0), [{ wishes: wishes.slice(0, 40), segment: undefined }]),
  made("of an empty target", source, [{ wishes: [], segment: [0, 700] }]),
];

/** The files in test/vectors/vcdiff of one kind. */
export function vectorSeeds(kind: Readonly<Record<"dialect" | "secondary", string>>): readonly Seed[] {
  return readVectors()
    .filter(
      ({ description: { dialect = "vcdiff", secondary = "none" } }) =>
        dialect === kind.dialect && secondary === kind.secondary,
    )
    .map(({ name, source, target, patch }) => ({ name, source, target, patch }));
}
