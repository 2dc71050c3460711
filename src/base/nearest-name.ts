/**
 * The name that was probably meant: equal but for case, "_" and "-", or a few slips of the keyboard away.
 *
 *   intervall -> interval      trust_anchor -> trustAnchor      soruce -> source
 *
 * Distance counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
 */

/** One slip in three letters, and three at the most; more is another word. */
const LETTERS_PER_SLIP = 3;
const MOST_SLIPS = 3;
/** No name of ours is longer, and the work is the product of both lengths. */
const MAX_CHARACTERS = 64;

/** undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_CHARACTERS) return undefined;
  const wanted = plain(name);
  let best: string | undefined;
  const slipsAllowed = wanted.length < 2 ? 0 : Math.max(1, Math.floor(wanted.length / LETTERS_PER_SLIP));
  let least = Math.min(MOST_SLIPS, slipsAllowed) + 1;
  for (const each of known) {
    const slips = distance(wanted, plain(each));
    if (slips < least) [best, least] = [each, slips];
  }
  return best;
}

/** Equal but for case, "_" and "-". */
export function isSameName(one: string, other: string): boolean {
  return plain(one) === plain(other);
}

function plain(name: string): string {
  return name.replace(/[_-]/g, "").toLowerCase();
}

function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(last[column]! + 1, line[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) least = Math.min(least, beforeLast[column - 2]! + 1);
      line.push(least);
    }
    [beforeLast, last] = [last, line];
  }
  return last[b.length]!;
}
