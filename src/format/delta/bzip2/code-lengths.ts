/**
 * Lengths of Huffman codes, none longer than a limit (Huffman 1952).
 *
 * When a code comes out too long the weights are flattened and all is done again, as bzip2 does it.
 */
export function codeLengths(weights: ArrayLike<number>, maxLength: number): Uint8Array {
  const symbols = weights.length;
  // A symbol that does not occur has a code too.
  let flattened = Array.from({ length: symbols }, (_, i) => Math.max(1, weights[i]!));
  for (;;) {
    const lengths = unlimitedLengths(flattened);
    if (lengths.every((length) => length <= maxLength)) return lengths;
    flattened = flattened.map((weight) => Math.floor(weight / 2) + 1);
  }
}

/** Two queues: leaves by weight, and joined nodes, which come out by weight by themselves. */
function unlimitedLengths(weights: readonly number[]): Uint8Array {
  const count = weights.length;
  const order = Array.from(weights.keys()).sort((a, b) => weights[a]! - weights[b]! || a - b);
  const weight = new Float64Array(2 * count);
  const parent = new Int32Array(2 * count).fill(-1);
  for (const [place, symbol] of order.entries()) weight[place] = weights[symbol]!;
  let leaf = 0;
  let joined = count;
  let end = count;
  const smallest = (): number =>
    leaf < count && (joined === end || weight[leaf]! <= weight[joined]!) ? leaf++ : joined++;
  while (end < 2 * count - 1) {
    const a = smallest();
    const b = smallest();
    weight[end] = weight[a]! + weight[b]!;
    parent[a] = end;
    parent[b] = end;
    end++;
  }
  const depth = new Uint8Array(2 * count);
  for (let node = end - 2; node >= 0; node--) depth[node] = depth[parent[node]!]! + 1;
  const lengths = new Uint8Array(count);
  for (const [place, symbol] of order.entries()) lengths[symbol] = Math.max(1, depth[place]!);
  return lengths;
}

/** The canonical codes of these lengths: shorter first, then by symbol. */
export function canonicalCodes(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= 20; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === length) codes[symbol] = code++;
    }
    code *= 2;
  }
  return codes;
}
