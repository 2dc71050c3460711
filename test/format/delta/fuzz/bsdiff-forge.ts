/**
 * Patches of the bsdiff family in parts: control, diff and extra bytes, and the containers they travel in.
 *
 * A forged patch is changed in its parts and packed again, so that no checksum stands before what is tested:
 * the loop over the triples (add, copy, seek).
 */
import { brotliCompressSync } from "node:zlib";
import {
  BSDF2_MAGIC,
  BSDIFF40_MAGIC,
  COMPRESSORS,
  type Compressor,
  type Container,
  ENDSLEY_HEADER_BYTES,
  ENDSLEY_MAGIC,
  HEADER_BYTES,
} from "../../../../src/format/delta/bsdiff/container.ts";
import { readInteger, writeInteger } from "../../../../src/format/delta/bsdiff/integer.ts";
import { Bzip2Encoder } from "../../../../src/format/delta/bzip2/encode.ts";
import { Bzip2Kernel } from "../../../../src/kernel/kernel.ts";
import { noise } from "../../../kit/world.ts";
import { pick, type Roll } from "./dice.ts";
import type { HostileFormat, Seed } from "./hostile-format.ts";
import { edgeNumber, mutateBytes, replace } from "./mutate.ts";
import { quickBrotli, quickBzip2 } from "./quick-streams.ts";

type Triple = readonly [add: number, copy: number, seek: number];
type Streams = readonly [control: Uint8Array, diff: Uint8Array, extra: Uint8Array];
type Compressors = readonly [Compressor, Compressor, Compressor];

export type BsdiffSeed = Seed & {
  readonly container: Container;
  readonly compressors: Compressors;
  /** As they are, and as they stand in the patch. */
  readonly plain: Streams;
  readonly packed: Streams;
};

const TRIPLE_BYTES = 24;
const BZIP2_ONLY: Compressors = ["bzip2", "bzip2", "bzip2"];

type Plan = { readonly name: string; readonly source: Uint8Array; readonly triples: readonly Triple[] };

/** The triples move through their source as ours do, backwards too, and once beyond both of its ends. */
const text = Buffer.from(Array.from({ length: 40 }, (_, i) => `line ${i} of ${(i * 7919) % 997}\n`).join(""));
const plans: readonly Plan[] = [
  {
    name: "that edits a text",
    source: text,
    triples: [
      [100, 7, 20],
      [80, 0, -150],
      [60, 12, 300],
      [0, 9, -200],
      [120, 1, 0],
    ],
  },
  {
    name: "that reads beyond both ends of its source",
    source: noise(300, 7),
    triples: [
      [40, 0, -70],
      [60, 3, 260],
      [90, 5, 0],
    ],
  },
  { name: "of an empty source", source: new Uint8Array(0), triples: [[0, 90, 0]] },
  { name: "of an empty target", source: text, triples: [] },
];
/** So long that brotli is read as a stream and not at once. */
const long: Plan = {
  name: "that is long",
  source: noise(6000, 3),
  triples: [
    [3000, 400, -500],
    [1900, 300, 0],
  ],
};

function makeSeed(
  { name, source, triples }: Plan,
  container: Container,
  compressors: Compressors = BZIP2_ONLY,
): BsdiffSeed {
  const made: number[] = [];
  const diff: number[] = [];
  const extra: number[] = [];
  const control = new Uint8Array(triples.length * TRIPLE_BYTES);
  let position = 0;
  for (const [index, [add, copy, seek]] of triples.entries()) {
    for (const [field, value] of [add, copy, seek].entries())
      writeInteger(control, index * TRIPLE_BYTES + field * 8, value);
    for (let i = 0; i < add; i++) {
      const change = (i * 31 + index) % 13 === 0 ? (i * 57) & 0xff : 0;
      diff.push(change);
      made.push((change + (source[position + i] ?? 0)) & 0xff);
    }
    for (let i = 0; i < copy; i++) extra.push((i * i * 7 + index) & 0xff);
    made.push(...extra.slice(extra.length - copy));
    position += add + seek;
  }
  const target = Uint8Array.from(made);
  const plain: Streams = [control, Uint8Array.from(diff), Uint8Array.from(extra)];
  const packed = plain.map((stream, i) => compress[compressors[i]!](stream)) as unknown as Streams;
  const seed = { name, source, target, container, compressors, plain, packed, patch: target };
  const patch =
    container === "endsley"
      ? endsley(target.length, compress.bzip2(interleave(plain)))
      : assemble(container, compressors, target.length, packed);
  return { ...seed, patch };
}

/** As good as these compress: several tables, real back references. */
const compress: Readonly<Record<Compressor, (bytes: Uint8Array) => Uint8Array>> = {
  none: (bytes) => bytes,
  brotli: (bytes) => brotliCompressSync(bytes),
  bzip2: (bytes) => {
    const encoder = new Bzip2Encoder(new Bzip2Kernel(1));
    encoder.push(bytes);
    const packed = encoder.finish();
    // A block of at most 100,000 bytes is enough, and no checksum covers that digit.
    return replace(packed, 3, 4, Buffer.from("1"));
  },
};

const quick: Readonly<Record<Compressor, (bytes: Uint8Array) => Uint8Array>> = {
  none: (bytes) => bytes,
  brotli: quickBrotli,
  bzip2: quickBzip2,
};

function assemble(
  container: Container,
  compressors: Compressors,
  targetSize: number,
  packed: Streams,
  lengths: readonly [number, number] = [packed[0].length, packed[1].length],
): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  if (container === "bsdf2") {
    header.set(BSDF2_MAGIC);
    for (const [i, compressor] of compressors.entries()) header[5 + i] = COMPRESSORS.indexOf(compressor);
  } else header.set(BSDIFF40_MAGIC);
  writeInteger(header, 8, lengths[0]);
  writeInteger(header, 16, lengths[1]);
  writeInteger(header, 24, targetSize);
  return Buffer.concat([header, ...packed]);
}

function endsley(targetSize: number, packed: Uint8Array): Uint8Array {
  const header = new Uint8Array(ENDSLEY_HEADER_BYTES);
  header.set(ENDSLEY_MAGIC);
  writeInteger(header, 16, targetSize);
  return Buffer.concat([header, packed]);
}

/** Behind each triple what it takes, as far as there is some. */
function interleave([control, diff, extra]: Streams): Uint8Array {
  const parts: Uint8Array[] = [];
  let [added, copied] = [0, 0];
  for (let at = 0; at < control.length; at += TRIPLE_BYTES) {
    const triple = control.subarray(at, at + TRIPLE_BYTES);
    const add = triple.length < TRIPLE_BYTES ? 0 : lengthAt(triple, 0);
    const copy = triple.length < TRIPLE_BYTES ? 0 : lengthAt(triple, 8);
    parts.push(triple, diff.subarray(added, added + add), extra.subarray(copied, copied + copy));
    added += add;
    copied += copy;
  }
  return Buffer.concat([...parts, diff.subarray(added), extra.subarray(copied)]);
}

function lengthAt(triple: Uint8Array, at: number): number {
  try {
    return Math.max(0, readInteger(triple, at));
  } catch {
    return 0;
  }
}

function forge(seed: BsdiffSeed, roll: Roll): Uint8Array {
  const { container, plain, source, target } = seed;
  const streams: [Uint8Array, Uint8Array, Uint8Array] = [...plain];
  // As much as may be, so that lengths that lie find something to take.
  if (roll(6) === 0) streams[2] = Buffer.concat([plain[2], plain[1], plain[2]]).subarray(0, target.length);
  for (let edits = 1 + roll(2); edits > 0; edits--) {
    const which = roll(5);
    if (which === 1 || which === 2) streams[which] = mutateBytes(streams[which], plain, roll);
    else if (which === 0) streams[0] = mutateBytes(streams[0], plain, roll);
    else streams[0] = editTriples(streams[0], [source.length, target.length], roll);
  }
  const targetSize = roll(12) ? target.length : signed(edgeNumber([target.length, 0], roll), roll);
  if (container === "endsley") return endsley(targetSize, quickBzip2(interleave(streams)));
  const compressors =
    container === "bsdf2" && roll(3) === 0
      ? (seed.compressors.map(() => pick(COMPRESSORS, roll)) as unknown as Compressors)
      : seed.compressors;
  const packed = streams.map((stream, i) =>
    stream === plain[i] && compressors[i] === seed.compressors[i]
      ? seed.packed[i]!
      : quick[compressors[i]!](stream),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  if (roll(20) === 0) packed.reverse();
  const lengths: [number, number] = [packed[0].length, packed[1].length];
  if (roll(15) === 0) lengths[roll(2)] = signed(edgeNumber([...lengths, seed.patch.length], roll), roll);
  return assemble(container, compressors, targetSize, packed, lengths);
}

function editTriples(control: Uint8Array, near: readonly number[], roll: Roll): Uint8Array {
  const count = Math.floor(control.length / TRIPLE_BYTES);
  const at = roll(count + 1) * TRIPLE_BYTES;
  const triple = control.slice(at, at + TRIPLE_BYTES);
  switch (roll(5)) {
    case 0:
      return replace(control, at, Math.min(control.length, at + TRIPLE_BYTES), []);
    case 1:
      return replace(control, at, at, triple);
    case 2: {
      const idle = new Uint8Array((1 + roll(40)) * TRIPLE_BYTES);
      if (roll(2)) writeInteger(idle, 16, signed(edgeNumber(near, roll), roll));
      return replace(control, at, at, idle);
    }
    default: {
      if (triple.length < TRIPLE_BYTES) return replace(control, at, at, new Uint8Array(TRIPLE_BYTES));
      const field = roll(3) * 8;
      const value = signed(edgeNumber([...near, lengthAt(triple, field), 1], roll), roll);
      writeInteger(triple, field, value);
      // What is taken from one length the other may make up for.
      if (field < 16 && roll(2)) {
        const both = lengthAt(control.subarray(at), 0) + lengthAt(control.subarray(at), 8);
        writeInteger(triple, 8 - field, both - value);
      }
      return replace(control, at, at + TRIPLE_BYTES, triple);
    }
  }
}

function signed(value: number, roll: Roll): number {
  return roll(4) ? value : -value;
}

export const hostileBsdiff40: HostileFormat<BsdiffSeed> = {
  name: "BSDIFF40",
  algorithm: "BSDIFF",
  seeds: plans.map((plan) => makeSeed(plan, "bsdiff40")),
  forge,
};

export const hostileEndsley: HostileFormat<BsdiffSeed> = {
  name: "ENDSLEY/BSDIFF43",
  algorithm: "BSDIFF",
  seeds: plans.map((plan) => makeSeed(plan, "endsley")),
  forge,
};

export const hostileBsdf2: HostileFormat<BsdiffSeed> = {
  name: "BSDF2",
  algorithm: "BSDIFF",
  seeds: [
    ...plans.map((plan) => makeSeed(plan, "bsdf2", ["brotli", "brotli", "brotli"])),
    ...plans.map((plan) => makeSeed(plan, "bsdf2", ["none", "none", "none"])),
    makeSeed(plans[0]!, "bsdf2", BZIP2_ONLY),
    makeSeed(plans[0]!, "bsdf2", ["none", "brotli", "bzip2"]),
    makeSeed(long, "bsdf2", ["brotli", "brotli", "none"]),
  ].map((seed) => ({ ...seed, name: `${seed.name}, ${seed.compressors.join(", ")}` })),
  forge,
};
