/**
 * From a release on its page to one file that is carried to where no network is, in the order it happens:
 *
 *   discover -> verify -> choose assets -> lay out -> room -> transfer -> what stands between -> rename
 *
 * The layout follows from the proven manifest alone, so each piece of a pack is written where it will stay, and
 * nothing is held twice. Before the release is proven nothing is written; killed anywhere, the same command
 * goes on from the proven pieces; the same release gives the same bytes.
 */

import { open, rename, stat, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { checkOutput, isSameFile, syncFolder } from "../../base/atomic-file.ts";
import { sha256OfFile } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import { writeSize } from "../../base/units.ts";
import type { Channel } from "../../format/channel/channel.ts";
import { type ArchiveLayout, layOutArchive, type Member } from "../../format/pack/archive-index.ts";
import { BLOCK_BYTES, END_OF_ARCHIVE, encodeMemberHeader, memberPadding } from "../../format/pack/ustar.ts";
import type { TrustPolicy } from "../../trust/trust-policy.ts";
import { NOTHING_TRUSTED } from "../../trust/verify-release.ts";
import type { SignerReport } from "../../trust/verify-signature.ts";
import { type Discovered, discover } from "../discover.ts";
import { FetchError } from "../fetch-error.ts";
import { type Places, withSources } from "../prepare.ts";
import { wholeOf } from "../transfer/pieces.ts";
import { RateLimit } from "../transfer/rate-limit.ts";
import { PackUnusable, transfer } from "../transfer/transfer.ts";
import { settleTrust } from "../trust-root.ts";
import { channelFor } from "./channel-for-bundle.ts";
import { type Assets, chooseAssets, type DeltaChoice, WITHOUT_DELTAS } from "./choose-assets.ts";
import { readTrustRoots } from "./trust-roots.ts";
import { withWorkFolder, workFolderOf } from "./work-folder.ts";

export type OfflineBundleRequest = Places &
  TrustPolicy & {
    /** "" for the offered release; of a channel, the newest that is for all devices. */
    readonly version: string;
    /** Its document travels too; default: no document does. */
    readonly channel?: string | undefined;
    readonly deltas: DeltaChoice;
    /** The file to make; one that is there is replaced at the end. */
    readonly output: string;
    /** Files that the output must not replace, besides those of the source. */
    readonly inputs?: readonly string[] | undefined;
    /** Bytes a second over all connections; undefined is no limit. */
    readonly limitRate?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  };

export type OfflineBundleTools = {
  readonly now: () => Date;
  readonly progress?: (event: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  /** What a person would wonder about, such as a long wait. */
  readonly notice?: (message: string) => void;
};

export type OfflineBundle = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly product: string;
  readonly version: string;
  /** In the order in which they stand in the archive. */
  readonly assets: readonly string[];
  /** Older versions that it updates by delta. */
  readonly deltasFrom: readonly string[];
  readonly signers: readonly SignerReport[];
  readonly bytesFetched: number;
  /** Of the channel's document that travels too; undefined for none. */
  readonly channel: Pick<Channel, "channel" | "version" | "expires"> | undefined;
};

/** @throws FetchError, TrustError, ReleaseError, DocumentError; ThemisError OUTPUT_INVALID, DELTA_UNKNOWN, ARCHIVE_MALFORMED */
export async function makeOfflineBundle(
  request: OfflineBundleRequest,
  tools: OfflineBundleTools,
): Promise<OfflineBundle> {
  const output = resolve(request.output);
  checkOutput(output);
  return withSources(request, tools, async (sources) => {
    const { version, signal } = request;
    const now = tools.now();
    const fresh = { trusted: NOTHING_TRUSTED, kept: undefined };
    const trust = await settleTrust({
      ...fresh,
      policy: request,
      remembered: undefined,
      sources,
      now,
      signal,
    });
    const followed = await channelFor({ ...request, ...trust.channel }, sources, now);
    const release = await discover({
      ...{ ...trust.release, sources, version: followed?.version ?? version, ...fresh, now, signal },
      wantsLogProof: true,
      ...(followed && { named: followed.named, channel: request.channel }),
    });
    const besides = [...(followed?.documents ?? []), ...(await readTrustRoots({ sources, signal }))];
    const assets = await chooseAssets(release, request.deltas, besides, signal);
    const layout = layOutArchive([
      ...assets.documents.map(({ name, bytes }) => ({ name, size: bytes.length })),
      ...assets.packs.map(({ asset, size_bytes }) => ({ name: asset, size: size_bytes })),
    ]);
    const headers = layout.members.map(({ name, size }) => encodeMemberHeader(name, size));
    refuseInputs(output, release, request.inputs ?? [], layout.members);
    await checkRoom(output, layout);
    return withWorkFolder(output, async (folder) => {
      const part = join(folder, PART);
      await startPart(part, layout);
      const receivedBytes = await fetchPacks({ release, assets, layout, part }, request, tools);
      await writeRest({ assets, layout, part }, headers);
      const sha256 = await sha256OfFile(part, signal);
      checkOutput(output);
      await rename(part, output);
      syncFolder(dirname(output));
      const documentBytes = assets.documents.reduce((sum, { bytes }) => sum + bytes.length, 0);
      return {
        path: output,
        sizeBytes: layout.totalBytes,
        sha256,
        product: release.manifest.product,
        version: release.manifest.version,
        assets: layout.members.map(({ name }) => name),
        deltasFrom: assets.deltasFrom,
        signers: release.report.signers,
        bytesFetched: documentBytes + receivedBytes,
        channel: followed?.about,
      };
    });
  });
}

const PART = "archive.part";

/** What goes into the archive, and where that grows. */
type Cargo = {
  readonly release: Discovered;
  readonly assets: Assets;
  readonly layout: ArchiveLayout;
  readonly part: string;
};

/** A folder's name is its path, and what is no folder has no such file. */
function refuseInputs(
  output: string,
  { sources }: Discovered,
  inputs: readonly string[],
  members: readonly Member[],
): void {
  const ofSources = sources.flatMap((source) => members.map(({ name }) => join(source.name, name)));
  const input = [...inputs, ...ofSources].find((path) => isSameFile(path, output));
  if (input === undefined) return;
  throw new ThemisError("OUTPUT_INVALID", "usage", `${output} is ${input}, which this command reads`, {
    hint: "name another output; nothing was written",
  });
}

/** @throws FetchError NO_SPACE: what an earlier run has brought is not needed again */
async function checkRoom(output: string, { totalBytes }: ArchiveLayout): Promise<void> {
  const part = await stat(join(workFolderOf(output), PART)).catch(() => undefined);
  const { bavail, bsize } = await statfs(dirname(output));
  const needBytes = totalBytes - (part?.blocks ?? 0) * 512;
  const freeBytes = bavail * bsize;
  if (needBytes <= freeBytes) return;
  throw new FetchError(
    "NO_SPACE",
    `${output} needs ${writeSize(needBytes)}, ${writeSize(freeBytes)} are free`,
    {
      facts: { needBytes, freeBytes },
      hint: "nothing was fetched; free some space, or name an output on another disk",
    },
  );
}

/** The archive of another release may have begun to grow here: what is right of it is found by its digests. */
async function startPart(part: string, { totalBytes }: ArchiveLayout): Promise<void> {
  const file = await open(part, "a+", 0o644);
  try {
    const { size } = await file.stat();
    if (size > totalBytes) await file.truncate(totalBytes);
  } finally {
    await file.close();
  }
}

/** @returns bytes that came, of use or not */
async function fetchPacks(
  { release, assets: { packs }, layout, part }: Cargo,
  { connections, limitRate, signal }: OfflineBundleRequest,
  { progress, notice }: OfflineBundleTools,
): Promise<number> {
  const { sources, manifest } = release;
  const starts = new Map(layout.members.map(({ name, start }) => [name, start]));
  let receivedBytes = 0;
  try {
    await transfer({
      sources,
      packs,
      blobs: packs.map(wholeOf),
      folder: dirname(part),
      placeOf: ({ asset }) => ({ path: part, start: starts.get(asset)! }),
      connections,
      rateLimit: limitRate === undefined ? undefined : new RateLimit(limitRate),
      signal,
      progress: (doneBytes, totalBytes) => progress?.({ doneBytes, totalBytes }),
      notice: (message) => notice?.(message),
      received: (bytes) => {
        receivedBytes += bytes;
      },
    });
  } catch (error) {
    if (!(error instanceof PackUnusable)) throw error;
    const holdsTargets = manifest.files.some(({ blob }) => blob.pack === error.asset);
    if (holdsTargets) throw error;
    const { code, message, facts } = error;
    throw new FetchError(code, message, { cause: error, facts, hint: WITHOUT_DELTAS });
  }
  return receivedBytes;
}

/** Everything but the packs' own bytes, also where zeros should be: an archive of another shape may have grown here. */
async function writeRest(
  { assets, layout, part }: Omit<Cargo, "release">,
  headers: readonly Uint8Array[],
): Promise<void> {
  const { members, totalBytes } = layout;
  const contents = new Map(assets.documents.map(({ name, bytes }) => [name, bytes]));
  const file = await open(part, "r+");
  try {
    const write = async (bytes: Uint8Array, at: number): Promise<void> => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
    };
    for (const [i, { name, start, size }] of members.entries()) {
      await write(headers[i]!, start - BLOCK_BYTES);
      await write(contents.get(name) ?? new Uint8Array(0), start);
      await write(memberPadding(size), start + size);
    }
    await write(END_OF_ARCHIVE, totalBytes - END_OF_ARCHIVE.length);
    await file.sync();
  } finally {
    await file.close();
  }
}
