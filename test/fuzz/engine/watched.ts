/**
 * What a thread is reading just now, where the thread that watches it sees it: when it never answers, or is gone, the
 * input is still there.
 */
const HEAD_BYTES = 12;
const MAX_BYTES = 96 << 10;

export type Watched = { readonly calls: number; readonly seed: number; readonly bytes: Uint8Array };

export function newWatch(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + MAX_BYTES);
}

export function showInput(watch: SharedArrayBuffer, seed: number, bytes: Uint8Array): void {
  const head = new Int32Array(watch, 0, 3);
  new Uint8Array(watch, HEAD_BYTES).set(bytes.subarray(0, MAX_BYTES));
  head[1] = seed;
  head[2] = Math.min(bytes.length, MAX_BYTES);
  Atomics.add(head, 0, 1);
}

export function readInput(watch: SharedArrayBuffer): Watched {
  const head = new Int32Array(watch, 0, 3);
  const bytes = Uint8Array.from(new Uint8Array(watch, HEAD_BYTES, head[2]!));
  return { calls: Atomics.load(head, 0), seed: head[1]!, bytes };
}
