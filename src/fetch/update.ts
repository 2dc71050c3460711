/**
 * The device's way, in the order it happens:
 *
 *   discover -> verify -> plan -> pre-flight -> transfer -> rebuild -> restore point -> switch
 *
 * Before the release is proven nothing is written but lock and records; before the restore point stands
 * nothing outside of `.themis/` is touched; killed anywhere, the next command finishes or undoes.
 */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { checkFreshness } from "../trust/verify-release.ts";
import type { SignerReport } from "../trust/verify-signature.ts";
import { discover } from "./discover.ts";
import { fetcher, fetchPlan } from "./fetch-plan.ts";
import { install, type Recovery } from "./install/install.ts";
import { makeRestorePoint } from "./install/restore-point.ts";
import { type DevicePlace, findPlace, withDevice } from "./place.ts";
import { changesNothing, type Plan } from "./plan.ts";
import { discoverFor, type Prepared, preFlight, prepare } from "./prepare.ts";
import { type FellBack, rebuild } from "./rebuild.ts";
import { DeviceState, type RestorePointRecord } from "./state.ts";
import { affectedPaths, type FileOutcome, outcomes, recordOf, switchSteps } from "./switch-steps.ts";
import { transferBytes } from "./transfer.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

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

export async function run(
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
