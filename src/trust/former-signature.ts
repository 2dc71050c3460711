/**
 * Was this content signed by one whom the anchors vouch for, even if that is over?
 *
 * For a publisher who signs a release anew, never for a device: when a certificate has expired, its key may have been given
 * away, and nothing says that the signature is not younger. So it shows that nobody exchanged the release on its page, and
 * no more; who is revoked is refused here too, because his signature does not even show that.
 */
import type { Certificate } from "../format/cms/certificate.ts";
import { decodeSignedData, type SignedData } from "../format/cms/signed-data.ts";
import { verifyCertificatePath } from "./certification-path.ts";
import { SignatureChecks } from "./signature-checks.ts";
import { signerOf } from "./signer-certificate.ts";
import { refuseMalformed, TrustError } from "./trust-error.ts";
import type { TrustPolicy } from "./trust-policy.ts";
import { refuseOversize } from "./verify-signature.ts";

export type FormerSignatureRequest = Pick<TrustPolicy, "anchors" | "crls" | "requireCrl"> & {
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  readonly now: Date;
};

export type FormerSigner = {
  readonly certificate: Certificate;
  /** It, or a certificate on its way to the anchor, is over. */
  readonly isOver: boolean;
};

/** @returns one for each signer, in their order. @throws TrustError, as verifySignature */
export function verifyFormerSignature(request: FormerSignatureRequest): readonly FormerSigner[] {
  refuseOversize(request);
  const signed = refuseMalformed("SIGNATURE_MALFORMED", () => decodeSignedData(request.signature));
  const checks = new SignatureChecks();
  return signed.signers.map((signer) => {
    const certificate = signerOf(signer, signed, request.content);
    return { certificate, isOver: isOver(certificate, signed, request, checks) };
  });
}

/** Its path must have stood at one moment at least: now, or the last one before the end of some certificate in the message. */
function isOver(
  signer: Certificate,
  { certificates, crls }: SignedData,
  { anchors, now, requireCrl, crls: given = [] }: FormerSignatureRequest,
  checks: SignatureChecks,
): boolean {
  const path = { signer, intermediates: certificates, anchors, now, requireCrl, checks };
  const lists = { crls: [...given, ...crls] };
  let refusal: unknown;
  for (const time of momentsOf(certificates, now)) {
    try {
      verifyCertificatePath({ ...path, ...lists, validAt: [time] });
      return time !== now;
    } catch (error) {
      if (!(error instanceof TrustError) || !OVER.has(error.code)) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

/** What another moment could mend. */
const OVER: ReadonlySet<string> = new Set(["SIGNER_EXPIRED", "SIGNER_NOT_YET_VALID", "CHAIN_EXPIRED"]);

function momentsOf(certificates: readonly Certificate[], now: Date): readonly Date[] {
  const ends = certificates.map(({ notAfter }) => notAfter).filter((end) => end < now);
  return [now, ...ends.sort((a, b) => b.getTime() - a.getTime())];
}
