/** Which restore points stay: the newest always, then as many as every bound allows; the oldest go first. */
import { DEFAULTS } from "../../format/config/defaults.ts";
import type { RestorePointRecord } from "../device-records.ts";

export type Retention = {
  readonly count: number;
  /** undefined is no bound. */
  readonly ageMs?: number | undefined;
  /** On disk, of all together. */
  readonly bytes?: number | undefined;
};

/**
 * Once they are compact, ten take less room than one plain copy does (bench/results/restore.md), and what is further
 * back than ten releases is installed from its page rather than gone back to. A device that is updated twice a
 * year must not lose its way back by the calendar, and how many bytes are many only its operator knows.
 */
export const DEFAULT_RETENTION: Retention = DEFAULTS.autoUpdate.restorePoints;

/**
 * An older point needs the newer ones to be gone through, so what goes is an end of the list and never its middle.
 *
 * @param points newest first @returns those that go
 */
export function expired(
  points: readonly RestorePointRecord[],
  { count, ageMs = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY }: Retention,
  now: Date,
): readonly RestorePointRecord[] {
  let sum = 0;
  const first = points.findIndex((point, index) => {
    sum += point.bytes;
    const age = now.getTime() - Date.parse(point.created);
    return index > 0 && (index >= count || age > ageMs || sum > bytes);
  });
  return first === -1 ? [] : points.slice(first);
}
