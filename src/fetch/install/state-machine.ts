/**
 * What a device is doing with a release. Every move is written to `state.db` before what it names is done.
 *
 *   idle ─► downloading ─► staged ─► restore-point-made ─► switching ─► verifying ─► confirmed
 *    │           │           │               │                 │            │
 *    │           └───────────┴───────────────┴─► failed        └─────┬──────┘
 *    │             nothing of the tree was touched                   ▼
 *    └──────────────────────────────────────────────────────► rolling-back ─► rolled-back
 *
 * confirmed, rolled-back and failed are ends: the next deployment begins from them as from idle.
 */
export const INSTALL_STATES = [
  "idle",
  "downloading",
  "staged",
  "restore-point-made",
  "switching",
  "verifying",
  "confirmed",
  "rolling-back",
  "rolled-back",
  "failed",
] as const;

export type InstallState = (typeof INSTALL_STATES)[number];

/** A deployment begins with a download, or with an operator who wants back. */
const BEGINNINGS: readonly InstallState[] = ["downloading", "rolling-back"];

export const TRANSITIONS: Readonly<Record<InstallState, readonly InstallState[]>> = {
  idle: BEGINNINGS,
  downloading: ["staged", "failed"],
  staged: ["restore-point-made", "failed"],
  "restore-point-made": ["switching", "failed"],
  switching: ["verifying", "rolling-back"],
  verifying: ["confirmed", "rolling-back"],
  "rolling-back": ["rolled-back"],
  confirmed: BEGINNINGS,
  "rolled-back": BEGINNINGS,
  failed: BEGINNINGS,
};

/** What the next start does with a deployment that was cut in this state. */
export type Remedy =
  /** It had ended. */
  | "nothing"
  /** The tree was not touched: what was fetched and proven stays for the next time. */
  | "give-up"
  /** The steps are all written down and end the same when they run again. */
  | "finish"
  /** The new release runs and nobody has said yet whether it works. */
  | "verify"
  | "finish-rolling-back";

export const REMEDIES: Readonly<Record<InstallState, Remedy>> = {
  idle: "nothing",
  downloading: "give-up",
  staged: "give-up",
  "restore-point-made": "give-up",
  switching: "finish",
  verifying: "verify",
  confirmed: "nothing",
  "rolling-back": "finish-rolling-back",
  "rolled-back": "nothing",
  failed: "nothing",
};

export function mayFollow(from: InstallState, to: InstallState): boolean {
  return TRANSITIONS[from].includes(to);
}
