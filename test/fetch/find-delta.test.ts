import { expect, it } from "vitest";
import { findDelta } from "../../src/fetch/find-delta.ts";
import type { Delta } from "../../src/format/manifest/delta-manifest.ts";

const OLD = "1".repeat(64);
const OLDER = "2".repeat(64);
const NEW = "3".repeat(64);

function delta(changes: Partial<Delta> = {}): Delta {
  return {
    path: "app",
    base_path: "app",
    base_hash: OLD,
    base_size: 10,
    target_hash: NEW,
    target_size: 12,
    patch_size: 5,
    algorithm: "BSDIFF",
    apply_memory: 50,
    blob: { pack: "delta-1-0.pack", offset: 512, length: 5, encoding: "identity" },
    ...changes,
  };
}

const wanted = { path: "app", sha256: NEW };
const installed = new Map([
  ["app", OLD],
  ["lib/old", OLDER],
]);
const renamed = delta({ base_path: "lib/old", base_hash: OLDER, patch_size: 3, apply_memory: 90 });

it.each([
  { why: "the one whose source is here", deltas: [delta({ base_hash: OLDER }), delta()], expected: delta() },
  { why: "the smallest of several", deltas: [delta(), renamed], expected: renamed },
  {
    why: "the smallest that the device can apply",
    deltas: [renamed, delta()],
    applyMemory: 89,
    expected: delta(),
  },
  { why: "one that needs exactly what there is", deltas: [renamed], applyMemory: 90, expected: renamed },
  {
    why: "the first of two that are as small",
    deltas: [delta(), delta({ algorithm: "VCDIFF" })],
    expected: delta(),
  },
])("finds $why", ({ deltas, applyMemory, expected }) => {
  expect(findDelta({ ...wanted, installed, deltas, applyMemory })).toEqual({
    kind: "found",
    delta: expected,
  });
});

it.each([
  { kind: "no-delta", why: "is for another file", deltas: [delta({ path: "other" })] },
  { kind: "no-delta", why: "makes another target", deltas: [delta({ target_hash: OLD })] },
  { kind: "no-delta", why: "exists", deltas: [] },
  { kind: "other-source", why: "starts from a changed file", deltas: [delta({ base_hash: OLDER })] },
  { kind: "other-source", why: "starts from a missing file", deltas: [delta({ base_path: "gone" })] },
  { kind: "too-much-memory", why: "needs more than there is", deltas: [delta(), renamed], applyMemory: 49 },
])("says $kind when one $why", ({ kind, deltas, applyMemory }) => {
  const found = findDelta({ ...wanted, installed, deltas, applyMemory });
  expect(found.kind).toBe(kind);
  if (found.kind === "too-much-memory")
    expect(found.why).toBe("its delta needs 50 bytes of memory, more than the 49 allowed");
});
