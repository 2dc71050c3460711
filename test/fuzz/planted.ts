/** Readers with a fault each, so that the fuzzer can be seen to find them. */
import type { FuzzTarget } from "./engine/target.ts";

const target = (act: (bytes: Uint8Array) => string): FuzzTarget => ({
  seeds: [{ name: "four zeros", bytes: new Uint8Array(4) }],
  refusals: [],
  mutate: ({ bytes, roll }) => {
    const mutated = new Uint8Array(roll(8) ? bytes.length : 9);
    mutated.set(bytes.subarray(0, mutated.length));
    mutated[roll(mutated.length)] = roll(256);
    return mutated;
  },
  act,
});

export const crash: FuzzTarget = target(readMagic);
export const forever: FuzzTarget = target(readForever);
export const slow: FuzzTarget = target(readSlowly);
export const heap: FuzzTarget = target(readIntoHeap);
export const buffer: FuzzTarget = target(readIntoBuffer);

/** Byte by byte, so that only what runs says that one is nearer. */
function readMagic(bytes: Uint8Array): string {
  if (bytes[0] !== 0x54) return "no magic";
  if (bytes[1] !== 0x48) return "no magic";
  if (bytes[2] !== 0x45) return "no magic";
  if (bytes[3] !== 0x4d) return "no magic";
  throw new TypeError("undefined is not a function");
}

function readForever(bytes: Uint8Array): string {
  while (bytes.length > 8);
  return "short";
}

function readSlowly(bytes: Uint8Array): string {
  if (bytes.length < 9) return "short";
  const until = process.threadCpuUsage().user + 1_050_000;
  while (process.threadCpuUsage().user < until);
  return "long";
}

function readIntoHeap(bytes: Uint8Array): string {
  const held: object[] = [];
  while (bytes.length > 8) held.push({ held });
  return "short";
}

function readIntoBuffer(bytes: Uint8Array): string {
  return `${new Uint8Array(bytes.length > 8 ? 300 << 20 : 1).length} bytes`;
}
