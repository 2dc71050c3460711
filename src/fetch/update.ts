/**
 * The device's way, in the order it happens:
 *
 *   discover -> verify -> plan -> pre-flight -> transfer -> rebuild -> restore point -> switch
 *
 * Before the release is proven nothing is written but lock and records; before the restore point stands
 * nothing outside of `.themis/` is touched; killed anywhere, the next command finishes or undoes.
 */
import { randomBytes } from "node:crypto";
import { rm, statfs } from "node:fs/promises";
import type { Blob } from "../format/manifest/blob.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import type { TrustAnchor } from "../trust/anchor.ts";
import { checkFreshness, NOTHING_TRUSTED } from "../trust/verify-release.ts";
import type { SignerReport } from "../trust/verify-signature.ts";
import { type Discovered, discover, readDeltaManifests } from "./discover.ts";
import { FetchError } from "./fetch-error.ts";
import { install, type Recovery } from "./install/install.ts";
import { makeRestorePoint } from "./install/restore-point.ts";
import type { OnStep, SwitchStep } from "./install/switch.ts";
import { type DevicePlace, findPlace, withDevice } from "./place.ts";
import { changesNothing, type Plan, type PlanStep, planUpdate, withoutPack } from "./plan.ts";
import { type FellBack, rebuild, type StagedFile } from "./rebuild.ts";
import { scanEntry } from "./scan.ts";
import { openSource } from "./source.ts";
import { DeviceState, type RestorePointRecord } from "./state.ts";
import { PackAbsent, transfer, transferBytes } from "./transfer.ts";

export type UpdateRequest = {
  readonly source: string;
  readonly root: string;
  readonly anchors: readonly TrustAnchor[];
  /** "" for the offered release. */
  readonly version: string;
  readonly connections: number;
  readonly signal?: AbortSignal | undefined;
};

export type UpdateProgress = {
  readonly phase: "downloading" | "rebuilding";
  readonly done: number;
  readonly total: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly savedBytes: number;
};

export type UpdateTools = {
  readonly now: () => Date;
  readonly progress?: (event: UpdateProgress) => void;
  readonly onStep?: OnStep;
};

export type FileOutcome = {
  readonly path: string;
  readonly action: PlanStep["kind"];
  /** "" when no patch was used. */
  readonly algorithm: string;
  readonly bytes: number;
  readonly sizeBytes: number;
};

export type Offer = {
  readonly from: string;
  readonly to: string;
  readonly product: string;
  readonly signers: readonly SignerReport[];
  readonly plan: Plan;
  readonly bytesToFetch: number;
  readonly upToDate: boolean;
};

export type UpdateResult = {
  readonly kind: "updated" | "nothing-to-do" | "downloaded";
  readonly product: string;
  readonly from: string;
  readonly to: string;
  readonly signers: readonly SignerReport[];
  readonly bytesFetched: number;
  readonly bytesFull: number;
  readonly perFile: readonly FileOutcome[];
  readonly fellBack: readonly FellBack[];
  readonly kept: readonly string[];
  readonly restorePoint: string;
  readonly recovery: Recovery;
  readonly durationMs: number;
};

/** Proves what is offered and plans; writes nothing at all. */
export async function planOnly(request: UpdateRequest, { now }: UpdateTools): Promise<Offer> {
  const place = await findPlace(request.root);
  const state = DeviceState.read(place.themis);
  try {
    const found = await prepare(request, place, state, now());
    return {
      from: found.from,
      to: found.release.manifest.version,
      product: found.release.manifest.product,
      signers: found.release.report.signers,
      plan: found.plan,
      bytesToFetch: transferBytes(found.release.manifest.packs, found.plan.blobs),
      upToDate: changesNothing(found.plan),
    };
  } finally {
    state?.close();
  }
}

/** @throws FetchError, TrustError, ReleaseError, DocumentError, PathError */
export async function update(request: UpdateRequest, tools: UpdateTools): Promise<UpdateResult> {
  return run(request, tools, "update");
}

/** Fetches and proves everything an update needs; a later update goes on from there. */
export async function download(request: UpdateRequest, tools: UpdateTools): Promise<UpdateResult> {
  return run(request, tools, "download");
}

async function run(
  request: UpdateRequest,
  tools: UpdateTools,
  until: "download" | "update",
): Promise<UpdateResult> {
  const startedMs = performance.now();
  const place = await findPlace(request.root);
  // Proven once before the first byte is written, so that a refused release leaves an untouched root.
  const before = DeviceState.read(place.themis);
  const release = await discover({ ...discoverFor(request, before, tools.now()) }).finally(() =>
    before?.close(),
  );
  return withDevice(place, tools.now, async (state, recovery) => {
    checkFreshness(release.manifest, {
      now: tools.now(),
      trusted: state.trusted(),
      version: request.version,
    });
    const found = await prepare(request, place, state, tools.now(), release);
    const { manifest, report, manifestSha256 } = found.release;
    const common = {
      product: manifest.product,
      from: found.from,
      to: manifest.version,
      signers: report.signers,
      bytesFull: found.plan.bytesFull,
      kept: found.plan.kept,
      recovery,
    };
    const done = (kind: UpdateResult["kind"], rest: Partial<UpdateResult>): UpdateResult => ({
      ...common,
      kind,
      bytesFetched: found.bytesFetched,
      perFile: [],
      fellBack: [],
      restorePoint: "",
      durationMs: Math.round(performance.now() - startedMs),
      ...rest,
    });
    const installed = state.installed();
    if (changesNothing(found.plan) && installed.manifest_sha256 === manifestSha256)
      return done("nothing-to-do", {});

    await preFlight(place, found);
    const fetchBlobs = fetcher(request, tools, place, found);
    const { plan, fetched, withoutDelta } = await fetchPlan(found.plan, fetchBlobs);
    if (until === "download") return done("downloaded", { bytesFetched: found.bytesFetched + fetched });

    let extra = 0;
    const rebuilt = await rebuild({
      root: place.root,
      staged: place.staged,
      transferred: place.transfer,
      packs: manifest.packs,
      steps: plan.steps,
      signal: request.signal,
      fetchBlobs: async (blobs) => {
        extra += await fetchBlobs(blobs);
      },
      progress: (count, total) =>
        tools.progress?.({
          phase: "rebuilding",
          done: count,
          total,
          doneBytes: count,
          totalBytes: total,
          savedBytes: 0,
        }),
    });
    const fellBack = [...withoutDelta, ...rebuilt.fellBack];
    request.signal?.throwIfAborted();
    const restorePoint = await saveWayBack(place, state, found, tools.now());
    state.trust({
      product: manifest.product,
      highestSequence: Math.max(manifest.sequence, state.trusted().highestSequence),
      latestTimeMs: Math.max(tools.now().getTime(), state.trusted().latestTimeMs),
    });
    await install(
      place,
      state,
      {
        action: "update",
        restorePoint: restorePoint.id,
        fromVersion: found.from,
        toVersion: manifest.version,
        steps: switchSteps(plan.steps, rebuilt.files),
        release: {
          product: manifest.product,
          version: manifest.version,
          sequence: manifest.sequence,
          manifest_sha256: manifestSha256,
        },
        files: manifest.files.map(recordOf),
        removeRestorePoints: [],
      },
      restorePoint,
      tools.now(),
      tools.onStep,
    );
    await rm(place.transfer, { recursive: true, force: true });
    return done("updated", {
      bytesFetched: found.bytesFetched + fetched + extra,
      perFile: outcomes(plan.steps, fellBack),
      fellBack,
      restorePoint: restorePoint.id,
    });
  });
}

/** A pack of patches that the source does not have costs its files their delta, not the update. */
async function fetchPlan(
  plan: Plan,
  fetchBlobs: (blobs: readonly Blob[]) => Promise<number>,
): Promise<{ plan: Plan; fetched: number; withoutDelta: FellBack[] }> {
  try {
    return { plan, fetched: await fetchBlobs(plan.blobs), withoutDelta: [] };
  } catch (error) {
    if (!(error instanceof PackAbsent)) throw error;
    const without = withoutPack(plan, error.asset);
    // The pack of a whole target: there is nothing left to fall back to.
    if (without.paths.length === 0) throw error;
    const next = await fetchPlan(without.plan, fetchBlobs);
    const withoutDelta = without.paths.map((path) => ({ path, why: error.message }));
    return { ...next, withoutDelta: [...withoutDelta, ...next.withoutDelta] };
  }
}

type Prepared = {
  readonly release: Discovered;
  readonly plan: Plan;
  readonly found: ReadonlyMap<string, EntryRecord>;
  readonly from: string;
  readonly bytesFetched: number;
};

function discoverFor(request: UpdateRequest, state: DeviceState | undefined, now: Date) {
  return {
    source: openSource(request.source),
    anchors: request.anchors,
    version: request.version,
    trusted: state?.trusted() ?? NOTHING_TRUSTED,
    now,
    signal: request.signal,
  };
}

async function prepare(
  request: UpdateRequest,
  place: DevicePlace,
  state: DeviceState | undefined,
  now: Date,
  proven?: Discovered,
): Promise<Prepared> {
  const release = proven ?? (await discover(discoverFor(request, state, now)));
  const recorded = state?.files() ?? [];
  const from = state?.installed().version ?? "";
  const { manifest } = release;
  // An intact device asks for no delta manifest: an unchanged release costs two small documents.
  const found = await scanAll(
    place.root,
    [...manifest.files, ...recorded].map(({ path }) => path),
  );
  const first = planUpdate({ wanted: manifest, found, recorded, deltas: [], removed: [] });
  if (recorded.length > 0 && changesNothing(first))
    return { release, plan: first, found, from, bytesFetched: release.bytesFetched };
  const { deltas: documents, bytesFetched } = await readDeltaManifests(release, from, request.signal);
  const deltas = documents.flatMap((document) => document.deltas);
  const removed = documents.flatMap((document) => document.removed);
  const more = [...deltas.map(({ base_path }) => base_path), ...removed.map(({ path }) => path)].filter(
    (path) => !found.has(path),
  );
  for (const [path, entry] of await scanAll(place.root, more)) found.set(path, entry);
  const applicable = deltas.filter(({ base_path, base_hash }) => found.get(base_path)?.sha256 === base_hash);
  const plan = planUpdate({ wanted: manifest, found, recorded, deltas: applicable, removed });
  return { release, plan, found, from, bytesFetched: release.bytesFetched + bytesFetched };
}

async function scanAll(root: string, paths: readonly string[]): Promise<Map<string, EntryRecord>> {
  const found = new Map<string, EntryRecord>();
  for (const path of new Set(paths)) found.set(path, await scanEntry(root, path));
  return found;
}

/** Packs, rebuilt files and copies for the way back must all fit before the first byte is fetched. */
async function preFlight(place: DevicePlace, { release, plan, found }: Prepared): Promise<void> {
  const rebuilt = plan.steps.reduce(
    (sum, step) => sum + (step.kind === "patch" || step.kind === "download" ? step.target.size_bytes : 0),
    0,
  );
  const saved = affectedPaths(plan.steps).reduce((sum, path) => sum + (found.get(path)?.size ?? 0), 0);
  const need = transferBytes(release.manifest.packs, plan.blobs) + rebuilt + saved;
  const { bavail, bsize } = await statfs(place.root);
  const free = bavail * bsize;
  if (free < need) {
    throw new FetchError("NO_SPACE", `the update needs ${need} bytes under ${place.root}, ${free} are free`, {
      facts: { needBytes: need, freeBytes: free },
      hint: "nothing was changed; free some space and run it again",
    });
  }
}

function fetcher(
  request: UpdateRequest,
  tools: UpdateTools,
  place: DevicePlace,
  { release, plan }: Prepared,
) {
  return async (blobs: readonly Blob[]): Promise<number> => {
    const { bytesFetched } = await transfer({
      source: release.source,
      packs: release.manifest.packs,
      blobs,
      folder: place.transfer,
      connections: request.connections,
      signal: request.signal,
      progress: (doneBytes, totalBytes) =>
        tools.progress?.({
          phase: "downloading",
          done: doneBytes >= totalBytes ? blobs.length : 0,
          total: blobs.length,
          doneBytes,
          totalBytes,
          savedBytes: plan.bytesFull - plan.bytesToFetch,
        }),
    });
    return bytesFetched;
  };
}

async function saveWayBack(
  place: DevicePlace,
  state: DeviceState,
  { release, plan }: Prepared,
  now: Date,
): Promise<RestorePointRecord> {
  const stamp = now.toISOString().replace(/[-:.]/g, "").slice(0, 15);
  const document = {
    schema_version: 1,
    id: `${stamp}Z-${randomBytes(4).toString("hex")}`,
    created: now.toISOString(),
    to_version: release.manifest.version,
    release: state.installed(),
    files: state.files(),
  };
  return makeRestorePoint(place.root, place.restore, document, affectedPaths(plan.steps));
}

function affectedPaths(steps: readonly PlanStep[]): string[] {
  return steps.flatMap((step) => {
    if (step.kind === "keep") return [];
    return step.kind === "remove" ? [step.path] : [step.target.path];
  });
}

function switchSteps(steps: readonly PlanStep[], staged: readonly StagedFile[]): SwitchStep[] {
  const files = new Map(staged.map((file) => [file.target.path, file.staged]));
  return steps.flatMap((step): SwitchStep[] => {
    if (step.kind === "keep") return [];
    if (step.kind === "remove") return [{ kind: step.folder ? "remove-folder" : "remove", path: step.path }];
    const { path, permissions, sha256_hash, link_target } = step.target;
    switch (step.kind) {
      case "chmod":
        return [{ kind: "chmod", path, permissions }];
      case "folder":
        return [{ kind: "folder", path, permissions }];
      case "link":
        return [{ kind: "link", path, linkTarget: link_target }];
      default:
        return [{ kind: "file", path, staged: files.get(path)!, sha256: sha256_hash, permissions }];
    }
  });
}

function recordOf(target: Discovered["manifest"]["files"][number]): EntryRecord {
  const kind = target.type === "directory" || target.type === "symlink" ? target.type : "file";
  return {
    path: target.path,
    kind,
    sha256: target.sha256_hash,
    size: kind === "file" ? target.size_bytes : 0,
    permissions: kind === "symlink" ? "" : target.permissions,
    link_target: target.link_target,
  };
}

function outcomes(steps: readonly PlanStep[], fellBack: readonly FellBack[]): FileOutcome[] {
  const whole = new Set(fellBack.map(({ path }) => path));
  return steps.map((step) => {
    if (step.kind === "remove")
      return { path: step.path, action: step.kind, algorithm: "", bytes: 0, sizeBytes: 0 };
    const { path, size_bytes: sizeBytes, blob } = step.target;
    if (step.kind === "patch" && !whole.has(path)) {
      return {
        path,
        action: step.kind,
        algorithm: step.delta.algorithm,
        bytes: step.delta.patch_size,
        sizeBytes,
      };
    }
    const fetched = step.kind === "patch" || step.kind === "download";
    return {
      path,
      action: fetched ? "download" : step.kind,
      algorithm: "",
      bytes: fetched ? blob.length : 0,
      sizeBytes,
    };
  });
}
