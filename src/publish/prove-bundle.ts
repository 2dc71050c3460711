/**
 * Is this bundle what its publisher signed? Asked before a page shows it, and by `verify`.
 *
 *   every asset as the manifest says -> the signature over exactly this manifest -> not expired
 *
 * With the anchors of the devices at hand, the code that devices run answers. Without them, the signature
 * still has to be one over these bytes by the certificates it carries, all within their validity: that
 * finds swapped, damaged and stale files. It does not find an impostor with a certificate of his own;
 * only an anchor does.
 */
import { withHint } from "../base/error.ts";
import { decodeLogProof } from "../format/log/log-proof.ts";
import { checkInclusion, type Logged, proveLogged } from "../trust/transparency.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import { checkAgainstTrustRoot } from "../trust/trust-root.ts";
import { checkFreshness, NOTHING_TRUSTED } from "../trust/verify-release.ts";
import { checkSignedContent, type SignerReport, verifySignature } from "../trust/verify-signature.ts";
import { checkPacks, type OpenBundle } from "./bundle.ts";
import { PublishError } from "./publish-error.ts";

export type SignedBundle = OpenBundle & { readonly signature: Uint8Array };

export type ProofRequest = {
  /** undefined when nobody said what devices pin. */
  readonly policy: TrustPolicy | undefined;
  readonly now: Date;
  readonly signal?: AbortSignal;
};

export type ProvenBundle = {
  readonly bundle: SignedBundle;
  readonly signers: readonly SignerReport[];
  /** undefined when no log was demanded. */
  readonly logged: Logged | undefined;
};

const PROVE_AGAIN =
  "the proof is of another manifest: themis-bundle log append and log prove make one of this";

const SIGN_AGAIN = "the signature is not one of this manifest: sign the bundle again with themis-bundle sign";

/** @returns who signed, empty without anchors. @throws PublishError, TrustError, ReleaseError MANIFEST_EXPIRED, TransparencyError; LogError LOG_PROOF_MALFORMED */
export async function proveBundle(
  bundle: OpenBundle,
  { policy, now, signal }: ProofRequest,
): Promise<ProvenBundle> {
  const { signature } = bundle;
  if (!signature) {
    throw new PublishError("BUNDLE_INCOMPLETE", `the bundle ${bundle.folder} is not signed`, {
      hint: `themis-bundle sign ${bundle.folder} --key KEY --certificates CHAIN.pem`,
    });
  }
  try {
    const content = bundle.manifestBytes;
    const signers = policy ? verifySignature({ ...policy, content, signature, now }).signers : [];
    if (!policy) checkSignedContent({ content, signature, now });
    if (policy) checkAgainstTrustRoot(bundle.manifest, policy);
    checkFreshness(bundle.manifest, {
      now,
      trusted: NOTHING_TRUSTED,
      version: "",
      minSequence: policy?.minSequence,
    });
    const logged = provenLog(bundle, policy);
    await checkPacks(bundle, signal);
    return { bundle: { ...bundle, signature }, signers, logged };
  } catch (error) {
    throw withHint(error, {
      DIGEST_MISMATCH: SIGN_AGAIN,
      SIGNATURE_INVALID: SIGN_AGAIN,
      LOG_PROOF_INVALID: PROVE_AGAIN,
      SIGNATURE_MALFORMED: SIGN_AGAIN,
      SIGNATURE_ALGORITHM: SIGN_AGAIN,
      SIGNER_NOT_FOUND: SIGN_AGAIN,
      SIGNER_EXPIRED: "sign the bundle again with a certificate that is valid now",
      MANIFEST_EXPIRED: "devices refuse it: build the release again with a later --expires",
    });
  }
}

/** Of a proof that nobody demanded only that it is one of this manifest: a stale one would be refused by devices. */
function provenLog(
  { manifest, manifestBytes, logProof }: OpenBundle,
  policy: TrustPolicy | undefined,
): Logged | undefined {
  const keys = policy?.logKeys;
  if (keys) return proveLogged({ proofBytes: logProof, keys, manifest, manifestBytes });
  if (logProof) checkInclusion(decodeLogProof(logProof), manifest, manifestBytes);
  return undefined;
}
