/**
 * Parts put together to a bundle, the same to the last byte as one machine would have built.
 *
 * A part is believed in what all others say too: release, settings, trees. Of its own it brings bytes: a compressed
 * target must become exactly the target that all trees name; a patch is as the part's digest says, and what it makes is
 * proven on each device by the target's digest, where a wrong one costs the delta and not the update. So one machine
 * of several that was taken over can make a release slower, and not another one.
 */
import { join } from "node:path";
import { encodeCanonicalJson, type Json } from "../../base/canonical-json.ts";
import { sha256 } from "../../base/digest.ts";
import { systemCode, ThemisError } from "../../base/error.ts";
import { readRegularFile } from "../../base/input-file.ts";
import {
  type BuildPart,
  buildPartKind,
  decodeBuildPart,
  type PartDelta,
} from "../../format/manifest/build-part.ts";
import { type BuildResult, writeBundle } from "../build.ts";
import type { BuildProgress, Previous } from "../build-request.ts";
import { addedFiles, compare } from "../compare-trees.ts";
import { isCompressed, type Makers } from "../makers.ts";
import { refuseUsedOutput } from "../output-folder.ts";
import { PublishError } from "../publish-error.ts";
import type { ChosenSource } from "../sources.ts";
import type { TreeEntry } from "../tree.ts";
import { decodeResult } from "./part-result.ts";
import { releaseOf, treeOf } from "./part-task.ts";

export type AssembleRequest = {
  /** Folders. */
  readonly parts: readonly string[];
  readonly out: string;
  readonly jobs: number;
  readonly signal?: AbortSignal;
};

type OpenPart = { readonly folder: string; readonly part: BuildPart };

/** @throws PublishError PART_INVALID, PARTS_CONFLICT, PARTS_MISSING, OUTPUT_*; JsonError, DocumentError, PathError */
export async function assemble(
  request: AssembleRequest,
  progress: BuildProgress = () => {},
): Promise<BuildResult> {
  await refuseUsedOutput(request.out);
  const parts: OpenPart[] = [];
  for (const folder of request.parts) parts.push({ folder, part: await openPart(folder) });
  const { task } = agreed(parts);
  const release = releaseOf(task);
  const budget = {
    ...(task.apply_memory > 0 && { applyMemory: task.apply_memory }),
    ...(task.apply_time_ms > 0 && { applySeconds: task.apply_time_ms / 1000 }),
  };
  const tree = treeOf(task.files);
  const previous = task.previous.map(({ version, files }) => ({ version, tree: treeOf(files) }));
  return writeBundle({ ...request, release, diff: { budget } }, tree, previous, partMakers(parts), progress);
}

async function openPart(folder: string): Promise<BuildPart> {
  const path = join(folder, "part.json");
  try {
    return decodeBuildPart(await readRegularFile(path, buildPartKind.maxBytes));
  } catch (cause) {
    if (!(cause instanceof ThemisError) && systemCode(cause) === undefined) throw cause;
    const why = cause instanceof ThemisError ? cause.message : systemCode(cause);
    throw new PublishError("PART_INVALID", `${folder} is no part of a build: ${why}`, {
      cause,
      facts: { folder },
      hint: "build it again with --shard, or copy it again from where it was built",
    });
  }
}

/** All of one task, each shard once. @throws PublishError PARTS_CONFLICT, PARTS_MISSING */
function agreed(parts: readonly OpenPart[]): BuildPart {
  const [first] = parts;
  if (!first) throw new PublishError("PARTS_MISSING", "there is no part to put together");
  const words = taskBytes(first.part);
  const seen = new Map<number, string>();
  for (const { folder, part } of parts) {
    if (!taskBytes(part).equals(words)) {
      throw new PublishError(
        "PARTS_CONFLICT",
        `${folder} is of another build than ${first.folder}: ${differing(first.part, part)}`,
        {
          hint: "build all parts from the same trees, with the same options and the same version of this program",
        },
      );
    }
    const other = seen.get(part.shard);
    if (other !== undefined)
      throw new PublishError("PARTS_CONFLICT", `${folder} and ${other} are both shard ${part.shard}`);
    seen.set(part.shard, folder);
  }
  const missing = Array.from({ length: first.part.task.shards }, (_, index) => index + 1).filter(
    (shard) => !seen.has(shard),
  );
  if (missing.length > 0) {
    const { shards } = first.part.task;
    throw new PublishError("PARTS_MISSING", `of ${shards} shards ${missing.join(", ")} are missing`, {
      facts: { missing },
      hint: `build them: themis-bundle build … --shard ${missing[0]}/${shards}`,
    });
  }
  return first.part;
}

function taskBytes({ task }: BuildPart): Buffer {
  return Buffer.from(encodeCanonicalJson(task as unknown as Json));
}

function differing(one: BuildPart, other: BuildPart): string {
  const keys = Object.keys(one.task) as (keyof BuildPart["task"])[];
  return keys.filter((key) => JSON.stringify(one.task[key]) !== JSON.stringify(other.task[key])).join(", ");
}

/** What the parts made. Everything is proven when it is asked for. */
function partMakers(parts: readonly OpenPart[]): Makers {
  const targets = new Map(
    parts.flatMap(({ folder, part }) =>
      part.targets.map((made) => [made.sha256_hash, { folder, made }] as const),
    ),
  );
  const deltas = new Map(
    parts.flatMap(({ folder, part }) =>
      part.deltas.map((made) => [`${made.from_version} ${made.path}`, { folder, made }] as const),
    ),
  );
  const deltaOf = ({ version }: Previous, { path }: TreeEntry) => deltas.get(`${version} ${path}`);
  return {
    compress: async (_, entry) => {
      const found = targets.get(entry.sha256);
      if (!found) throw lacking(`the target ${JSON.stringify(entry.path)}`);
      const { blob, length, encoding } = found.made;
      const bytes = await readBlob(found.folder, blob, length);
      if (!(await isCompressed(bytes, encoding, entry)))
        throw wrong(found.folder, blob, "is not the target it stands for");
      return { bytes, encoding };
    },
    sources: async (older, tree) => {
      const bases = new Map(older.tree.entries.map((entry) => [entry.path as string, entry]));
      const chosen = compare(older.tree, tree).changed.map((target) => {
        const found = deltaOf(older, target);
        if (!found) throw lacking(`what ${JSON.stringify(target.path)} was compared with`);
        return sourceOf(found.made, target, bases, found.folder);
      });
      // Of a new path no delta may have been worth trying.
      for (const target of addedFiles(older.tree, tree)) {
        const found = deltaOf(older, target);
        if (found) chosen.push(sourceOf(found.made, target, bases, found.folder));
      }
      return chosen;
    },
    diff: async (older, _, { source, target }, wholeBytes) => {
      const { folder, made } = deltaOf(older, target)!;
      const digests = { sourceSha256: source.sha256, targetSha256: target.sha256 };
      if (made.winner === "WHOLE") return { ...digests, ...decodeResult(made, undefined) };
      if (made.patch_size >= wholeBytes)
        throw wrong(folder, made.blob, "is a patch that is no smaller than the whole");
      const patch = await readBlob(folder, made.blob, made.patch_size);
      return { ...digests, ...decodeResult(made, patch) };
    },
    close: async () => {},
  };
}

function sourceOf(
  made: PartDelta,
  target: TreeEntry,
  bases: ReadonlyMap<string, TreeEntry>,
  folder: string,
): ChosenSource {
  const source = bases.get(made.base_path);
  if (!source)
    throw wrong(folder, "part.json", `compares with ${JSON.stringify(made.base_path)}, which is not there`);
  return { target, source, reason: made.base_reason };
}

async function readBlob(folder: string, name: string, length: number): Promise<Uint8Array> {
  try {
    const bytes = await readRegularFile(join(folder, "blobs", name), length);
    if (bytes.length === length && sha256(bytes) === name) return bytes;
  } catch (cause) {
    if (!(cause instanceof ThemisError) && systemCode(cause) === undefined) throw cause;
    throw wrong(folder, name, "is missing or cannot be read", cause);
  }
  throw wrong(folder, name, "differs from its digest");
}

function wrong(folder: string, name: string, why: string, cause?: unknown): PublishError {
  return new PublishError("PART_INVALID", `${name} of the part ${folder} ${why}`, {
    cause,
    facts: { folder, name },
    hint: "copy the part again from where it was built, or build it again",
  });
}

function lacking(what: string): PublishError {
  return new PublishError("PART_INVALID", `the parts lack ${what}`, {
    hint: "build the parts again; one of them was changed",
  });
}
