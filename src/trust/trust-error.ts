/** Every reason not to believe some bytes. All are `refused`: keep what runs, never ask again. */
import { type FailureDetails, ThemisError } from "../base/error.ts";
import { CmsError } from "../format/cms/cms-error.ts";

export type TrustErrorCode =
  /** Not a detached CMS signature within the profile. */
  | "SIGNATURE_MALFORMED"
  | "SIGNATURE_TOO_LARGE"
  /** Well-formed, and made with an algorithm, key or parameter that we do not accept. */
  | "SIGNATURE_ALGORITHM"
  /** The mathematics say no. */
  | "SIGNATURE_INVALID"
  /** The signature belongs to other bytes. */
  | "DIGEST_MISMATCH"
  | "MANIFEST_TOO_LARGE"
  | "SIGNER_NOT_FOUND"
  /** Each signature is right, and fewer distinct signers, or anchors above them, stand behind it than are wanted. */
  | "THRESHOLD_NOT_MET"
  | "SIGNER_EXPIRED"
  | "SIGNER_NOT_YET_VALID"
  /** keyUsage or extKeyUsage do not allow signing code. */
  | "SIGNER_PURPOSE"
  /** No chain of correct signatures leads to a pinned anchor. */
  | "CHAIN_UNTRUSTED"
  /** A CA of the chain, or the anchor, is outside its validity. */
  | "CHAIN_EXPIRED"
  /** RFC 5280, section 6: not a CA, too long, not allowed to sign certificates, unknown critical extension. */
  | "CHAIN_INVALID"
  /** A CA of the chain, or the anchor, may not issue for a name in a certificate below it. */
  | "CHAIN_NAME_CONSTRAINTS"
  /** An explicit policy is required, by a CA or by the caller, and none holds from the anchor to the signer. */
  | "CHAIN_POLICY"
  /** Finding a chain, or proving lists, took more signature checks than anything honest takes. */
  | "CHAIN_TOO_COMPLEX"
  /** Certificates have expired, and the time-stamp that should speak for them is none within the profile. */
  | "TIMESTAMP_MALFORMED"
  /** The same, and the time-stamp is one of another signature, or by nobody whom a pinned anchor lets stamp. */
  | "TIMESTAMP_INVALID"
  /** It took more time or memory than anything honest takes, and was ended unanswered. */
  | "VERIFICATION_ABANDONED"
  /** A proven list of its issuer names the certificate. */
  | "CERTIFICATE_REVOKED"
  /** The caller's file is not a certificate revocation list. */
  | "CRL_MALFORMED"
  /** Lists are required, and no list covers the certificate. */
  | "CRL_MISSING"
  /** The newest list that covers it promised a newer one for a time that has passed, or promised none. */
  | "CRL_EXPIRED"
  | "CRL_NOT_YET_VALID"
  /** None of the lists that would cover it is signed by one who may, or one has critical parts that we do not interpret. */
  | "CRL_INVALID"
  | "ANCHOR_MALFORMED"
  /** A trust root has revoked the key of the anchor, or of a CA on the way to one. */
  | "ANCHOR_REVOKED"
  /** A trust root is wanted, none is remembered, and the source has no first one. */
  | "TRUST_ROOT_MISSING"
  /** The one that is remembered was begun by other anchors than those that alone count here. */
  | "TRUST_ROOT_FOREIGN"
  /** Not a trust root document, or one by which nobody could sign. */
  | "TRUST_ROOT_MALFORMED"
  /** Not the version that follows the one that is believed, or another document of the same version. */
  | "TRUST_ROOT_VERSION"
  /** A version that was replaced already. */
  | "TRUST_ROOT_OLDER"
  /** It takes back what the one before it had settled: a revocation, the smallest sequence, the product, its time. */
  | "TRUST_ROOT_WEAKER"
  /** Nothing newer is known, and its time is over. */
  | "TRUST_ROOT_EXPIRED";

export class TrustError extends ThemisError<TrustErrorCode> {
  constructor(code: TrustErrorCode, message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}

/** Runs a reader and turns what it refuses into a reason not to believe. Bugs pass through. */
export function refuseMalformed<T>(
  code: "SIGNATURE_MALFORMED" | "ANCHOR_MALFORMED" | "CRL_MALFORMED" | "TIMESTAMP_MALFORMED",
  read: () => T,
): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CmsError)) throw error;
    const isAlgorithm = error.code === "CMS_ALGORITHM_REFUSED" && code === "SIGNATURE_MALFORMED";
    throw new TrustError(isAlgorithm ? "SIGNATURE_ALGORITHM" : code, error.message, {
      facts: error.facts,
      cause: error,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}
