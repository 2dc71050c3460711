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
import { systemCode } from "../base/error.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import type { Verified } from "../trust/verified.ts";
import { checkFreshness, type TrustedState } from "../trust/verify-release.ts";
import type { SignerReport } from "../trust/verify-signature.ts";
import { type Discovered, discover } from "./discover.ts";
import { FetchError } from "./fetch-error.ts";
import { Fetcher } from "./fetcher.ts";
import { install, type Recovery } from "./install/install.ts";
import { makeRestorePoint } from "./install/restore-point.ts";
import type { JournalEntry } from "./install/switch.ts";
import { type DevicePlace, findPlace, withDevice } from "./place.ts";
import { changesNothing, type Plan } from "./plan.ts";
import { preFlight } from "./pre-flight.ts";
import { discoverFor, type Prepared, prepare, withSources } from "./prepare.ts";
import { type FellBack, rebuild, type StagedFile } from "./rebuild.ts";
import { DeviceState, type RestorePointRecord } from "./state.ts";
import { affectedPaths, type FileOutcome, outcomes, recordOf, switchSteps } from "./switch-steps.ts";
import type { Source } from "./transfer/source.ts";
import { removeOtherParts, TransferRecord } from "./transfer-record.ts";
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
  readonly recovery: Recovery["outcome"];
  readonly durationMs: number;
};

/** Proves what is offered and plans; writes nothing at all. */
export async function planOnly(request: UpdateRequest, tools: UpdateTools): Promise<Offer> {
  const place = await findPlace(request.root);
  const state = DeviceState.read(place.themis);
  try {
    return await withSources(request, tools, async (sources) => {
      const release = await discover(discoverFor(request, sources, state, tools.now()));
      const { plan, from } = await prepare(request, place, state, release);
      const { manifest, report } = release;
      return {
        from,
        to: manifest.version,
        product: manifest.product,
        signers: report.signers,
        plan,
        bytesToFetch: plan.bytesToFetch,
        upToDate: changesNothing(plan),
      };
    });
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

function run(
  request: UpdateRequest,
  tools: UpdateTools,
  until: "download" | "update",
): Promise<UpdateResult> {
  return withSources(request, tools, (sources) => runFrom(sources, request, tools, until));
}

async function runFrom(
  sources: readonly Source[],
  request: UpdateRequest,
  tools: UpdateTools,
  until: "download" | "update",
): Promise<UpdateResult> {
  const startedMs = performance.now();
  const place = await findPlace(request.root);
  // Proven before the lock, so that a refused release leaves an untouched root.
  const release = await discoverFirst(request, sources, place, tools.now());
  return withDevice(place, tools.now, async (state, recovery) => {
    checkFreshness(release.manifest, {
      now: tools.now(),
      trusted: state.trusted(),
      version: request.version,
    });
    state.keepRelease(release.documents);
    const found = await prepare(request, place, state, release);
    const report = reporting(found, recovery, startedMs);
    if (isInstalled(found, state)) {
      // A cut came after the switch and before this.
      if (state.transfer()?.manifestSha256 === release.manifestSha256) await endTransfer(place, state);
      return report("nothing-to-do", {});
    }

    await removeOtherParts(place.transfer, release.manifest.packs);
    await preFlight({ ...found, place, manifest: release.manifest, now: tools.now() });
    const { manifest, manifestSha256 } = release;
    const record = new TransferRecord(state, { version: manifest.version, manifestSha256 }, manifest.packs);
    const fetched = new Fetcher(request, tools, place, found, record);
    const { plan } = found;
    if (until === "download") {
      await fetched.everything(plan);
      return report("downloaded", { bytesFetched: found.bytesFetched + fetched.bytes });
    }
    const rebuilt = await rebuild({
      root: place.root,
      staged: place.staged,
      transferred: place.transfer,
      packs: release.manifest.packs,
      steps: plan.steps,
      applyMemory: request.applyMemory,
      signal: request.signal,
      bring: (blobs, options) => fetched.blobs(blobs, options),
      progress: fetched.rebuilding,
    });
    request.signal?.throwIfAborted();
    const restorePoint = await saveWayBack(place, state, found, tools.now());
    state.trust(raised(state.trusted(), release.manifest, tools.now()));
    const entry = journalEntry(found, plan, rebuilt.files, restorePoint.id);
    await install(place, state, entry, restorePoint, tools.now(), tools.onStep);
    await endTransfer(place, state);

    const { fellBack } = rebuilt;
    return report("updated", {
      bytesFetched: found.bytesFetched + fetched.bytes,
      perFile: outcomes(plan.steps, fellBack),
      fellBack,
      restorePoint: restorePoint.id,
    });
  });
}

/**
 * The switch is done, whatever becomes of this. The record goes last: as long as it is there the next update
 * knows whose files these are, and tries again.
 */
async function endTransfer(place: DevicePlace, state: DeviceState): Promise<void> {
  try {
    await rm(place.transfer, { recursive: true, force: true });
    state.endTransfer();
  } catch (error) {
    if (systemCode(error) === undefined && !(error instanceof FetchError)) throw error;
  }
}

async function discoverFirst(
  request: UpdateRequest,
  sources: readonly Source[],
  place: DevicePlace,
  now: Date,
): Promise<Discovered> {
  const state = DeviceState.read(place.themis);
  try {
    return await discover(discoverFor(request, sources, state, now));
  } finally {
    state?.close();
  }
}

function isInstalled({ plan, release }: Prepared, state: DeviceState): boolean {
  return changesNothing(plan) && state.installed().manifest_sha256 === release.manifestSha256;
}

function reporting(found: Prepared, recovery: Recovery, startedMs: number) {
  const { manifest, report } = found.release;
  return (kind: UpdateResult["kind"], rest: Partial<UpdateResult>): UpdateResult => ({
    kind,
    product: manifest.product,
    from: found.from,
    to: manifest.version,
    signers: report.signers,
    bytesFetched: found.bytesFetched,
    bytesFull: found.plan.bytesFull,
    perFile: [],
    fellBack: [],
    kept: found.plan.kept,
    restorePoint: "",
    recovery: recovery.outcome,
    durationMs: Math.round(performance.now() - startedMs),
    ...rest,
  });
}

/** Neither the sequence nor the clock ever goes back. */
function raised(trusted: TrustedState, { product, sequence }: Verified<Manifest>, now: Date): TrustedState {
  return {
    product,
    highestSequence: Math.max(sequence, trusted.highestSequence),
    latestTimeMs: Math.max(now.getTime(), trusted.latestTimeMs),
  };
}

function journalEntry(
  found: Prepared,
  plan: Plan,
  staged: readonly StagedFile[],
  restorePoint: string,
): JournalEntry {
  const { manifest, manifestSha256 } = found.release;
  const { product, version, sequence } = manifest;
  return {
    action: "update",
    restorePoint,
    fromVersion: found.from,
    toVersion: version,
    steps: switchSteps(plan.steps, staged),
    release: { product, version, sequence, manifest_sha256: manifestSha256 },
    files: manifest.files.map(recordOf),
    removeRestorePoints: [],
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
