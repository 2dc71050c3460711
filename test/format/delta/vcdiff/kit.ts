/** What the VCDIFF tests share: one call to decode, windows made of any operations, pairs of files as releases are. */
import { memorySource } from "../../../../src/base/byte-source.ts";
import { DeltaError } from "../../../../src/format/delta/error.ts";
import { decodeVcdiff } from "../../../../src/format/delta/vcdiff/decode.ts";
import {
  encodeVcdiffHeader,
  OPERATION_ADD,
  OPERATION_COPY,
  OPERATION_RUN,
  VcdiffEncoder,
  type VcdiffFileOptions,
} from "../../../../src/format/delta/vcdiff/encode.ts";
import { noise } from "../../../kit/world.ts";

export function decode(source: Uint8Array, patch: Uint8Array, targetSize: number): Buffer {
  const target = Buffer.alloc(targetSize);
  let at = 0;
  const pieces = decodeVcdiff({
    source: memorySource(source),
    patch: memorySource(patch),
    // Only what was yielded may be read back.
    written: {
      size: targetSize,
      read: (position, into) => memorySource(target.subarray(0, at)).read(position, into),
    },
    targetSize,
  });
  for (const piece of pieces) {
    if (piece.length > targetSize - at) throw new Error("more was yielded than the target holds");
    target.set(piece, at);
    at += piece.length;
  }
  if (at !== targetSize) throw new Error(`${at} bytes were yielded of ${targetSize}`);
  return target;
}

/** The code of the refusal, or "accepted". Anything that is no refusal is thrown on. */
export function refusal(act: () => unknown): string {
  try {
    act();
    return "accepted";
  } catch (error) {
    if (error instanceof DeltaError) return error.code;
    throw error;
  }
}

/** A wish; where it lies and how long it may be is made to fit. */
export type Wish = { readonly kind: number; readonly size: number; readonly where: number };

/** Carries wishes out by the book, independently of the decoder: what they make, and the operations. */
export function makeWindow(
  segment: Uint8Array,
  wishes: readonly Wish[],
): { target: Uint8Array; operations: Float64Array } {
  const u: number[] = [...segment];
  const operations: number[] = [];
  for (const { kind, size, where } of wishes) {
    if (size === 0 || (kind === OPERATION_COPY && u.length === 0)) continue;
    if (kind === OPERATION_COPY) {
      const address = where % u.length;
      const fits = address < segment.length ? Math.min(size, segment.length - address) : size;
      for (let i = 0; i < fits; i++) u.push(u[address + i]!);
      operations.push(OPERATION_COPY, fits, address);
    } else {
      for (let i = 0; i < size; i++)
        u.push(kind === OPERATION_RUN ? where & 0xff : (where * (i + 1) * 31) & 0xff);
      operations.push(kind === OPERATION_RUN ? OPERATION_RUN : OPERATION_ADD, size, 0);
    }
  }
  return { target: Uint8Array.from(u.slice(segment.length)), operations: Float64Array.from(operations) };
}

export function encodePatch(
  source: Uint8Array,
  windows: readonly { wishes: readonly Wish[]; segment: readonly [number, number] | undefined }[],
  { adler32 = false, ...file }: { adler32?: boolean } & VcdiffFileOptions = {},
): { patch: Buffer; target: Buffer } {
  const encoder = new VcdiffEncoder(file.codeTable);
  const patch: Uint8Array[] = [encodeVcdiffHeader(file)];
  const targets: Uint8Array[] = [];
  for (const { wishes, segment } of windows) {
    const [position, length] = segment ?? [0, 0];
    const { target, operations } = makeWindow(source.subarray(position, position + length), wishes);
    const sourceSegment = segment && { position, length };
    patch.push(
      ...encoder.writeWindow({ target, sourceSegment, operations, adler32 }).map((piece) => piece.slice()),
    );
    targets.push(target);
  }
  return { patch: Buffer.concat(patch), target: Buffer.concat(targets) };
}

export type Pair = { readonly name: string; readonly source: Buffer; readonly target: Buffer };

/** Files as two releases of them differ: text, code whose addresses moved, zeros, nothing in common, nothing at all. */
export function pairs(): Pair[] {
  const text = Buffer.from(
    Array.from(
      { length: 9000 },
      (_, i) => `line ${i} of ${(i * 7919) % 1009}: ${"abc".repeat(i % 9)}\n`,
    ).join(""),
  );
  const edited = Buffer.from(
    text
      .toString()
      .replaceAll(" of 1", " from 1")
      .replace(/line 4\d\d /g, "row "),
  );
  const code = (shift: number): Buffer => {
    const bytes = noise(600_000, 11);
    for (let at = 0; at + 4 <= bytes.length; at += 24) bytes.writeUInt32LE((at * 3 + shift) >>> 0, at);
    return bytes;
  };
  const inserted = code(64);
  return [
    { name: "text", source: text, target: edited },
    {
      name: "code",
      source: code(0),
      target: Buffer.concat([inserted.subarray(0, 200_000), noise(300, 5), inserted.subarray(200_100)]),
    },
    {
      name: "zeros",
      source: Buffer.alloc(100_000),
      target: Buffer.concat([Buffer.alloc(300_000), Buffer.from("x")]),
    },
    { name: "strangers", source: noise(50_000, 1), target: noise(70_000, 2) },
    { name: "an empty source", source: Buffer.alloc(0), target: text.subarray(0, 40_000) },
    { name: "an empty target", source: text, target: Buffer.alloc(0) },
    { name: "one byte", source: Buffer.from("a"), target: Buffer.from("b") },
  ];
}
