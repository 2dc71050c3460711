/** Texts of which each is quadratic for some suffix sorter. */
import { noise } from "../kit/world.ts";

const SIZE = 300_000;
export const hostile: Readonly<Record<string, Uint8Array>> = {
  zeros: new Uint8Array(SIZE),
  "zeros between ones": new Uint8Array(SIZE).map((_, i) => (i % 997 === 0 ? 1 : 0)),
  "a period of two": new Uint8Array(SIZE).map((_, i) => i & 1),
  "a period of 1000": new Uint8Array(SIZE).map((_, i) => noise(1000, 1)[i % 1000]!),
  "a Fibonacci word": fibonacci(SIZE),
  "the Thue-Morse word": new Uint8Array(SIZE).map((_, i) => i.toString(2).replaceAll("0", "").length & 1),
  "the same noise twice": Buffer.concat([noise(SIZE / 2, 1), noise(SIZE / 2, 1)]),
  "a ramp up": new Uint8Array(SIZE).map((_, i) => i >> 11),
  "a ramp down": new Uint8Array(SIZE).map((_, i) => 255 - (i >> 11)),
  "runs of growing length": Buffer.concat(Array.from({ length: 700 }, (_, n) => Buffer.alloc(n, n & 1))),
};

function fibonacci(size: number): Uint8Array {
  let [a, b] = ["b", "ba"];
  while (b.length < size) [a, b] = [b, b + a];
  return Buffer.from(b.slice(0, size));
}
