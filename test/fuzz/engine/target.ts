/**
 * Something that reads bytes from strangers, and what must hold of it whatever the bytes are.
 *
 *   seeds    honest inputs, from which all others descend
 *   mutate   one of many ways to spoil an input, by someone who knows its format
 *   act      reads it: a word for what came of it, or a refusal of one of our classes; anything else is a finding
 *
 * `act` also throws for what must not be: a changed signed byte that is believed, a document that has two spellings.
 */
import type { Roll } from "../../format/delta/fuzz/dice.ts";

export type FuzzSeed = { readonly name: string; readonly bytes: Uint8Array };

export type FuzzTarget<S extends FuzzSeed = FuzzSeed> = {
  readonly seeds: readonly S[];
  /** Names of the error classes that a refusal may be of. */
  readonly refusals: readonly string[];
  readonly mutate: (input: MutationInput<S>) => Uint8Array;
  readonly act: (bytes: Uint8Array, seed: S) => string | Promise<string>;
};

export type MutationInput<S extends FuzzSeed = FuzzSeed> = {
  readonly bytes: Uint8Array;
  /** The seed that they descend from. */
  readonly seed: S;
  /** Another input that was worth keeping. */
  readonly other: Uint8Array;
  readonly roll: Roll;
};

export type TargetEntry = {
  readonly name: string;
  /** How many inputs it gets, beside what the others get: what is quick gets more. */
  readonly weight: number;
  /** URL of the module that exports it, or the format of patches that it is made of. */
  readonly module: string;
  readonly kind: { readonly export: string; readonly isPatch?: true };
};

/** What must never be, whatever bytes come in. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function violation(why: string): never {
  throw new Violation(why);
}
