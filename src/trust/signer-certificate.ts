/**
 * Which certificate in a CMS message is its signer's, and that its key signed the content (RFC 5652, sections 5.3 to 5.6).
 *
 * It says nothing of who that is: `certification-path.ts` does.
 */
import { createHash } from "node:crypto";
import type { Certificate } from "../format/cms/certificate.ts";
import { equalBytes } from "../format/cms/der.ts";
import type { SignedData, SignerInfo } from "../format/cms/signed-data.ts";
import { isSignatureBy } from "./signature.ts";
import { TrustError } from "./trust-error.ts";

/**
 * The certificate whose key signed this content.
 *
 * @throws TrustError SIGNER_NOT_FOUND, SIGNATURE_ALGORITHM, SIGNATURE_INVALID, DIGEST_MISMATCH
 */
export function signerOf(
  signer: SignerInfo,
  { certificates }: Pick<SignedData, "certificates">,
  content: Uint8Array,
): Certificate {
  const certificate = findSigner(signer, certificates);
  // RFC 5652, 5.6: the signature is over the attributes, the attributes hold the digest of the content.
  if (!isSignatureBy(certificate.spki, signer.signatureAlgorithm, signer.signedBytes, signer.signature)) {
    throw new TrustError(
      "SIGNATURE_INVALID",
      `the signature by ${certificate.subject.text} is not one of its key`,
      { facts: { subject: certificate.subject.text } },
    );
  }
  const digest = createHash(signer.digestAlgorithm).update(content).digest();
  if (!equalBytes(digest, signer.messageDigest)) {
    throw new TrustError("DIGEST_MISMATCH", "the signature belongs to another document", {
      facts: {
        expected: Buffer.from(signer.messageDigest).toString("hex"),
        found: digest.toString("hex"),
      },
    });
  }
  return certificate;
}

/** RFC 5652, 5.3: by issuer and serial or by key identifier; two that fit would leave open who signed. */
function findSigner(signer: SignerInfo, certificates: readonly Certificate[]): Certificate {
  const { id } = signer;
  const found = certificates.filter((certificate) =>
    id.kind === "issuer-and-serial"
      ? id.serial === certificate.serial && equalBytes(id.issuer, certificate.issuer.der)
      : certificate.subjectKeyIdentifier !== undefined &&
        equalBytes(id.keyIdentifier, certificate.subjectKeyIdentifier),
  );
  const [certificate] = found;
  if (certificate === undefined || found.length > 1) {
    throw new TrustError(
      "SIGNER_NOT_FOUND",
      `exactly one certificate in the signature should be the signer's, but ${found.length} are`,
      { hint: "the signature must carry the signer's certificate" },
    );
  }
  // RFC 5035, 5: otherwise another certificate of the same key could be put in the signer's place.
  const [named] = signer.signingCertificates;
  if (named !== undefined) {
    const digest = createHash(named.hash).update(certificate.der).digest();
    if (!equalBytes(digest, named.digest)) {
      throw new TrustError(
        "SIGNER_NOT_FOUND",
        "signingCertificateV2 names another certificate than the signer's",
      );
    }
  }
  return certificate;
}
