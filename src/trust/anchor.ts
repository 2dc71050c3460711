/**
 * Trust anchors: the CA certificates a device was given at the factory (RFC 5280, 6.1.1 (d)).
 *
 * An anchor is believed because it is pinned, not because someone signed it, so its own signature is not
 * checked and it need not be self-signed: pinning an intermediate trusts less. But it must be a CA, so that
 * a signer's certificate copied into the anchor file by mistake is noticed here, and its limits (validity,
 * pathLen, key usage) hold like those of any CA; they are checked with each signature, because only then
 * the time is known.
 */
import { sha256 } from "../base/digest.ts";
import { type Certificate, decodeCertificateFile } from "../format/cms/certificate.ts";
import { readPublicKey } from "./signature.ts";
import { refuseMalformed, TrustError } from "./trust-error.ts";

export type TrustAnchor = {
  readonly certificate: Certificate;
  readonly subject: string;
  readonly fingerprintSha256: string;
};

/**
 * Reads pinned anchors: PEM with one or more certificates, or one certificate in DER.
 *
 * @throws TrustError ANCHOR_MALFORMED
 */
export function readTrustAnchors(bytes: Uint8Array): TrustAnchor[] {
  const certificates = refuseMalformed("ANCHOR_MALFORMED", () => decodeCertificateFile(bytes));
  const anchors = certificates.map(readTrustAnchor);
  return [...new Map(anchors.map((anchor) => [anchor.fingerprintSha256, anchor])).values()];
}

function readTrustAnchor(certificate: Certificate): TrustAnchor {
  const subject = certificate.subject.text;
  if (certificate.basicConstraints?.ca !== true) {
    throw new TrustError("ANCHOR_MALFORMED", `the anchor ${subject} is not the certificate of a CA`, {
      facts: { subject },
      hint: "pin the certificate of the CA that issued the signer, not the signer's own",
    });
  }
  try {
    readPublicKey(certificate.spki);
  } catch (cause) {
    if (!(cause instanceof TrustError)) throw cause;
    throw new TrustError("ANCHOR_MALFORMED", `the anchor ${subject} has a key we do not accept`, { cause });
  }
  return { certificate, subject, fingerprintSha256: sha256(certificate.der) };
}
