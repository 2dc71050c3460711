/** What a device's records say of its releases and its ways back; state.ts keeps them. */
import type { InstallState } from "./install/state-machine.ts";

export type RestorePointRecord = {
  readonly id: string;
  readonly created: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  /** Of its document. */
  readonly sha256: string;
  /** Where it lies under `.themis/restore/`. */
  readonly folder: string;
  /**
   * Copies at first, since a release that fails must not be needed to go back; made small once it counts. The way back
   * to a slot is the slot.
   */
  readonly kind: "copies" | "compact" | "slot";
  /** On disk; of a slot what it does not share with the one after it. */
  readonly bytes: number;
  /** The tree that it leads back to, below the root; "" where it has contents of its own. */
  readonly slot: string;
};

/** What the device is doing with a release, or did last. */
export type Deployment = {
  readonly state: InstallState;
  readonly action: "update" | "rollback" | "";
  readonly from: string;
  readonly to: string;
  /** When it began, RFC 3339. */
  readonly since: string;
  /** Of one that failed or was rolled back. */
  readonly why: string;
};

export const IDLE: Deployment = { state: "idle", action: "", from: "", to: "", since: "", why: "" };

export type HistoryRecord = {
  readonly at: string;
  /** The user of the system, and who became that by sudo. */
  readonly who: string;
  readonly action: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly result: string;
};
