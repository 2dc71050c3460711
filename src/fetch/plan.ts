/** What an update will do, decided beforehand as data: the dry run prints it and the real run obeys it. */
import type { Blob } from "../format/manifest/blob.ts";
import type { Delta, RemovedFile } from "../format/manifest/delta-manifest.ts";
import type { Manifest, Pack, Target, TargetType } from "../format/manifest/manifest.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import { renamed, type Verified } from "../trust/verified.ts";
import { type FoundDelta, findDelta } from "./find-delta.ts";
import { type OperatorsFile, operatorsFile } from "./operators-files.ts";
import { transferBytes } from "./transfer/pieces.ts";

export type PlanStep =
  | { readonly kind: "keep"; readonly target: Verified<Target> }
  | { readonly kind: "chmod"; readonly target: Verified<Target> }
  /** The same bytes lie elsewhere in the tree. */
  | { readonly kind: "copy"; readonly target: Verified<Target>; readonly from: string }
  /** The store has them. */
  | { readonly kind: "store"; readonly target: Verified<Target> }
  | { readonly kind: "patch"; readonly target: Verified<Target>; readonly delta: Verified<Delta> }
  /** `why` there is a delta and it is not used; "" where there is none. */
  | { readonly kind: "download"; readonly target: Verified<Target>; readonly why: string }
  | { readonly kind: "link"; readonly target: Verified<Target> }
  | { readonly kind: "folder"; readonly target: Verified<Target> }
  | { readonly kind: "remove"; readonly path: string; readonly folder: boolean };

export type Plan = {
  readonly steps: readonly PlanStep[];
  /** Files of an older release that somebody changed: they stay. */
  readonly kept: readonly string[];
  /** Files of the release that the operator changed: they stay too. */
  readonly operators: readonly OperatorsFile[];
  /** Programs first, then libraries, then the rest. */
  readonly blobs: readonly Verified<Blob>[];
  /** Whole pieces around the blobs, at the most. */
  readonly bytesToFetch: number;
  /** What the same update would fetch without deltas. */
  readonly bytesFull: number;
};

export type PlanRequest = {
  readonly wanted: Verified<Manifest>;
  readonly found: ReadonlyMap<string, EntryRecord>;
  readonly recorded: readonly EntryRecord[];
  readonly deltas: readonly Verified<Delta>[];
  /** Used only where nothing was recorded. */
  readonly removed: readonly Verified<RemovedFile>[];
  /** What this device may spend to apply one delta, in bytes; undefined is all there is. */
  readonly applyMemory?: number | undefined;
  /** Globs of files that are the operator's own. */
  readonly keep?: readonly string[] | undefined;
  /** Whether a store has these bytes; default: there is none. */
  readonly isStored?: ((target: Target) => boolean) | undefined;
};

type Found = FoundDelta<Verified<Delta>>;

export function planUpdate(request: PlanRequest): Plan {
  const { applyMemory } = request;
  const byPath = Map.groupBy(request.deltas, ({ path }) => path);
  const installed = new Map<string, string>();
  const places = new Map<string, string>();
  for (const { path, kind, sha256 } of request.found.values()) {
    if (kind !== "file") continue;
    installed.set(path, sha256);
    places.set(sha256, path);
  }
  const find = ({ path, sha256_hash: sha256 }: Target): Found =>
    findDelta({ path, sha256, installed, deltas: byPath.get(path) ?? [], applyMemory });
  const { steps: removals, kept } = planRemovals(request);
  const operators = findOperators(request);
  const targets = request.wanted.files.flatMap((target): Verified<Target>[] => {
    const own = operators.get(target.path);
    if (!own) return [target];
    return own.beside === "" ? [] : [renamed(target, own.beside)];
  });
  const steps = [...removals, ...targets.map((target) => planTarget(target, request, find, places))];
  return { ...costOf(steps, request.wanted.packs), steps, kept, operators: [...operators.values()] };
}

/** The same plan without the patches that lie in one pack, and the paths that go whole for it. */
export function withoutPack(
  plan: Plan,
  asset: string,
  packs: readonly Verified<Pack>[],
): { readonly plan: Plan; readonly paths: readonly string[] } {
  const paths: string[] = [];
  const steps = plan.steps.map((step): PlanStep => {
    if (step.kind !== "patch" || step.delta.blob.pack !== asset) return step;
    paths.push(step.target.path);
    return { kind: "download", target: step.target, why: `${asset} cannot be used` };
  });
  return { plan: { ...plan, ...costOf(steps, packs), steps }, paths };
}

/** What is fetched early, the last one first: a cut transfer has then what is hardest to do without. */
const FIRST: readonly TargetType[] = ["library", "executable"];

function costOf(
  steps: readonly PlanStep[],
  packs: readonly Verified<Pack>[],
): Pick<Plan, "blobs" | "bytesToFetch" | "bytesFull"> {
  const fetched = steps.flatMap((step) => {
    if (step.kind !== "patch" && step.kind !== "download") return [];
    const { blob: whole, type } = step.target;
    return [{ blob: step.kind === "patch" ? step.delta.blob : whole, whole, rank: FIRST.indexOf(type) }];
  });
  const blobs = fetched.toSorted((a, b) => b.rank - a.rank).map(({ blob }) => blob);
  const wholes = fetched.map(({ whole }) => whole);
  return {
    blobs,
    bytesToFetch: transferBytes(packs, blobs),
    bytesFull: transferBytes(packs, wholes),
  };
}

export function changesNothing({ steps }: Plan): boolean {
  return steps.every(({ kind }) => kind === "keep");
}

function findOperators({
  wanted: { files },
  found,
  recorded,
  keep = [],
}: PlanRequest): Map<string, OperatorsFile> {
  if (keep.length === 0) return new Map();
  const was = new Map(recorded.map((entry) => [entry.path, entry]));
  const wanted = new Set(files.map(({ path }) => path));
  const all = files.map((target) => {
    const { path } = target;
    return operatorsFile(keep, target, found.get(path), was.get(path), (beside) => wanted.has(beside));
  });
  return new Map(all.filter((own) => own !== undefined).map((own) => [own.path, own]));
}

function planTarget(
  target: Verified<Target>,
  request: PlanRequest,
  find: (target: Target) => Found,
  places: ReadonlyMap<string, string>,
): PlanStep {
  const found = request.found.get(target.path);
  if (target.type === "directory") {
    const same = found?.kind === "directory" && found.permissions === target.permissions;
    return { kind: same ? "keep" : "folder", target };
  }
  if (target.type === "symlink") {
    const same = found?.kind === "symlink" && found.link_target === target.link_target;
    return { kind: same ? "keep" : "link", target };
  }
  if (found?.kind === "file" && found.sha256 === target.sha256_hash) {
    return { kind: found.permissions === target.permissions ? "keep" : "chmod", target };
  }
  const from = places.get(target.sha256_hash);
  if (from !== undefined && target.size_bytes > 0) return { kind: "copy", target, from };
  if (target.size_bytes > 0 && request.isStored?.(target)) return { kind: "store", target };
  const delta = find(target);
  if (delta.kind === "found") return { kind: "patch", target, delta: delta.delta };
  // On a new device every source is missing, and nobody wonders.
  const isNew = delta.kind === "other-source" && found?.kind !== "file";
  return { kind: "download", target, why: isNew ? "" : delta.why };
}

/** Deepest first, so that a folder is empty when its turn comes. Operators' own files are not ours to remove. */
function planRemovals({ wanted, found, recorded, removed }: PlanRequest): {
  steps: PlanStep[];
  kept: string[];
} {
  const stays = new Set(wanted.files.map(({ path }) => path));
  const old =
    recorded.length > 0
      ? recorded
      : removed.map(({ path, base_hash }) => ({ path, kind: "file", sha256: base_hash }));
  const steps: PlanStep[] = [];
  const kept: string[] = [];
  for (const entry of [...old].sort((a, b) => b.path.length - a.path.length)) {
    const now = found.get(entry.path);
    if (stays.has(entry.path) || !now || now.kind === "absent") continue;
    if (now.kind === "directory") {
      if (entry.kind === "directory") steps.push({ kind: "remove", path: entry.path, folder: true });
    } else if (now.sha256 === entry.sha256) steps.push({ kind: "remove", path: entry.path, folder: false });
    else kept.push(entry.path);
  }
  return { steps, kept };
}
