/**
 * The device's way, in the order it happens:
 *
 *   discover -> verify -> plan -> pre-flight -> deploy (transfer and rebuild -> restore point -> switch -> verify)
 *
 * Before the release is proven nothing is written but lock and records; before the restore point stands
 * nothing outside of `.themis/` is touched; killed anywhere, the next command finishes or undoes.
 */
import { checkGrown, withSeen } from "../trust/transparency.ts";
import { policyFor } from "../trust/trust-root.ts";
import { checkFreshness, NOTHING_TRUSTED, verifyRelease } from "../trust/verify-release.ts";
import { announce } from "./announce.ts";
import { readRecords } from "./damaged-records.ts";
import { deploy, seenBy } from "./deploy.ts";
import type { Discovered } from "./discover.ts";
import { newsOf } from "./explain-channel.ts";
import { FetchError } from "./fetch-error.ts";
import { Fetcher } from "./fetcher.ts";
import { checkFitness } from "./fitness.ts";
import { runBeforeHook } from "./hooks.ts";
import type { Installation } from "./install/install.ts";
import { keepRestorePoints } from "./install/keep-restore-points.ts";
import type { Recovery } from "./install/recover.ts";
import {
  believe,
  DecisionChanged,
  newDeviceId,
  noteDowngrade,
  proveFollowedAgain,
  stayingOffer,
} from "./obey-channel.ts";
import { discoverOffered, type Offered } from "./offered.ts";
import { type DevicePlace, findPlace, withDevice } from "./place.ts";
import { changesNothing } from "./plan.ts";
import { preFlight } from "./pre-flight.ts";
import {
  checkOnly,
  deviceFor,
  offeredFor,
  type Prepared,
  prepare,
  releasePolicy,
  settleTrustFor,
  trustedFor,
  withSources,
} from "./prepare.ts";
import { rememberedTrustRoot, rememberTrustRoot } from "./remember-trust-root.ts";
import type { DeviceState } from "./state.ts";
import { outcomes } from "./switch-steps.ts";
import type { Source } from "./transfer/source.ts";
import { endTransfer, removeOtherParts, TransferRecord } from "./transfer-record.ts";
import type { SettledTrust } from "./trust-root.ts";
import { type Offer, reported, reporting, type UpdateResult } from "./update-report.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

/**
 * Proves what is offered and plans; writes nothing at all.
 *
 * @param remembers but the trust roots that it proves: who looks again and again must not forget what it has seen
 */
export async function planOnly(
  request: UpdateRequest,
  tools: UpdateTools,
  { remembers = false } = {},
): Promise<Offer> {
  const place = await findPlace(request.root);
  const state = readRecords(place.themis, request.rebuildRecords);
  try {
    return await withSources(request, tools, async (sources) => {
      const remember = remembers ? rememberTrustRoot(place, request) : undefined;
      const trust = await settleTrustFor(request, sources, state, tools, remember);
      const offered = await discoverOffered(offeredFor(request, trust, sources, state, tools.now(), ""));
      const { followed } = offered;
      const channel = followed && newsOf(followed, deviceFor(request, state, ""));
      if (offered.kind === "stay") return stayingOffer(request, place, state, offered.followed, channel);
      const { release } = offered;
      checkOnly(request, release);
      const { plan, from, strategy } = await prepare(request, place, state, release);
      const { manifest, report } = release;
      return {
        from,
        to: manifest.version,
        product: manifest.product,
        signers: report.signers,
        strategy: strategy.name,
        plan,
        bytesToFetch: plan.bytesToFetch,
        upToDate: changesNothing(plan),
        channel,
        followed,
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
  return withSources(request, tools, async (sources) => {
    let earlier: Recovery | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await runFrom(sources, request, tools, until, earlier);
      } catch (error) {
        if (!(error instanceof DecisionChanged)) throw error;
        if (attempt === ATTEMPTS) throw busy(error);
        earlier ??= error.recovery;
      }
    }
  });
}

/** One for a cut switch that the first has ended, one for another command in between. */
const ATTEMPTS = 3;

function busy(cause: unknown): FetchError {
  return new FetchError("ALREADY_IN_PROGRESS", "other commands change again and again what is installed", {
    cause,
    hint: "run it again when they have ended",
  });
}

async function runFrom(
  sources: readonly Source[],
  request: UpdateRequest,
  tools: UpdateTools,
  until: "download" | "update",
  earlier?: Recovery,
): Promise<UpdateResult> {
  const startedMs = performance.now();
  const place = await findPlace(request.root);
  // Proven before the lock, so that a refused release leaves an untouched root.
  const deviceId = newDeviceId();
  const { offered, trust } = await discoverFirst(request, sources, place, tools, deviceId);
  const { followed } = offered;
  const { gate, signal, rebuildRecords, retention } = request;
  const deviceTools = { ...tools, signal, rebuildRecords, ...(gate && { gate }) };
  const keeping = { retention, notice: tools.notice };
  return withDevice(place, deviceTools, async (installation, recovery) => {
    const { state } = installation;
    refuseUnconfirmed(recovery);
    const device = deviceFor(request, state, deviceId);
    const channel = followed && newsOf(followed, device);
    if (followed) await proveFollowedAgain(followed, trust.root, request, installation);
    const decision = followed && believe(followed, request, device, installation, recovery);
    if (offered.kind === "stay") {
      const staying = await stayingOffer(request, place, state, offered.followed, channel);
      return reporting({ ...staying, bytesFetched: 0 }, recovery, startedMs, channel)("nothing-to-do", {});
    }
    const { release } = offered;
    if (until === "update") refuseTakenBack(recovery, release);
    const trusted = trustedFor(request, state);
    await proveAgain(release, trust, request, state, tools.now());
    const { allowDowngrade } = request;
    checkFreshness(release.manifest, {
      now: tools.now(),
      trusted,
      leastSequence: decision?.leastSequence ?? (allowDowngrade ? 0 : undefined),
      version: request.version,
      minSequence: releasePolicy(request, trust).minSequence,
      recipient: device,
    });
    if (release.logged) checkGrown(release.logged, trusted.logs ?? []);
    checkOnly(request, release);
    if (until === "update" && allowDowngrade) noteDowngrade(installation, release.manifest);
    state.keepRelease(release.documents);
    // A repair or update that does not name them again must not take them for the release's.
    if (request.keep) state.rememberKeep(request.keep);
    const found = await prepare(request, place, state, release);
    const report = reporting(reported(found), earlier ?? recovery, startedMs, channel);
    if (isInstalled(found, state)) {
      // A cut came after the switch and before this.
      if (state.transfer()?.manifestSha256 === release.manifestSha256)
        await endTransfer(place.transfer, state);
      if (until === "update") {
        rememberLog(request, release, state);
        await keepRestorePoints(installation, keeping);
      }
      return report("nothing-to-do", {});
    }

    await found.store?.use(place.root);
    const { manifest, manifestSha256 } = release;
    await removeOtherParts(place.transfer, manifest.packs);
    await preFlight({ ...found, place, manifest, now: tools.now() });
    const record = new TransferRecord(state, { version: manifest.version, manifestSha256 }, manifest.packs);
    const fetched = new Fetcher(request, tools, place, found, record);
    if (until === "download") {
      await fetched.everything(found.plan);
      return report("downloaded", { bytesFetched: found.bytesFetched + fetched.bytes });
    }
    const { until: confirmUntil, ...done } = await around(installation, found, request, tools, () =>
      deploy(installation, found, fetched, request, tools),
    );
    const { checks, restart, restorePoint, fellBack } = done;
    if (done.outcome === "confirmed") await keepRestorePoints(installation, keeping);
    return report("updated", {
      bytesFetched: found.bytesFetched + fetched.bytes,
      perFile: outcomes(found.plan.steps, fellBack),
      fellBack,
      restorePoint,
      checks,
      restart,
      confirmUntil: confirmUntil?.toISOString() ?? "",
    });
  });
}

/** Who is asked before, and told after. @throws HEALTH_CHECK_FAILED, HOOK_FAILED before anything is done; what the work throws */
async function around<T>(
  { place, state }: Installation,
  { release, plan, from }: Prepared,
  request: UpdateRequest,
  tools: UpdateTools,
  work: () => Promise<T>,
): Promise<T> {
  const { product, version: to } = release.manifest;
  const facts = { root: place.root, from, to };
  if (request.fitness) {
    const untold = await checkFitness(request.fitness, place, release.manifest, plan, request.signal);
    for (const requirement of untold)
      tools.notice?.(`${to} depends on ${requirement}, and nothing here tells which version is there`);
  }
  if (request.hooks?.before) await runBeforeHook(request.hooks.before, facts, request.signal);
  try {
    const done = await work();
    await announce(request, tools, facts, { kind: "updated", product, message: "" });
    return done;
  } catch (error) {
    const kind = state.deployment().state === "rolled-back" ? "rolled-back" : "failed";
    const message = error instanceof Error ? error.message : String(error);
    await announce(request, tools, facts, { kind, product, message });
    throw error;
  }
}

/** @throws FetchError CONFIRMATION_PENDING */
function refuseUnconfirmed({ outcome, entry }: Recovery): void {
  if (outcome !== "awaiting" || !entry) return;
  throw new FetchError(
    "CONFIRMATION_PENDING",
    `${entry.toVersion} is there and waits to be confirmed until ${new Date(entry.gate.untilMs).toISOString()}`,
    {
      hint: "themis-fetch confirm keeps it, themis-fetch rollback goes back",
      facts: { version: entry.toVersion },
    },
  );
}

/** What this very command took back since nobody had confirmed it is not installed by it. @throws FetchError RELEASE_HELD_BACK */
function refuseTakenBack({ outcome, entry }: Recovery, { manifestSha256 }: Discovered): void {
  if (outcome !== "undone" || !entry || entry.gate.untilMs === 0) return;
  if (entry.release.manifest_sha256 !== manifestSha256) return;
  const { fromVersion, toVersion: version, gate } = entry;
  const until = new Date(gate.untilMs).toISOString();
  throw new FetchError(
    "RELEASE_HELD_BACK",
    `${version} was not confirmed until ${until} and was taken back just now: ${fromVersion || "the state before"} is there again`,
    { hint: `themis-fetch update installs ${version} again`, facts: { version } },
  );
}

/** What is installed is believed already; the log has grown, or is demanded for the first time. */
function rememberLog(request: UpdateRequest, release: Discovered, state: DeviceState): void {
  const trusted = state.trusted();
  const { logs = [] } = trusted;
  const seen = withSeen(logs, seenBy(request, release));
  if (JSON.stringify(seen) !== JSON.stringify(logs)) state.trust({ ...trusted, logs: seen });
}

async function discoverFirst(
  request: UpdateRequest,
  sources: readonly Source[],
  place: DevicePlace,
  tools: UpdateTools,
  deviceId: string,
): Promise<{ readonly offered: Offered; readonly trust: SettledTrust }> {
  const state = readRecords(place.themis, request.rebuildRecords);
  try {
    const remember = rememberTrustRoot(place, request);
    const trust = await settleTrustFor(request, sources, state, tools, remember);
    return {
      offered: await discoverOffered(offeredFor(request, trust, sources, state, tools.now(), deviceId)),
      trust,
    };
  } finally {
    state?.close();
  }
}

/** By the trust root that another command has learned of meanwhile. What else is asked, is asked after this. @throws what verifyRelease throws */
async function proveAgain(
  { documents }: Discovered,
  { root, ...trust }: SettledTrust,
  request: UpdateRequest,
  state: DeviceState,
  now: Date,
): Promise<void> {
  const newest = rememberedTrustRoot(state);
  if (newest === undefined || newest.sha256 === root?.sha256) return;
  const release = policyFor(newest, "release", request);
  await verifyRelease({
    ...{ ...releasePolicy(request, { ...trust, root: newest, release }), logKeys: undefined },
    ...{ manifestBytes: documents.manifest, signatureBytes: documents.signature },
    ...{ now, trusted: NOTHING_TRUSTED, version: "" },
  });
}

function isInstalled({ plan, release }: Prepared, state: DeviceState): boolean {
  return changesNothing(plan) && state.installed().manifest_sha256 === release.manifestSha256;
}
