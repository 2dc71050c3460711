/** The threads of a client that is one file: each by the name that `new Threads` gives it. */
export const CLIENT_THREADS: Readonly<Record<string, () => Promise<unknown>>> = {
  "scan-worker": () => import("../../fetch/scan-worker.ts"),
  "rebuild-worker": () => import("../../fetch/rebuild-worker.ts"),
  "piece-worker": () => import("../../fetch/transfer/piece-worker.ts"),
  "verify-worker": () => import("../../trust/verify-worker.ts"),
  "compact-worker": () => import("../../fetch/install/compact-worker.ts"),
};
