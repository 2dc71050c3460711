/**
 * May this release be installed here? Signature first, and only then is a byte of the manifest parsed.
 *
 * Freshness (TUF: rollback, freeze): the sequence may not fall below the highest this device has believed,
 * and the manifest must not have expired. A clock set back does not revive it: the later of the clock
 * and the latest time this device has seen counts.
 */
import { decodeManifest, type Manifest } from "../format/manifest/manifest.ts";
import { ReleaseError } from "./release-error.ts";
import { checkGrown, type Logged, proveLogged, type SeenCheckpoint } from "./transparency.ts";
import { policyOf, type TrustPolicy } from "./trust-policy.ts";
import { markVerified, type Verified } from "./verified.ts";
import { type SignatureReport, verifySignature } from "./verify-signature.ts";

/** What a device remembers having believed; zero and "" when it is new. */
export type TrustedState = {
  readonly product: string;
  readonly highestSequence: number;
  readonly latestTimeMs: number;
  /** The last checkpoint of each transparency log that vouched for a release; earlier builds kept none. */
  readonly logs?: readonly SeenCheckpoint[];
};

export type ReleaseRequest = TrustPolicy & {
  readonly manifestBytes: Uint8Array;
  readonly signatureBytes: Uint8Array;
  /** Of a transparency log; asked for when the policy has `logKeys`. */
  readonly proofBytes?: Uint8Array | undefined;
  readonly now: Date;
  readonly trusted: TrustedState;
  /** The version that was asked for, "" for whatever is offered. */
  readonly version: string;
};

export type VerifiedRelease = {
  readonly manifest: Verified<Manifest>;
  readonly report: SignatureReport;
  /** undefined when no log was demanded. */
  readonly logged: Logged | undefined;
};

export const NOTHING_TRUSTED: TrustedState = { product: "", highestSequence: 0, latestTimeMs: 0 };

/** @throws TrustError, JsonError, DocumentError, PathError, ReleaseError, TransparencyError; LogError LOG_PROOF_MALFORMED */
export async function verifyRelease(request: ReleaseRequest): Promise<VerifiedRelease> {
  const { manifestBytes: content, signatureBytes: signature, now } = request;
  const report = verifySignature({ ...policyOf(request), content, signature, now });
  const manifest = decodeManifest(content);
  checkFreshness(manifest, request);
  const { logKeys: keys, proofBytes, trusted } = request;
  const logged = keys && proveLogged({ proofBytes, keys, manifest, manifestBytes: content });
  if (logged) checkGrown(logged, trusted.logs ?? []);
  return { manifest: markVerified(manifest), report, logged };
}

export type FreshnessRequest = Pick<ReleaseRequest, "now" | "trusted" | "version">;

/**
 * Asked again under the device's lock: another update may have raised the trusted state meanwhile.
 *
 * @throws ReleaseError
 */
export function checkFreshness(manifest: Manifest, { now, trusted, version }: FreshnessRequest): void {
  if (trusted.product !== "" && manifest.product !== trusted.product) {
    throw new ReleaseError(
      "PRODUCT_MISMATCH",
      `the release is of ${manifest.product}, this device runs ${trusted.product}`,
    );
  }
  if (version !== "" && manifest.version !== version) {
    throw new ReleaseError(
      "VERSION_MISMATCH",
      `the release is ${manifest.version}, asked for was ${version}`,
    );
  }
  const timeMs = Math.max(now.getTime(), trusted.latestTimeMs);
  if (manifest.expires !== "" && timeMs > Date.parse(manifest.expires)) {
    throw new ReleaseError(
      "MANIFEST_EXPIRED",
      `the manifest of ${manifest.version} expired on ${manifest.expires}`,
      {
        hint: "the publisher must sign a newer one, or this device's clock is wrong",
      },
    );
  }
  if (manifest.sequence < trusted.highestSequence) {
    throw new ReleaseError(
      "RELEASE_OLDER",
      `the release has sequence ${manifest.sequence}, this device has already believed ${trusted.highestSequence}`,
      { hint: "themis-fetch rollback goes back to what was installed before" },
    );
  }
}
