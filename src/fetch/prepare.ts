/** Everything an update must know before its first byte: the proven release, the disk as it is, the plan, the space. */
import type { Target } from "../format/manifest/manifest.ts";
import { type EntryRecord, NOTHING_INSTALLED } from "../format/record/restore-point.ts";
import type { ChannelDevice } from "../trust/channel-decision.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import { NOTHING_TRUSTED, type TrustedState } from "../trust/verify-release.ts";
import { type Discovered, readDeltaManifests } from "./discover.ts";
import { FetchError } from "./fetch-error.ts";
import { type Strategy, strategyFor } from "./install/strategy.ts";
import type { OfferedRequest } from "./offered.ts";
import { besidePaths } from "./operators-files.ts";
import type { DevicePlace } from "./place.ts";
import { changesNothing, type Plan, planUpdate } from "./plan.ts";
import { linksOf } from "./scan.ts";
import { scanTree } from "./scan-tree.ts";
import type { DeviceState } from "./state.ts";
import { ContentStore } from "./store/content-store.ts";
import { openSource } from "./transfer/open-source.ts";
import type { Source } from "./transfer/source.ts";
import { openTarSource } from "./transfer/tar-source.ts";
import { type SettledTrust, settleTrust, type TrustSettling } from "./trust-root.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

export type Prepared = {
  readonly release: Discovered;
  readonly plan: Plan;
  readonly found: ReadonlyMap<string, EntryRecord>;
  readonly from: string;
  readonly bytesFetched: number;
  /** The release is installed already, or believed to be. */
  readonly repairs: boolean;
  readonly strategy: Strategy;
  readonly store: ContentStore | undefined;
};

export type Places = Pick<
  UpdateRequest,
  "source" | "offline" | "mirrors" | "connections" | "caFile" | "github"
>;

/**
 * What a request names, for as long as `work` takes.
 *
 * @throws FetchError SOURCE_INVALID, CA_UNREADABLE, TOKEN_INVALID; ThemisError ARCHIVE_*
 */
export async function withSources<T>(
  { source, offline, mirrors = [], connections, caFile, github }: Places,
  { notice }: Pick<UpdateTools, "notice">,
  work: (sources: readonly Source[]) => Promise<T>,
): Promise<T> {
  const places = source === undefined ? mirrors : [source, ...mirrors];
  if ((offline === undefined) === (places.length === 0)) {
    throw new FetchError(
      "SOURCE_INVALID",
      "a release comes from a source or from an offline bundle, not both",
    );
  }
  const opened: Source[] = [];
  try {
    if (offline !== undefined) opened.push(await openTarSource(offline));
    for (const place of places) opened.push(await openSource(place, { connections, caFile, github, notice }));
    return await work(opened);
  } finally {
    for (const each of opened) await each.close();
  }
}

/** @param remember each trust root that is proven newly, or say only what they would change */
export function settleTrustFor(
  request: UpdateRequest,
  sources: readonly Source[],
  state: DeviceState | undefined,
  { now, notice }: Pick<UpdateTools, "now" | "notice">,
  remember: TrustSettling["remember"],
): Promise<SettledTrust> {
  const remembered = state?.trustRoot();
  const origin = state?.trustRootOrigin();
  const trusted = state?.trusted() ?? NOTHING_TRUSTED;
  const { signal } = request;
  return settleTrust({
    policy: request,
    sources,
    remembered,
    origin,
    trusted,
    now: now(),
    signal,
    remember,
    notice,
  });
}

/** @param deviceId for a device that has none yet */
export function offeredFor(
  request: UpdateRequest,
  trust: SettledTrust,
  sources: readonly Source[],
  state: DeviceState | undefined,
  now: Date,
  deviceId: string,
): OfferedRequest {
  const { version, channel, allowDowngrade = false, only, signal } = request;
  const trusted = trustedFor(request, state);
  return {
    ...releasePolicy(request, trust),
    channelTrust: trust.channel,
    ...{ sources, version, channel, allowDowngrade, trusted, now, signal },
    isRepair: only !== undefined,
    hasOneRelease: request.offline !== undefined,
    device: deviceFor(request, state, deviceId),
    kept: state?.keptRelease(),
  };
}

/** A release that is installed already may be mended, however low it is by now. */
export function releasePolicy({ only }: UpdateRequest, { release }: SettledTrust): TrustPolicy {
  const { minSequence } = release;
  if (!only || minSequence === undefined) return release;
  return { ...release, minSequence: Math.min(minSequence, only.sequence) };
}

/** What a channel's document and a release are asked about. */
export function deviceFor(
  { platform = process.platform, architecture = process.arch }: UpdateRequest,
  state: DeviceState | undefined,
  deviceId: string,
): ChannelDevice {
  const installed = state?.installed() ?? NOTHING_INSTALLED;
  const { highestSequence } = state?.trusted() ?? NOTHING_TRUSTED;
  return { platform, architecture, installed, highestSequence, id: state?.deviceId() || deviceId };
}

/** After a rollback the installed release is older than one that was believed, and is still the one to repair. */
export function trustedFor({ only }: UpdateRequest, state: DeviceState | undefined): TrustedState {
  const trusted = state?.trusted() ?? NOTHING_TRUSTED;
  if (!only) return trusted;
  // Its proof may be of a time when the log was smaller. By its digest it is the one that was believed then.
  return { ...trusted, highestSequence: Math.min(trusted.highestSequence, only.sequence), logs: [] };
}

/** @throws FetchError RELEASE_DIFFERS */
export function checkOnly({ only }: UpdateRequest, { manifestSha256 }: Discovered): void {
  if (!only || only.manifest_sha256 === manifestSha256) return;
  throw new FetchError(
    "RELEASE_DIFFERS",
    `the source has another release ${only.version} than is installed`,
    {
      hint: "name the source it was installed from, or go to another release with themis-fetch update",
    },
  );
}

export async function prepare(
  request: UpdateRequest,
  place: DevicePlace,
  state: DeviceState | undefined,
  release: Discovered,
): Promise<Prepared> {
  const recorded = state?.files() ?? [];
  const { version: from, manifest_sha256 } = state?.installed() ?? NOTHING_INSTALLED;
  const repairs = request.repairs === true || manifest_sha256 === release.manifestSha256;
  const { manifest } = release;
  const { applyMemory } = request;
  const keep = request.keep ?? state?.keep() ?? [];
  const strategy = await strategyFor(place, state, request.strategy);
  const store = request.store === undefined ? undefined : new ContentStore(request.store);
  const isStored = store && ((target: Target): boolean => store.has(target.sha256_hash, target.size_bytes));
  // An intact device asks for no delta manifest: an unchanged release costs two small documents.
  const paths = [
    ...[...manifest.files, ...recorded].map(({ path }) => path),
    ...besidePaths(keep, manifest.files),
  ];
  const links = [
    ...manifest.files.flatMap(({ type, path }) => (type === "symlink" ? [path] : [])),
    ...linksOf(recorded),
  ];
  const found = await scanTree(strategy.tree, paths, links);
  const first = planUpdate({ wanted: manifest, found, recorded, deltas: [], removed: [], keep });
  const prepared = { release, found, from, repairs, strategy, store };
  if (recorded.length > 0 && changesNothing(first))
    return { ...prepared, plan: first, bytesFetched: release.bytesFetched };
  const { deltas: documents, bytesFetched } = await readDeltaManifests(release, from, request.signal);
  const deltas = documents.flatMap((document) => document.deltas);
  const removed = documents.flatMap((document) => document.removed);
  const more = [...deltas.map(({ base_path }) => base_path), ...removed.map(({ path }) => path)].filter(
    (path) => !found.has(path),
  );
  for (const [path, entry] of await scanTree(strategy.tree, more, links)) found.set(path, entry);
  const plan = planUpdate({
    wanted: manifest,
    found,
    recorded,
    deltas,
    removed,
    applyMemory,
    keep,
    isStored,
  });
  return { ...prepared, plan, bytesFetched: release.bytesFetched + bytesFetched };
}
