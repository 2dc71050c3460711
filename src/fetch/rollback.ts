/** Back to what was installed before: the way is proven whole, then switched to like any release. */
import { join } from "node:path";
import type { TrustRootDocument } from "../format/trust-root/trust-root.ts";
import type { SeenCheckpoint } from "../trust/transparency.ts";
import { memoryOf } from "../trust/verify-channel.ts";
import type { ChannelMemory } from "../trust/verify-release.ts";
import { type Deployment, type HistoryRecord, IDLE, type RestorePointRecord } from "./device-records.ts";
import { FetchError } from "./fetch-error.ts";
import { tidy } from "./install/close-entry.ts";
import { journalGate, NO_GATE } from "./install/gate.ts";
import { goBack, type Installation, install } from "./install/install.ts";
import { type JournalEntry, rollbackEntry } from "./install/journal-entry.ts";
import type { Recovery } from "./install/recover.ts";
import type { StrategyName } from "./install/strategy.ts";
import { stageWayBack } from "./install/way-back.ts";
import { type DeviceTools, findPlace, withDevice } from "./place.ts";
import { checkWayBack, rememberedTrustRoot } from "./remember-trust-root.ts";
import { DeviceState } from "./state.ts";
import type { TransferState } from "./transfer-record.ts";

export type RollbackResult = {
  readonly from: string;
  readonly to: string;
  readonly restorePoint: string;
  /** What became of a switch that had been cut before. */
  readonly recovery: Recovery["outcome"];
};

/** @throws FetchError RESTORE_POINT_NOT_FOUND, RESTORE_POINT_TAMPERED, RESTORE_BASE_CHANGED, SWITCH_FAILED, ALREADY_IN_PROGRESS; ReleaseError BELOW_MIN_SEQUENCE */
export async function rollBack(
  request: { readonly root: string; readonly to?: string | undefined },
  tools: DeviceTools,
): Promise<RollbackResult> {
  const place = await findPlace(request.root);
  return withDevice(place, tools, async (installation, recovery) => {
    const { state } = installation;
    const before =
      (await notConfirmed(installation, recovery, request.to)) ?? alreadyBack(recovery, request.to);
    if (before) return before;
    const points = state.restorePoints();
    const at = request.to === undefined ? 0 : points.findIndex(({ id }) => id === request.to);
    const wanted = points[at];
    if (!wanted) {
      throw new FetchError(
        "RESTORE_POINT_NOT_FOUND",
        request.to === undefined ? "there is no restore point" : `there is no restore point ${request.to}`,
        {
          hint: "themis-fetch restore-points lists them",
        },
      );
    }
    const from = state.installed().version;
    tools.signal?.throwIfAborted();
    // Each point only knows what its own update touched, so the way to an older one leads through the newer.
    const passed = points.slice(0, at + 1);
    const wayBack = await stageWayBack(place, state, { restorePoint: wanted.id });
    checkWayBack(state, wayBack.document.release);
    const way = { action: "rollback", from, to: wayBack.document.release.version } as const;
    tools.signal?.throwIfAborted();
    state.begin({ ...way, since: tools.now().toISOString() });
    const entry = rollbackEntry({
      wayBack,
      restorePoint: wanted.id,
      fromVersion: from,
      removeRestorePoints: passed.map(({ id }) => id),
      gate: journalGate(NO_GATE),
    });
    await install(installation, entry, undefined);
    for (const { folder } of passed) await tidy(join(place.restore, folder));
    return { from, to: wanted.fromVersion, restorePoint: wanted.id, recovery: recovery.outcome };
  });
}

/** A release that still waits to be confirmed is the one to go back from. */
async function notConfirmed(
  installation: Installation,
  { outcome, entry }: Recovery,
  to: string | undefined,
): Promise<RollbackResult | undefined> {
  if (outcome !== "awaiting" || !entry || (to !== undefined && to !== entry.restorePoint)) return undefined;
  await goBack(installation, entry, "rolled back by its operator");
  const { fromVersion, toVersion, restorePoint } = entry;
  return { from: toVersion, to: fromVersion, restorePoint, recovery: "nothing" };
}

/**
 * A rollback that was cut is done once it is finished, and an update that was cut once it is undone: who
 * asks to go back after a cut means that switch and not the one before it.
 */
function alreadyBack({ outcome, entry }: Recovery, to: string | undefined): RollbackResult | undefined {
  if (!entry || (to !== undefined && to !== entry.restorePoint)) return undefined;
  const { fromVersion, toVersion, restorePoint, action } = entry;
  if (action === "rollback") return { from: fromVersion, to: toVersion, restorePoint, recovery: outcome };
  return outcome === "undone"
    ? { from: toVersion, to: fromVersion, restorePoint, recovery: outcome }
    : undefined;
}

export type Status = {
  readonly product: string;
  readonly version: string;
  readonly sequence: number;
  readonly files: number;
  /** What is in place: another release while that waits to be confirmed. undefined in the middle of a switch. */
  readonly runs: Pick<Status, "product" | "version" | "sequence" | "files"> | undefined;
  /** undefined as long as nothing is installed. */
  readonly strategy: StrategyName | undefined;
  /** A switch was cut; the next update or rollback finishes or undoes it. */
  readonly unfinished: boolean;
  /** The channel that is followed, and the version of its document that was obeyed last; undefined for none. */
  readonly channel: Omit<ChannelMemory, "sha256"> | undefined;
  /** Of each transparency log the last checkpoint; its `note` is what themis-bundle log verify --since takes. */
  readonly logs: readonly SeenCheckpoint[];
  /** What it is doing with a release, or did last. */
  readonly deployment: Deployment;
  /** When an operator must have confirmed what is there, RFC 3339; "" when nobody is waited for. */
  readonly confirmUntil: string;
  /** What was fetched for a release that is not installed yet; a later update goes on from there. */
  readonly transfer: Pick<TransferState, "version" | "wantedBytes" | "provenBytes"> | undefined;
  /** The newest one that was believed; undefined where the pinned anchors are all there is. */
  readonly trustRoot: Pick<TrustRootDocument, "version" | "expires"> | undefined;
  readonly restorePoints: readonly RestorePointRecord[];
  readonly history: readonly HistoryRecord[];
};

/** Writes nothing. @throws FetchError ROOT_MISSING, STATE_CORRUPT */
export async function readStatus(root: string): Promise<Status> {
  const place = await findPlace(root);
  const state = DeviceState.read(place.themis);
  if (!state)
    return {
      product: "",
      version: "",
      sequence: 0,
      files: 0,
      runs: { product: "", version: "", sequence: 0, files: 0 },
      strategy: undefined,
      unfinished: false,
      channel: undefined,
      logs: [],
      deployment: IDLE,
      confirmUntil: "",
      transfer: undefined,
      trustRoot: undefined,
      restorePoints: [],
      history: [],
    };
  try {
    const { product, version, sequence } = state.installed();
    const transfer = state.transfer();
    const journal = state.journal();
    const files = state.files().length;
    const untilMs = journal?.gate.untilMs ?? 0;
    const root = rememberedTrustRoot(state)?.document;
    return {
      product,
      version,
      sequence,
      files,
      runs: journal ? judged(state, journal) : { product, version, sequence, files },
      strategy: state.strategy(),
      unfinished: journal !== undefined,
      channel: followedBy(state),
      logs: state.trusted().logs ?? [],
      deployment: state.deployment(),
      confirmUntil: untilMs > 0 ? new Date(untilMs).toISOString() : "",
      transfer: transfer && {
        version: transfer.version,
        wantedBytes: transfer.wantedBytes,
        provenBytes: transfer.provenBytes,
      },
      trustRoot: root && { version: root.version, expires: root.expires },
      restorePoints: state.restorePoints(),
      history: state.history(),
    };
  } finally {
    state.close();
  }
}

function followedBy(state: DeviceState): Status["channel"] {
  const trusted = state.trusted();
  const known = memoryOf(trusted, trusted.channel);
  return known && { channel: known.channel, version: known.version };
}

/** Every step of it was done, and it does not count yet. */
function judged(state: DeviceState, { release, files }: JournalEntry): Status["runs"] {
  if (state.deployment().state !== "verifying") return undefined;
  const { product, version, sequence } = release;
  return { product, version, sequence, files: files.length };
}
