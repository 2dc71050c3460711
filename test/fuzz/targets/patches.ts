/**
 * Patches of every format: exactly the bytes that were asked for come out, or a refusal; so do those of the whole way,
 * where the target's digest decides (test/format/delta/fuzz counts what each takes of memory and time).
 */
import { attempt, describePatch } from "../../format/delta/fuzz/attempt-patch.ts";
import type { HostileFormat, Seed } from "../../format/delta/fuzz/hostile-format.ts";
import { mutateBytes } from "../../format/delta/fuzz/mutate.ts";
import type { FuzzSeed, FuzzTarget } from "../engine/target.ts";

type PatchSeed<S extends Seed> = FuzzSeed & { readonly of: S };

export function patchTarget<S extends Seed>(format: HostileFormat<S>): FuzzTarget<PatchSeed<S>> {
  return {
    seeds: format.seeds.map((of) => ({ name: of.name, bytes: of.patch, of })),
    // Refusals are counted as outcomes below.
    refusals: [],
    // Only what nobody has touched yet can be taken apart by someone who knows its format.
    mutate: ({ bytes, seed, other, roll }) =>
      bytes === seed.bytes && roll(5) > 1 ? format.forge(seed.of, roll) : mutateBytes(bytes, [other], roll),
    act: async (bytes, { of }) => {
      describePatch(bytes);
      return attempt(format.algorithm, of, bytes, of.target.length);
    },
  };
}
