/**
 * May this release be installed here? Signature first, and only then is a byte of the manifest parsed.
 *
 * Freshness (TUF: rollback, freeze, fast-forward): the sequence may not fall below the highest this device has
 * believed, nor leap so far that none comes after it, and the manifest must not have expired. A clock set back
 * does not revive it: the later of the clock and the latest time this device has seen counts.
 */
import { type Platform, platformName, runsOn } from "../format/channel/platform.ts";
import { mayUpgradeFrom, type Step } from "../format/channel/upgrade-path.ts";
import { decodeManifest, type Manifest } from "../format/manifest/manifest.ts";
import { ReleaseError } from "./release-error.ts";
import { checkGrown, type Logged, proveLogged, type SeenCheckpoint } from "./transparency.ts";
import { policyOf, type TrustPolicy } from "./trust-policy.ts";
import { checkAgainstTrustRoot } from "./trust-root.ts";
import { markVerified, type Verified } from "./verified.ts";
import type { SignatureReport } from "./verify-signature.ts";
import { verifyInThread } from "./verify-thread.ts";

/** What a device remembers having believed; zero and "" when it is new. */
export type TrustedState = {
  readonly product: string;
  readonly highestSequence: number;
  readonly latestTimeMs: number;
  /** The last checkpoint of each transparency log that vouched for a release; earlier builds kept none. */
  readonly logs?: readonly SeenCheckpoint[];
  /** The channel whose document was obeyed last; "" for none. */
  readonly channel: string;
  /** Of each channel that was ever obeyed, the newest document. */
  readonly channels: readonly ChannelMemory[];
};

export type ChannelMemory = {
  readonly channel: string;
  readonly version: number;
  readonly sha256: string;
};

/** What a release must fit besides. */
export type Recipient = Platform & {
  /** Version "" when nothing is. */
  readonly installed: Step;
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
  /** How far below the highest that was believed it may lie; default: not at all. */
  readonly leastSequence?: number | undefined;
  /** undefined when the release is for nobody in particular, as on the machine of a publisher. */
  readonly recipient?: Recipient | undefined;
};

export type VerifiedRelease = {
  readonly manifest: Verified<Manifest>;
  /** The bytes that were proven, whatever became of the caller's meanwhile. */
  readonly documents: { readonly manifest: Verified<Uint8Array>; readonly signature: Verified<Uint8Array> };
  readonly report: SignatureReport;
  /** undefined when no log was demanded. */
  readonly logged: Logged | undefined;
};

export const NOTHING_TRUSTED: TrustedState = {
  product: "",
  highestSequence: 0,
  latestTimeMs: 0,
  channel: "",
  channels: [],
};

/**
 * How far a sequence may be above the highest that was believed. It leaves room for numbers made of dates after
 * numbers made of versions, and below 2^53 - 1 for ninety such leaps: after a stolen key has made one, the
 * publisher's next release is above it again.
 */
export const MAX_SEQUENCE_STEP = 1e14;

/** @throws TrustError, JsonError, DocumentError, PathError, ReleaseError, TransparencyError; LogError LOG_PROOF_MALFORMED */
export async function verifyRelease(request: ReleaseRequest): Promise<VerifiedRelease> {
  // A copy: what is parsed must be what was proven, whatever becomes of the caller's bytes meanwhile.
  const content = Uint8Array.from(request.manifestBytes);
  const signature = Uint8Array.from(request.signatureBytes);
  const report = await verifyInThread({ ...policyOf(request), content, signature, now: timeOf(request) });
  const manifest = decodeManifest(content);
  checkAgainstTrustRoot(manifest, request);
  checkFreshness(manifest, request);
  const { logKeys: keys, proofBytes, trusted } = request;
  const logged = keys && proveLogged({ proofBytes, keys, manifest, manifestBytes: content });
  if (logged) checkGrown(logged, trusted.logs ?? []);
  const documents = { manifest: markVerified(content), signature: markVerified(signature) };
  return { manifest: markVerified(manifest), documents, report, logged };
}

/** A clock that was set back makes no certificate and no list good again. */
export function timeOf({ now, trusted }: Pick<ReleaseRequest, "now" | "trusted">): Date {
  return new Date(Math.max(now.getTime(), trusted.latestTimeMs));
}

export type FreshnessRequest = Pick<
  ReleaseRequest,
  "now" | "trusted" | "version" | "minSequence" | "leastSequence" | "recipient"
>;

/**
 * Asked again under the device's lock: another update may have raised the trusted state meanwhile.
 *
 * @throws ReleaseError
 */
export function checkFreshness(manifest: Manifest, request: FreshnessRequest): void {
  const { trusted, version, recipient } = request;
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
  const timeMs = timeOf(request).getTime();
  if (manifest.expires !== "" && timeMs > Date.parse(manifest.expires)) {
    throw new ReleaseError(
      "MANIFEST_EXPIRED",
      `the manifest of ${manifest.version} expired on ${manifest.expires}`,
      {
        hint: "the publisher must sign a newer one, or this device's clock is wrong",
      },
    );
  }
  checkSequence(manifest, request);
  if (recipient) checkRecipient(manifest, recipient);
}

function checkSequence(
  { version, sequence }: Manifest,
  { trusted: { highestSequence }, minSequence = 0, leastSequence = highestSequence }: FreshnessRequest,
): void {
  if (sequence < minSequence) {
    throw new ReleaseError(
      "BELOW_MIN_SEQUENCE",
      `${version} has sequence ${sequence}, and nothing below ${minSequence} is installed any more`,
      {
        facts: { sequence, minSequence },
        hint: "the publisher has ruled it out for good; ask for a newer release",
      },
    );
  }
  if (sequence < Math.min(leastSequence, highestSequence)) {
    throw new ReleaseError(
      "RELEASE_OLDER",
      `the release has sequence ${sequence}, this device has already believed ${highestSequence}`,
      {
        hint: "themis-fetch rollback goes back to what was installed before; update --allow-downgrade takes an older one",
      },
    );
  }
  if (highestSequence > 0 && sequence - highestSequence > MAX_SEQUENCE_STEP) {
    throw new ReleaseError(
      "FAST_FORWARD",
      `${version} has sequence ${sequence}, more than ${MAX_SEQUENCE_STEP} above the ${highestSequence} that was believed`,
      { hint: "the publisher must sign it with a sequence that is nearer; nothing was changed" },
    );
  }
}

/** @throws ReleaseError PLATFORM_MISMATCH, STEPPING_STONE */
function checkRecipient(manifest: Manifest, recipient: Recipient): void {
  const other = manifest.files.find((target) => !runsOn(target, recipient));
  if (other) {
    throw new ReleaseError(
      "PLATFORM_MISMATCH",
      `${manifest.version} is for ${platformName(other)}, this device is ${platformName(recipient)}`,
      { facts: { path: other.path }, hint: "name the page of this device's platform as the source" },
    );
  }
  const { installed } = recipient;
  const least = manifest.min_upgrade_from;
  // Back is no upgrade: what goes there obeys its own rules.
  const isBack = installed.version !== "" && manifest.sequence <= installed.sequence;
  if (isBack || mayUpgradeFrom(installed, least)) return;
  throw new ReleaseError(
    "STEPPING_STONE",
    `${manifest.version} takes devices from ${least} on, and ${installed.version} is installed`,
    { facts: { least, installed: installed.version }, hint: `themis-fetch update --version ${least} first` },
  );
}
