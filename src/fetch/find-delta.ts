/**
 * Which delta rebuilds a target on this device.
 *
 * A delta applies when the file at its `base_path` has, byte for byte, the source's digest, and when the
 * device may spend the memory that it needs. Of several (from several older releases) the smallest patch.
 */
import type { Delta } from "../format/manifest/delta-manifest.ts";

export type DeltaSearch<Known extends Delta = Delta> = {
  /** What is wanted. */
  readonly path: string;
  /** SHA-256 of its bytes, lower-case hex. */
  readonly sha256: string;
  /** What is installed: the SHA-256 of each file, by its path relative to the root. */
  readonly installed: ReadonlyMap<string, string>;
  /** Of one delta manifest or of several; those of other paths are passed over. */
  readonly deltas: readonly Known[];
  /** In bytes, beyond what the client takes to start; undefined is all there is. */
  readonly applyMemory?: number | undefined;
};

export type FoundDelta<Known extends Delta = Delta> =
  | { readonly kind: "found"; readonly delta: Known }
  /** `why` is one sentence for a person; "" when nobody made a delta for this target. */
  | { readonly kind: "no-delta" | "other-source" | "too-much-memory"; readonly why: string };

export function findDelta<Known extends Delta>({
  path,
  sha256,
  installed,
  deltas,
  applyMemory,
}: DeltaSearch<Known>): FoundDelta<Known> {
  const made = deltas.filter((delta) => delta.path === path && delta.target_hash === sha256);
  if (made.length === 0) return { kind: "no-delta", why: "" };
  const applicable = made
    .filter(({ base_path, base_hash }) => installed.get(base_path) === base_hash)
    .sort((a, b) => a.patch_size - b.patch_size);
  if (applicable.length === 0)
    return { kind: "other-source", why: "no delta starts from the files that are here" };
  const delta = applicable.find(
    ({ apply_memory }) => apply_memory <= (applyMemory ?? Number.POSITIVE_INFINITY),
  );
  if (delta) return { kind: "found", delta };
  const least = Math.min(...applicable.map(({ apply_memory }) => apply_memory));
  return {
    kind: "too-much-memory",
    why: `its delta needs ${least} bytes of memory, more than the ${applyMemory} allowed`,
  };
}
