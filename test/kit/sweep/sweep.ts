/**
 * How much of a sweep is run: all of it with THEMIS_SWEEP=all (npm run sweep), a part that ends in a minute or two
 * otherwise. Both say how much it was.
 */
import { availableParallelism } from "node:os";
import { mapInOrder } from "../../../src/base/parallel.ts";

export const IS_WHOLE = process.env.THEMIS_SWEEP === "all";
/** Of what is drawn by lot where there is too much. */
export const SEED = Number(process.env.THEMIS_SWEEP_SEED ?? 1);

/** All, or as many as are said, from the first to the last. */
export function chosen<T>(items: readonly T[], most: number): T[] {
  if (IS_WHOLE || items.length <= most) return [...items];
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!);
}

/** @param run says what is wrong; nothing when all is well @returns all of that, with the item's name before it */
export async function sweep<T>(
  items: readonly T[],
  name: (item: T) => string,
  run: (item: T, index: number) => Promise<readonly string[]>,
): Promise<string[]> {
  const faults: string[] = [];
  const named = async (item: T, index: number): Promise<string[]> =>
    (await run(item, index)).map((fault) => `${name(item)}: ${fault}`);
  for await (const found of mapInOrder(items, availableParallelism(), named)) faults.push(...found);
  return faults;
}
