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
import type { Source } from "./source.ts";

export type DiscoverRequest = {
  readonly source: Source;
  readonly anchors: readonly TrustAnchor[];
  /** "" for the offered one. */
  readonly version: string;
  readonly trusted: TrustedState;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
};

export type Discovered = {
  readonly source: Source;
  readonly manifest: Verified<Manifest>;
  readonly manifestSha256: string;
  readonly report: SignatureReport;
  readonly bytesFetched: number;
};

/** @throws FetchError SOURCE_*; everything verifyRelease throws */
export async function discover(request: DiscoverRequest): Promise<Discovered> {
  const { source, bytes } = await findManifest(request);
  const signature = await source.readAll("manifest.json.p7s", MAX_SIGNATURE_BYTES, request.signal);
  if (!signature) {
    throw new FetchError(
      "ASSET_SIZE",
      `the release at ${source.name} is not signed: it has no manifest.json.p7s`,
    );
  }
  const { manifest, report } = verifyRelease({ ...request, manifestBytes: bytes, signatureBytes: signature });
  return {
    source,
    manifest,
    report,
    manifestSha256: sha256(bytes),
    bytesFetched: bytes.length + signature.length,
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
    const bytes = await source.readAll(asset, size_bytes, signal);
    // Missing deltas cost bytes, wrong ones are an attack or a broken source.
    if (!bytes) continue;
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

/** A bundle has its manifest right there; a release page below `latest`, or below the version asked for. */
async function findManifest({
  source,
  version,
  signal,
}: DiscoverRequest): Promise<{ source: Source; bytes: Uint8Array }> {
  const places =
    version === "" ? [source, source.at("latest")] : [source.at(encodeURIComponent(version)), source];
  for (const place of places) {
    const bytes = await place.readAll("manifest.json", manifestKind.maxBytes, signal);
    if (bytes) return { source: place, bytes };
  }
  throw new FetchError("SOURCE_STATUS", `there is no release${version && ` ${version}`} at ${source.name}`, {
    facts: { status: 404 },
    hint: "a source is a bundle, or a page made by themis-bundle publish",
  });
}
