/** A format of patches as someone sees it who writes them to do harm. */
import type { Algorithm } from "../../../../src/format/manifest/delta-manifest.ts";
import type { Roll } from "./dice.ts";

export type Seed = {
  readonly name: string;
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly patch: Uint8Array;
};

export type HostileFormat<S extends Seed = Seed> = {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly seeds: readonly S[];
  /** A mutation by someone who knows the format: checksums, lengths and compressed streams are made to fit. */
  readonly forge: (seed: S, roll: Roll) => Uint8Array;
};
