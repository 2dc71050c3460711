/** Finds the offered release, proves it, and reads the delta manifests that it vouches for. */
import { sha256 } from "../base/digest.ts";
import {
  checkAgainstManifest,
  type DeltaManifest,
  decodeDeltaManifest,
} from "../format/manifest/delta-manifest.ts";
import { type Manifest, manifestKind } from "../format/manifest/manifest.ts";
import type { TrustAnchor } from "../trust/anchor.ts";
import type { Verified } from "../trust/verified.ts";
import { type TrustedState, verifyRelease } from "../trust/verify-release.ts";
import { MAX_SIGNATURE_BYTES, type SignatureReport } from "../trust/verify-signature.ts";
import { FetchError } from "./fetch-error.ts";
import type { Source } from "./transfer/source.ts";

export type DiscoverRequest = {
  /** The best first; the others are asked when it cannot be reached. */
  readonly sources: readonly Source[];
  readonly anchors: readonly TrustAnchor[];
  /** "" for the offered one. */
  readonly version: string;
  readonly trusted: TrustedState;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
};

export type Discovered = {
  /** Where the manifest came from. */
  readonly source: Source;
  /** That, and where the same release should lie besides. */
  readonly sources: readonly Source[];
  readonly manifest: Verified<Manifest>;
  readonly manifestSha256: string;
  readonly report: SignatureReport;
  readonly bytesFetched: number;
};

/** @throws FetchError SOURCE_*; everything verifyRelease throws */
export async function discover(request: DiscoverRequest): Promise<Discovered> {
  const { asked, folder, bytes } = await findManifest(request);
  const source = below(asked, folder);
  const { signal } = request;
  const signature = await source.readAll("manifest.json.p7s", MAX_SIGNATURE_BYTES, { signal });
  if (typeof signature === "string") {
    throw new FetchError(
      "ASSET_SIZE",
      `the release at ${source.name} is not signed: it has no manifest.json.p7s`,
    );
  }
  const { manifest, report } = verifyRelease({
    ...request,
    manifestBytes: bytes,
    signatureBytes: signature.bytes,
  });
  // Mirrors hold it under the same name; where a tag names it for good, it is read there.
  const places = [asked, ...request.sources.filter((other) => other !== asked)];
  const sources = places.map((place) => {
    const alike = place.foldersOf(request.version).includes(folder)
      ? folder
      : place.foldersOf(manifest.version)[0]!;
    return below(place, place.folderOfTag(manifest.tag_name) ?? alike);
  });
  return {
    source: sources[0]!,
    sources,
    manifest,
    report,
    manifestSha256: sha256(bytes),
    bytesFetched: bytes.length + signature.bytes.length,
  };
}

/** Delta manifests of one older version, or of all when nobody knows which one is there. */
export async function readDeltaManifests(
  { source, manifest }: Discovered,
  installedVersion: string,
  signal?: AbortSignal,
): Promise<{ deltas: DeltaManifest[]; bytesFetched: number }> {
  const known = manifest.delta_manifests.filter(({ from_version }) => from_version === installedVersion);
  const wanted = installedVersion === "" || known.length === 0 ? manifest.delta_manifests : known;
  const deltas: DeltaManifest[] = [];
  let bytesFetched = 0;
  for (const { asset, size_bytes, sha256_hash, from_version } of wanted) {
    const found = await source.readAll(asset, size_bytes, { signal });
    // Missing deltas cost bytes, wrong ones are an attack or a broken source.
    if (typeof found === "string") continue;
    const { bytes } = found;
    bytesFetched += bytes.length;
    if (sha256(bytes) !== sha256_hash) {
      throw new FetchError(
        "TRANSFER_DIGEST_MISMATCH",
        `${asset} from ${source.name} is not what the manifest names`,
      );
    }
    const document = decodeDeltaManifest(bytes);
    checkAgainstManifest(document, from_version, manifest);
    deltas.push(document);
  }
  return { deltas, bytesFetched };
}

type Found = {
  /** The source that answered, and where below it. */
  readonly asked: Source;
  readonly folder: string;
  readonly bytes: Uint8Array;
};

/** @throws FetchError: of the first source, when none has an answer */
async function findManifest(request: DiscoverRequest): Promise<Found> {
  const errors: unknown[] = [];
  for (const asked of request.sources) {
    try {
      return { asked, ...(await findManifestAt(asked, request)) };
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!(error instanceof FetchError)) throw error;
      errors.push(error);
    }
  }
  throw errors[0];
}

async function findManifestAt(
  source: Source,
  { version, signal }: DiscoverRequest,
): Promise<Pick<Found, "folder" | "bytes">> {
  for (const folder of source.foldersOf(version)) {
    const found = await below(source, folder).readAll("manifest.json", manifestKind.maxBytes, { signal });
    if (typeof found !== "string") return { folder, bytes: found.bytes };
  }
  throw new FetchError("SOURCE_STATUS", `there is no release${version && ` ${version}`} at ${source.name}`, {
    facts: { status: 404 },
    hint: "a source is a bundle, or a page made by themis-bundle publish; a private one answers so to strangers",
  });
}

function below(source: Source, folder: string): Source {
  return folder === "" ? source : source.at(folder);
}
