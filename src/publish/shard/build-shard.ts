/** One machine's share of a build: `PART/part.json` and `PART/blobs/<SHA-256>`. No secret is needed for it. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { sha256 } from "../../base/digest.ts";
import { mapInOrder } from "../../base/parallel.ts";
import { encodeBuildPart, type PartDelta, type PartTarget } from "../../format/manifest/build-part.ts";
import { indexTrees } from "../build.ts";
import type { BuildProgress, BuildRequest } from "../build-request.ts";
import { cachedMakers } from "../delta-cache.ts";
import { localFailure, startFolder, takeName } from "../output-folder.ts";
import { encodeResult } from "./part-result.ts";
import { taskOf } from "./part-task.ts";
import { partition } from "./partition.ts";

export type ShardRequest = BuildRequest & {
  /** From 1 on. */
  readonly shard: number;
  readonly shards: number;
  /** Name and version of this program. */
  readonly program: string;
};

export type ShardResult = {
  readonly out: string;
  readonly shard: number;
  readonly shards: number;
  readonly targets: number;
  readonly deltas: number;
  readonly bytes: number;
};

/** @throws PublishError, PathError, DocumentError */
export async function buildShard(
  request: ShardRequest,
  progress: BuildProgress = () => {},
): Promise<ShardResult> {
  const { tree, previous } = await indexTrees(request);
  const task = taskOf(request, tree, previous, request);
  const share = partition(tree, previous, request.shards)[request.shard - 1]!;
  const own = new Set(share.targets.map((entry) => entry.sha256));
  const totalBytes = share.targets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const makers = cachedMakers(request, (target) => own.has(target.sha256));
  const growing = await startFolder(request.out);
  const blobs = new Map<string, number>();
  const keep = async (bytes: Uint8Array): Promise<string> => {
    const digest = sha256(bytes);
    if (!blobs.has(digest)) await writeFile(join(growing, "blobs", digest), bytes, { flush: true });
    blobs.set(digest, bytes.length);
    return digest;
  };
  try {
    await mkdir(join(growing, "blobs"));
    const targets: PartTarget[] = [];
    const whole = new Map<string, number>();
    let doneBytes = 0;
    for await (const { entry, bytes, encoding } of mapInOrder(share.targets, request.jobs, async (item) => ({
      entry: item,
      ...(await makers.compress(tree, item)),
    }))) {
      request.signal?.throwIfAborted();
      whole.set(entry.sha256, bytes.length);
      const blob = await keep(bytes);
      targets.push({ sha256_hash: entry.sha256, blob, length: bytes.length, encoding });
      doneBytes += entry.sizeBytes;
      const counted = { done: targets.length, total: share.targets.length, doneBytes, totalBytes };
      progress({ phase: "targets", ...counted, path: entry.path });
    }
    const deltas: PartDelta[] = [];
    for (const older of previous) {
      const chosen = await makers.sources(older, tree);
      const results = mapInOrder(chosen, request.jobs, async (each) => ({
        each,
        result: await makers.diff(older, tree, each, whole.get(each.target.sha256) ?? 0),
      }));
      let done = 0;
      for await (const { each, result } of results) {
        if (result.winner) await keep(result.winner.patch);
        deltas.push({
          from_version: older.version,
          path: each.target.path,
          base_path: each.source.path,
          base_reason: each.reason,
          ...encodeResult(result),
        });
        const counted = { done: ++done, total: chosen.length, doneBytes: done, totalBytes: chosen.length };
        progress({ phase: "deltas", ...counted, path: each.target.path });
      }
    }
    const part = { schema_version: 1, task, shard: request.shard, targets, deltas };
    await writeFileAtomically(join(growing, "part.json"), encodeBuildPart(part));
    await takeName(growing, request.out);
    const { out, shard, shards } = request;
    const bytes = [...blobs.values()].reduce((sum, each) => sum + each, 0);
    return { out, shard, shards, targets: targets.length, deltas: deltas.length, bytes };
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    throw localFailure(error, request.out);
  } finally {
    await makers.close();
  }
}
