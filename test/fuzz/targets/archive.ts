/** Tar files that claim to be offline bundles: every member lies inside of the file, apart from the others, under an asset's name. */
import { type Member, readArchiveIndex } from "../../../src/format/pack/archive-index.ts";
import {
  BLOCK_BYTES,
  END_OF_ARCHIVE,
  encodeMemberHeader,
  memberPadding,
} from "../../../src/format/pack/ustar.ts";
import { pick, type Roll } from "../../format/delta/fuzz/dice.ts";
import { mutateBytes, replace } from "../../format/delta/fuzz/mutate.ts";
import { noise } from "../../kit/world.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";

function archive(members: readonly (readonly [name: string, bytes: Uint8Array])[]): Uint8Array {
  const parts = members.flatMap(([name, bytes]) => [
    encodeMemberHeader(name, bytes.length),
    bytes,
    memberPadding(bytes.length),
  ]);
  return new Uint8Array(Buffer.concat([...parts, END_OF_ARCHIVE]));
}

const honest = archive([
  ["manifest.json", Buffer.from("{}")],
  ["manifest.json.p7s", noise(700, 3)],
  ["targets.pack", noise(1024, 5)],
  ["empty.pack", new Uint8Array(0)],
]);

/** Where a header begins, and its fields as ustar.ts has them. */
const FIELDS = [
  [0, 100],
  [100, 24],
  [124, 12],
  [136, 12],
  [156, 1],
  [157, 100],
  [257, 8],
  [345, 155],
] as const;
const SIZES = [
  "00000000000\0",
  "00000000001 ",
  "17777777777\0",
  "77777777777\0",
  "-0000000001\0",
  "\x80\0\0\0\0\0\0\0\0\0\0\x01",
];
const NAMES = [
  "../x",
  "/etc/passwd",
  "./",
  ".",
  "a/b",
  "./manifest.json",
  "manifest.json",
  "x".repeat(100),
  "é",
  "",
];

/** A header whose sum is right, whatever else is wrong with it. */
function forge(bytes: Uint8Array, roll: Roll): Uint8Array {
  const at = roll(Math.max(1, Math.floor(bytes.length / BLOCK_BYTES))) * BLOCK_BYTES;
  const block = Buffer.from(bytes.subarray(at, at + BLOCK_BYTES));
  if (block.length < BLOCK_BYTES) return mutateBytes(bytes, [bytes], roll);
  const [start, length] = pick(FIELDS, roll);
  const texts =
    start === 124 ? SIZES : start === 0 ? NAMES : ["", "5", "1", "L", "x", "g", "0", "7", "ustar\x0000"];
  const field = roll(3)
    ? Buffer.from(pick(texts, roll), "latin1")
    : mutateBytes(block.subarray(start, start + length), [block], roll);
  block.fill(0, start, start + length);
  block.set(field.subarray(0, length), start);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return replace(bytes, at, at + (roll(8) ? BLOCK_BYTES : 0), block);
}

export const target: FuzzTarget = {
  seeds: [
    { name: "a bundle", bytes: honest },
    { name: "no members", bytes: END_OF_ARCHIVE },
  ],
  refusals: ["ArchiveError"],
  mutate: ({ bytes, other, roll }) => (roll(3) ? forge(bytes, roll) : mutateBytes(bytes, [other], roll)),
  act: async (bytes) => {
    const read = async (start: number, length: number): Promise<Uint8Array> => {
      if (start < 0 || start + length > bytes.length) violation("it is read beyond its end");
      return bytes.subarray(start, start + length);
    };
    const members = [...(await readArchiveIndex({ size: bytes.length, read })).values()];
    checkLayout(members, bytes.length);
    return `${members.length} members`;
  },
};

function checkLayout(members: readonly Member[], size: number): void {
  let free = BLOCK_BYTES;
  for (const { name, start, size: length } of members) {
    if (start < free || start + length > size) violation(`${name} lies outside, or in another`);
    if (name === "" || /[/\0]/.test(name) || name.startsWith(".")) violation(`an asset is named ${name}`);
    free = start + length + BLOCK_BYTES;
  }
}
