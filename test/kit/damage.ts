/**
 * What disks, networks and people do to a file, at random places: plain data, so that a counterexample can be read.
 * Places are parts of the file, from 0 to 1, whatever its length.
 */
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";

export type Damage =
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "truncate"; readonly at: number }
  | { readonly kind: "zero"; readonly at: number; readonly bytes: number }
  | { readonly kind: "append"; readonly bytes: Uint8Array }
  /** Two stretches that change places. */
  | { readonly kind: "swap"; readonly at: number; readonly with: number; readonly bytes: number };

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const stretch = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constantFrom(512, 4096, 1 << 20));

export const arbitraryDamage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("flip" as const),
      at: place,
      bit: fc.integer({ min: 0, max: 7 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("truncate" as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("zero" as const), at: place, bytes: stretch }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("swap" as const), at: place, with: place, bytes: stretch }),
  },
);

export function damaged(bytes: Uint8Array, damage: Damage): Buffer<ArrayBuffer> {
  const out = Buffer.from(bytes);
  const offset = (part: number): number => Math.floor(part * out.length);
  switch (damage.kind) {
    case "flip":
      if (out.length > 0) out[offset(damage.at)]! ^= 1 << damage.bit;
      return out;
    case "truncate":
      return out.subarray(0, offset(damage.at));
    case "zero":
      out.subarray(offset(damage.at), offset(damage.at) + damage.bytes).fill(0);
      return out;
    case "append":
      return Buffer.concat([out, damage.bytes]);
    case "swap": {
      const [first, second] = [offset(damage.at), offset(damage.with)].sort((a, b) => a - b) as [
        number,
        number,
      ];
      const length = Math.min(damage.bytes, second - first, out.length - second);
      out.copyWithin(first, second, second + length);
      out.set(bytes.subarray(first, first + length), second);
      return out;
    }
  }
}

export function damageFile(path: string, damage: Damage): void {
  writeFileSync(path, damaged(readFileSync(path), damage));
}
