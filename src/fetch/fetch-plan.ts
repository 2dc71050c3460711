import type { Blob } from "../format/manifest/blob.ts";
import type { DevicePlace } from "./place.ts";
import { type Plan, withoutPack } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import type { FellBack } from "./rebuild.ts";
import { PackAbsent, transfer } from "./transfer.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

/** A pack of patches that the source does not have costs its files their delta, not the update. */
export async function fetchPlan(
  plan: Plan,
  fetchBlobs: (blobs: readonly Blob[]) => Promise<number>,
): Promise<{ plan: Plan; fetched: number; withoutDelta: FellBack[] }> {
  try {
    return { plan, fetched: await fetchBlobs(plan.blobs), withoutDelta: [] };
  } catch (error) {
    if (!(error instanceof PackAbsent)) throw error;
    const without = withoutPack(plan, error.asset);
    // The pack of a whole target: there is nothing left to fall back to.
    if (without.paths.length === 0) throw error;
    const next = await fetchPlan(without.plan, fetchBlobs);
    const withoutDelta = without.paths.map((path) => ({ path, why: error.message }));
    return { ...next, withoutDelta: [...withoutDelta, ...next.withoutDelta] };
  }
}

export function fetcher(
  request: UpdateRequest,
  tools: UpdateTools,
  place: DevicePlace,
  { release, plan }: Prepared,
) {
  return async (blobs: readonly Blob[]): Promise<number> => {
    const { bytesFetched } = await transfer({
      source: release.source,
      packs: release.manifest.packs,
      blobs,
      folder: place.transfer,
      connections: request.connections,
      signal: request.signal,
      progress: (doneBytes, totalBytes) =>
        tools.progress?.({
          phase: "downloading",
          done: doneBytes >= totalBytes ? blobs.length : 0,
          total: blobs.length,
          doneBytes,
          totalBytes,
          savedBytes: plan.bytesFull - plan.bytesToFetch,
        }),
    });
    return bytesFetched;
  };
}
