/**
 * Makes a patch for archives: both are expanded, the shortest patch between those is made, and the recipe says
 * how the target is folded up again.
 *
 * A stream of the target that no encoder makes again stays as it is, and costs what it cost before; when none
 * can be made again there is no archive here, and other formats are as good.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { ThemisError } from "../../../base/error.ts";
import { INNER_ALGORITHMS, writeArchivePatch } from "../../../format/delta/archive/container.ts";
import {
  encodeRecipe,
  type Layout,
  MAX_EXPANDED_BYTES,
  MAX_PARTS,
  type StreamPart,
  type TargetPart,
} from "../../../format/delta/archive/recipe.ts";
import { PatchTooLong } from "../../../format/delta/patch-limit.ts";
import type { Algorithm } from "../../../format/manifest/delta-manifest.ts";
import type { PatchJob } from "../engine.ts";
import { EncoderSearch } from "./find-encoder.ts";
import { type FoundStream, findStreams } from "./find-streams.ts";

/** Makes a patch of another format; handed in, because who makes those makes this one too. */
type MakePatch = (job: PatchJob) => Promise<Uint8Array>;

/** The format has nothing to offer for this file; others have. */
export class NothingToExpand extends ThemisError<"DIFF_FAILED"> {
  constructor() {
    super("DIFF_FAILED", "failed", "the target holds no deflate stream that can be made again");
  }
}

/** @throws NothingToExpand when no stream can be made again; what making a patch of another format throws */
export async function createArchivePatch(job: PatchJob, makePatch: MakePatch): Promise<Uint8Array> {
  const target = await readFile(job.targetPath);
  const { layout, contents } = layOutTarget(target);
  if (layout.parts.length === 0) throw new NothingToExpand();
  const source = await readFile(job.sourcePath);
  const streams = findStreams(source, MAX_EXPANDED_BYTES - source.length).slice(0, MAX_PARTS);
  const sourceLayout = layOut(source, streams);
  const folder = await mkdtemp(join(tmpdir(), "themis-archive-"));
  try {
    const sourcePath = join(folder, "source");
    const targetPath = join(folder, "target");
    await writeFile(
      sourcePath,
      expanded(
        source,
        sourceLayout,
        streams.map(({ content }) => content),
      ),
    );
    await writeFile(targetPath, expanded(target, layout, contents));
    const recipe = encodeRecipe({ source: sourceLayout, target: layout });
    const compressed = brotliCompressSync(recipe, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: recipe.length },
    });
    const around = writeArchivePatch(
      { bytes: recipe.length, compressed },
      INNER_ALGORITHMS[0]!,
      new Uint8Array(),
    );
    const most = job.maxBytes === undefined ? undefined : job.maxBytes - around.length;
    const { algorithm, patch } = await shortest(
      { ...job, sourcePath, targetPath, maxBytes: most },
      makePatch,
    );
    return writeArchivePatch({ bytes: recipe.length, compressed }, algorithm, patch);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Inner = { readonly algorithm: Algorithm; readonly patch: Uint8Array };

async function shortest(job: PatchJob, makePatch: MakePatch): Promise<Inner> {
  let best: Inner | undefined;
  const errors: unknown[] = [];
  for (const algorithm of INNER_ALGORITHMS) {
    const maxBytes = best ? best.patch.length - 1 : job.maxBytes;
    try {
      const patch = await makePatch({ ...job, algorithm, container: "shortest", engine: "kernel", maxBytes });
      best = { algorithm, patch };
    } catch (error) {
      if (!(error instanceof ThemisError)) throw error;
      errors.push(error);
    }
  }
  if (best) return best;
  throw errors.find((error) => error instanceof PatchTooLong) ?? errors[0];
}

function layOutTarget(target: Buffer): {
  readonly layout: Layout<TargetPart>;
  readonly contents: readonly Uint8Array[];
} {
  const search = new EncoderSearch();
  const made = findStreams(target, MAX_EXPANDED_BYTES - target.length)
    .slice(0, MAX_PARTS)
    .flatMap((stream) => {
      const encoder = search.find(target, stream);
      return encoder === undefined ? [] : [{ stream, encoder }];
    });
  const { parts, tailBytes } = layOut(
    target,
    made.map(({ stream }) => stream),
  );
  return {
    layout: { parts: parts.map((part, i) => ({ ...part, encoder: made[i]!.encoder })), tailBytes },
    contents: made.map(({ stream }) => stream.content),
  };
}

function layOut(file: Uint8Array, streams: readonly FoundStream[]): Layout<StreamPart> {
  let end = 0;
  const parts = streams.map(({ start, deflatedBytes, content }) => {
    const rawBytes = start - end;
    end = start + deflatedBytes;
    return { rawBytes, deflatedBytes, contentBytes: content.length };
  });
  return { parts, tailBytes: file.length - end };
}

function expanded(
  file: Uint8Array,
  { parts, tailBytes }: Layout<StreamPart>,
  contents: readonly Uint8Array[],
): Uint8Array {
  let at = 0;
  const pieces = parts.flatMap(({ rawBytes, deflatedBytes }, i) => {
    const raw = file.subarray(at, at + rawBytes);
    at += rawBytes + deflatedBytes;
    return [raw, contents[i]!];
  });
  return Buffer.concat([...pieces, file.subarray(at, at + tailBytes)]);
}
