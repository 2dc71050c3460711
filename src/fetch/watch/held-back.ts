/**
 * Which release a device must not install by itself: one that was there and was taken back, because its checks
 * failed, because nobody confirmed it, or because an operator went back, or to an older one. It would stop the service again each time.
 *
 * What was undone for want of room or by a signal was no judgement on the release, and is tried again.
 */
import type { HistoryRecord } from "../device-records.ts";

const ROLLED_BACK = /^rolled back: (?!This operation was aborted)/;

/** The entry that says so; undefined when the release may be installed. @param history newest first */
export function heldBackBy(history: readonly HistoryRecord[], version: string): HistoryRecord | undefined {
  for (const entry of history) {
    const { action, fromVersion, toVersion, result } = entry;
    // What an older release went through counts no more once one has stayed.
    if (action === "update" && result === "done") return wentBackFrom(history, entry, version);
    if (action === "update" && toVersion === version && ROLLED_BACK.test(result)) return entry;
    if (action === "rollback" && fromVersion === version && result === "done") return entry;
  }
  return undefined;
}

/** An older release that an operator allowed is as good as a rollback. */
function wentBackFrom(
  history: readonly HistoryRecord[],
  update: HistoryRecord,
  version: string,
): HistoryRecord | undefined {
  const before = history[history.indexOf(update) + 1];
  const isIts = before?.action === "downgrade" && before.toVersion === update.toVersion;
  return isIts && before.fromVersion === version ? before : undefined;
}
