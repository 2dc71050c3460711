/** Finds the offered release, proves it, and reads the delta manifests that it vouches for. */
import { sha256 } from "../base/digest.ts";
import { type Channel, type ChannelRelease, recallOf } from "../format/channel/channel.ts";
import type { DeltaManifest } from "../format/manifest/delta-manifest.ts";
import { type DeltaManifestReference, type Manifest, manifestKind } from "../format/manifest/manifest.ts";
import { recalled } from "../trust/channel-decision.ts";
import { ReleaseError } from "../trust/release-error.ts";
import type { Logged } from "../trust/transparency.ts";
import { TransparencyError } from "../trust/transparency-error.ts";
import { policyOf, type TrustPolicy } from "../trust/trust-policy.ts";
import type { Verified } from "../trust/verified.ts";
import { type VerifiedDeltaManifest, verifyDeltaManifest } from "../trust/verify-delta-manifest.ts";
import {
  type Recipient,
  type TrustedState,
  type VerifiedRelease,
  verifyRelease,
} from "../trust/verify-release.ts";
import type { SignatureReport } from "../trust/verify-signature.ts";
import { prewarmVerification } from "../trust/verify-thread.ts";
import { FetchError } from "./fetch-error.ts";
import {
  type KeptRelease,
  MANIFEST,
  type ProvenRelease,
  type Reading,
  type ReleaseDocuments,
  readLogProof,
  readRelease,
  SIGNATURE,
} from "./read-release.ts";
import { eitherFolder } from "./transfer/either-folder.ts";
import type { Source } from "./transfer/source.ts";

export type DiscoverRequest = TrustPolicy & {
  /** The best first; the others are asked when it cannot be reached. */
  readonly sources: readonly Source[];
  /** "" for the offered one. */
  readonly version: string;
  /** Default: any. */
  readonly channel?: string | undefined;
  readonly trusted: TrustedState;
  /** What a document of the channel says of it; default: there is none. */
  readonly named?: Named | undefined;
  /** How far below the highest that was believed it may lie; default: not at all. */
  readonly leastSequence?: number | undefined;
  /** Default: nobody in particular. */
  readonly recipient?: Recipient | undefined;
  /** What need not be fetched again. */
  readonly kept: KeptRelease | undefined;
  /** Bring the proof of a transparency log, though none is demanded. */
  readonly wantsLogProof?: boolean;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
};

/** What the release must be, or must not. */
export type Named = {
  readonly document: Verified<Channel>;
  /** The release that it offers, or knows under the version that was asked for; undefined for one it does not know. */
  readonly release: ChannelRelease | undefined;
};

export type Discovered = {
  /** Where the manifest came from. */
  readonly source: Source;
  /** That, and where the same release should lie besides. */
  readonly sources: readonly Source[];
  readonly manifest: Verified<Manifest>;
  readonly manifestSha256: string;
  /** The proven documents, byte for byte. */
  readonly documents: ProvenRelease;
  readonly report: SignatureReport;
  /** What vouches for it, where a transparency log is demanded. */
  readonly logged: Logged | undefined;
  /** As it came; proven only where a log is demanded. */
  readonly logProof: Uint8Array | undefined;
  readonly bytesFetched: number;
};

/** @throws FetchError SOURCE_*; everything verifyRelease throws */
export async function discover(request: DiscoverRequest): Promise<Discovered> {
  prewarmVerification();
  const { asked, folder, documents, logProof, proven } = await findRelease(request);
  const { manifest, report, logged } = proven;
  // Mirrors hold it under the same name; where a tag names it for good, it is read there.
  const places = [asked, ...request.sources.filter((other) => other !== asked)];
  const sources = places.map((place) => {
    const tagged = place.folderOfTag(manifest.tag_name);
    if (tagged !== undefined) return below(place, tagged);
    if (place === asked) return below(place, folder);
    const alike = place.foldersOf(request.version).filter((each) => each === folder);
    return eitherFolder(place, [...new Set([...place.foldersOf(manifest.version), ...alike])]);
  });
  const { etag, bytesFetched } = documents;
  return {
    source: sources[0]!,
    sources,
    manifest,
    report,
    logged,
    logProof,
    manifestSha256: sha256(proven.documents.manifest),
    documents: { ...proven.documents, source: asked.name, folder, etag },
    bytesFetched: bytesFetched + (logProof?.length ?? 0),
  };
}

/** Delta manifests of one older version, or of all when nobody knows which one is there. */
export async function readDeltaManifests(
  { source, manifest }: Pick<Discovered, "source" | "manifest">,
  installedVersion: string,
  signal?: AbortSignal,
): Promise<{ deltas: Verified<DeltaManifest>[]; bytesFetched: number }> {
  const known = manifest.delta_manifests.filter(({ from_version }) => from_version === installedVersion);
  const wanted = installedVersion === "" || known.length === 0 ? manifest.delta_manifests : known;
  const deltas: Verified<DeltaManifest>[] = [];
  let bytesFetched = 0;
  for (const reference of wanted) {
    const found = await readDeltaManifest({ source, manifest }, reference, signal);
    // Missing deltas cost bytes, wrong ones are an attack or a broken source.
    if (found === "absent") continue;
    bytesFetched += found.bytes.length;
    deltas.push(found.document);
  }
  return { deltas, bytesFetched };
}

/** One of them, proven. @throws FetchError TRANSFER_DIGEST_MISMATCH, SOURCE_*; JsonError, DocumentError, PathError */
export async function readDeltaManifest(
  { source, manifest }: Pick<Discovered, "source" | "manifest">,
  reference: Verified<DeltaManifestReference>,
  signal?: AbortSignal,
): Promise<VerifiedDeltaManifest | "absent"> {
  const { asset, size_bytes } = reference;
  const found = await source.readAll(asset, size_bytes, { signal });
  if (typeof found === "string") return "absent";
  const verified = verifyDeltaManifest(found.bytes, reference, manifest);
  if (verified) return verified;
  throw new FetchError(
    "TRANSFER_DIGEST_MISMATCH",
    `${asset} from ${source.name} is not what the manifest names`,
  );
}

type Found = {
  /** The source that answered, and where below it. */
  readonly asked: Source;
  readonly folder: string;
  readonly documents: ReleaseDocuments;
  readonly logProof: Uint8Array | undefined;
  readonly proven: VerifiedRelease;
};

/** @throws FetchError: of the first source, when none has an answer; what verifyRelease throws, of the first that has */
async function findRelease(request: DiscoverRequest): Promise<Found> {
  const errors: unknown[] = [];
  for (const asked of request.sources) {
    try {
      return { asked, ...(await findReleaseAt(asked, request)) };
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!(error instanceof FetchError)) throw error;
      errors.push(error);
    }
  }
  throw errors[0];
}

async function findReleaseAt(source: Source, request: DiscoverRequest): Promise<Omit<Found, "asked">> {
  const { version, kept, signal } = request;
  const isKeptHere = kept?.source === source.name;
  const folders = source.foldersOf(version);
  // Where it was the last time it is asked for first.
  const before = isKeptHere ? folders.filter((folder) => folder === kept.folder) : [];
  for (const folder of new Set([...before, ...folders])) {
    const place = below(source, folder);
    const etag = isKeptHere && folder === kept.folder ? kept.etag : "";
    const documents = await readRelease(place, { kept, etag, signal });
    if (documents === "absent") continue;
    try {
      return { folder, ...(await prove(place, documents, { signal }, request)) };
    } catch (error) {
      // The kept release may have aged, or be of another version than is asked for: the source says its own.
      const fresh = mayBeOfAnother(error);
      if (documents.kind === "read" && !fresh) throw error;
      const anew = await readRelease(place, { kept, etag: "", signal, fresh });
      if (anew !== "absent") return { folder, ...(await prove(place, anew, { signal, fresh }, request)) };
    }
  }
  await refuseUnsigned(source, folders, signal);
  throw new FetchError("SOURCE_STATUS", `there is no release${version && ` ${version}`} at ${source.name}`, {
    facts: { status: 404 },
    hint: "a source is a bundle, or a page made by themis-bundle publish; a private repository wants GITHUB_TOKEN with contents: read",
  });
}

/** A release without a signature is something else than no release. @throws FetchError ASSET_SIZE */
async function refuseUnsigned(
  source: Source,
  folders: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const folder of folders) {
    const place = below(source, folder);
    if ((await place.readAll(MANIFEST, manifestKind.maxBytes, { signal })) === "absent") continue;
    throw new FetchError("ASSET_SIZE", `the release at ${place.name} is not signed: it has no ${SIGNATURE}`);
  }
}

/** The page was switched between two requests, or a cache on the way has the proof of a while ago. */
function mayBeOfAnother(error: unknown): boolean {
  if (!(error instanceof TransparencyError)) return false;
  return ["LOG_PROOF_MISSING", "LOG_PROOF_INVALID", "LOG_ROLLED_BACK"].includes(error.code);
}

async function prove(
  place: Source,
  documents: ReleaseDocuments,
  reading: Pick<Reading, "signal" | "fresh">,
  request: DiscoverRequest,
): Promise<Pick<Found, "documents" | "logProof" | "proven">> {
  const { manifest, signature } = documents;
  const { now, trusted, version: asked, recipient, leastSequence, named } = request;
  const isWanted = request.logKeys !== undefined || request.wantsLogProof === true;
  const logProof = isWanted ? await readLogProof(place, reading) : undefined;
  const proven = await verifyRelease({
    ...{ ...policyOf(request), now, trusted, version: asked, recipient, leastSequence },
    ...{ manifestBytes: manifest, signatureBytes: signature, proofBytes: logProof },
  });
  if (named) checkNamed(named, proven.manifest, sha256(manifest));
  const { version, channel } = proven.manifest;
  // A release that was promoted from another channel is the same release.
  if (named?.release === undefined && request.channel !== undefined && channel !== request.channel) {
    throw new ReleaseError(
      "CHANNEL_MISMATCH",
      `${version} is of the channel ${channel}, this device follows ${request.channel}`,
      {
        facts: { channel, expected: request.channel },
        hint: "checker.channel says which; nothing was changed",
      },
    );
  }
  return { documents, logProof, proven };
}

/** @throws ReleaseError PRODUCT_MISMATCH, CHANNEL_MIX, RELEASE_RECALLED */
function checkNamed({ document, release }: Named, { product, version }: Manifest, digest: string): void {
  if (product !== document.product) {
    throw new ReleaseError(
      "PRODUCT_MISMATCH",
      `the release is of ${product}, the channel ${document.channel} of ${document.product}`,
    );
  }
  if (release && release.manifest_sha256 !== digest) {
    throw new ReleaseError(
      "CHANNEL_MIX",
      `the source has another release ${version} than the channel ${document.channel} names`,
      {
        facts: { expected: release.manifest_sha256, found: digest },
        hint: "the source or a mirror mixes two publications, or somebody does; nothing was changed",
      },
    );
  }
  const recall = recallOf(document, { version, manifest_sha256: digest });
  if (recall) throw new ReleaseError("RELEASE_RECALLED", recalled(recall));
}

export function below(source: Source, folder: string): Source {
  return folder === "" ? source : source.at(folder);
}
