/** Everything an update must know before its first byte: the proven release, the disk as it is, the plan, the space. */
import { statfs } from "node:fs/promises";
import type { EntryRecord } from "../format/record/restore-point.ts";
import { NOTHING_TRUSTED } from "../trust/verify-release.ts";
import { type Discovered, discover, readDeltaManifests } from "./discover.ts";
import { FetchError } from "./fetch-error.ts";
import type { DevicePlace } from "./place.ts";
import { changesNothing, type Plan, planUpdate } from "./plan.ts";
import { scanEntry } from "./scan.ts";
import { openSource } from "./source.ts";
import type { DeviceState } from "./state.ts";
import { affectedPaths } from "./switch-steps.ts";
import { transferBytes } from "./transfer.ts";
import type { UpdateRequest } from "./update-request.ts";

export type Prepared = {
  readonly release: Discovered;
  readonly plan: Plan;
  readonly found: ReadonlyMap<string, EntryRecord>;
  readonly from: string;
  readonly bytesFetched: number;
};

export function discoverFor(request: UpdateRequest, state: DeviceState | undefined, now: Date) {
  return {
    source: openSource(request.source),
    anchors: request.anchors,
    version: request.version,
    trusted: state?.trusted() ?? NOTHING_TRUSTED,
    now,
    signal: request.signal,
  };
}

export async function prepare(
  request: UpdateRequest,
  place: DevicePlace,
  state: DeviceState | undefined,
  now: Date,
  proven?: Discovered,
): Promise<Prepared> {
  const release = proven ?? (await discover(discoverFor(request, state, now)));
  const recorded = state?.files() ?? [];
  const from = state?.installed().version ?? "";
  const { manifest } = release;
  // An intact device asks for no delta manifest: an unchanged release costs two small documents.
  const found = await scanAll(
    place.root,
    [...manifest.files, ...recorded].map(({ path }) => path),
  );
  const first = planUpdate({ wanted: manifest, found, recorded, deltas: [], removed: [] });
  if (recorded.length > 0 && changesNothing(first))
    return { release, plan: first, found, from, bytesFetched: release.bytesFetched };
  const { deltas: documents, bytesFetched } = await readDeltaManifests(release, from, request.signal);
  const deltas = documents.flatMap((document) => document.deltas);
  const removed = documents.flatMap((document) => document.removed);
  const more = [...deltas.map(({ base_path }) => base_path), ...removed.map(({ path }) => path)].filter(
    (path) => !found.has(path),
  );
  for (const [path, entry] of await scanAll(place.root, more)) found.set(path, entry);
  const { applyMemory } = request;
  const plan = planUpdate({ wanted: manifest, found, recorded, deltas, removed, applyMemory });
  return { release, plan, found, from, bytesFetched: release.bytesFetched + bytesFetched };
}

async function scanAll(root: string, paths: readonly string[]): Promise<Map<string, EntryRecord>> {
  const found = new Map<string, EntryRecord>();
  for (const path of new Set(paths)) found.set(path, await scanEntry(root, path));
  return found;
}

/** Packs, rebuilt files and copies for the way back must all fit before the first byte is fetched. */
export async function preFlight(place: DevicePlace, { release, plan, found }: Prepared): Promise<void> {
  const rebuilt = plan.steps.reduce(
    (sum, step) =>
      sum +
      ("target" in step && ["patch", "copy", "download"].includes(step.kind) ? step.target.size_bytes : 0),
    0,
  );
  const saved = affectedPaths(plan.steps).reduce((sum, path) => sum + (found.get(path)?.size ?? 0), 0);
  const need = transferBytes(release.manifest.packs, plan.blobs) + rebuilt + saved;
  const { bavail, bsize } = await statfs(place.root);
  const free = bavail * bsize;
  if (free < need) {
    throw new FetchError("NO_SPACE", `the update needs ${need} bytes under ${place.root}, ${free} are free`, {
      facts: { needBytes: need, freeBytes: free },
      hint: "nothing was changed; free some space and run it again",
    });
  }
}
