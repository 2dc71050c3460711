/** Back to what was installed before: the restore point is proven whole, then switched to like any release. */
import { join } from "node:path";
import { FetchError } from "./fetch-error.ts";
import { install, type Recovery, tidy } from "./install/install.ts";
import { openRestorePoint, stageRestorePoint } from "./install/restore-point.ts";
import type { OnStep } from "./install/switch.ts";
import { findPlace, withDevice } from "./place.ts";
import { DeviceState, type HistoryRecord, type RestorePointRecord } from "./state.ts";
import type { TransferState } from "./transfer-record.ts";

export type RollbackResult = {
  readonly from: string;
  readonly to: string;
  readonly restorePoint: string;
  /** What became of a switch that had been cut before. */
  readonly recovery: Recovery["outcome"];
};

/** @throws FetchError RESTORE_POINT_NOT_FOUND, RESTORE_POINT_TAMPERED, SWITCH_FAILED, ALREADY_IN_PROGRESS */
export async function rollBack(
  request: { readonly root: string; readonly to?: string | undefined },
  tools: { readonly now: () => Date; readonly onStep?: OnStep; readonly signal?: AbortSignal },
): Promise<RollbackResult> {
  const place = await findPlace(request.root);
  return withDevice(place, tools.now, async (state, recovery) => {
    const before = alreadyBack(recovery, request.to);
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
    // Each point only knows what its own update touched, so the way to an older one leads through the newer.
    for (const point of points.slice(0, at + 1)) {
      tools.signal?.throwIfAborted();
      const document = await openRestorePoint(place.restore, point);
      const steps = await stageRestorePoint(place.restore, document, place.staged);
      await install(
        place,
        state,
        {
          action: "rollback",
          restorePoint: point.id,
          fromVersion: state.installed().version,
          toVersion: document.release.version,
          steps,
          release: document.release,
          files: document.files,
          removeRestorePoints: [point.id],
        },
        undefined,
        tools.now(),
        tools.onStep,
      );
      await tidy(join(place.restore, point.id));
    }
    return { from, to: wanted.fromVersion, restorePoint: wanted.id, recovery: recovery.outcome };
  });
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
  /** A switch was cut; the next update or rollback finishes or undoes it. */
  readonly unfinished: boolean;
  /** What was fetched for a release that is not installed yet; a later update goes on from there. */
  readonly transfer: Pick<TransferState, "version" | "wantedBytes" | "provenBytes"> | undefined;
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
      unfinished: false,
      transfer: undefined,
      restorePoints: [],
      history: [],
    };
  try {
    const { product, version, sequence } = state.installed();
    const transfer = state.transfer();
    return {
      product,
      version,
      sequence,
      files: state.files().length,
      unfinished: state.journal() !== undefined,
      transfer: transfer && {
        version: transfer.version,
        wantedBytes: transfer.wantedBytes,
        provenBytes: transfer.provenBytes,
      },
      restorePoints: state.restorePoints(),
      history: state.history(),
    };
  } finally {
    state.close();
  }
}
