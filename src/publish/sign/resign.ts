/**
 * A release whose signer has expired, signed anew; its manifest, and all that it names, stays as it is.
 *
 *   old signature, proven over this manifest -> without those who are over, or who sign again -> and the new one beside the rest
 *
 * The new key would give its word for whatever lies there. So what lies there must be what the old ones signed, by the
 * anchors that devices pin.
 */
import { decodeCertificate } from "../../format/cms/certificate.ts";
import type { Crl } from "../../format/cms/crl.ts";
import { readTrustAnchors } from "../../trust/anchor.ts";
import { verifyFormerSignature } from "../../trust/former-signature.ts";
import { isOneSigner } from "../../trust/threshold.ts";
import { readCertificates } from "./sign.ts";
import { SignError } from "./sign-error.ts";
import { withoutSigners } from "./signature-parts.ts";

export type ResignRequest = {
  readonly manifest: Uint8Array;
  /** What is there. */
  readonly signature: Uint8Array;
  /** Of the one who is about to sign. */
  readonly certificatesPem: string;
  readonly anchorsPem: string;
  readonly crls: readonly Crl[];
  readonly requireCrl: boolean;
  readonly now: Date;
};

export type Resigned = {
  /** To which the new signature is added; undefined when nobody is left. */
  readonly kept: Uint8Array | undefined;
  readonly keptSubjects: readonly string[];
  readonly replaced: readonly { readonly subject: string; readonly notAfter: Date }[];
};

/** @throws SignError NOTHING_TO_RESIGN, CERTIFICATE_UNREADABLE; TrustError when the old ones did not sign this manifest, or are not the anchors' */
export function makeRoom(request: ResignRequest): Resigned {
  const { manifest: content, signature, anchorsPem, certificatesPem, crls, requireCrl, now } = request;
  const anchors = readTrustAnchors(Buffer.from(anchorsPem));
  const former = verifyFormerSignature({ content, signature, anchors, crls, requireCrl, now });
  const own = decodeCertificate(readCertificates(certificatesPem, "the certificate file")[0].raw);
  const gone = new Set<number>();
  for (const [index, { certificate, isOver }] of former.entries()) {
    if (isOver || isOneSigner(certificate, own)) gone.add(index);
  }
  const replaced = former.filter((_, index) => gone.has(index)).map(({ certificate }) => certificate);
  if (replaced.length === 0) throw nothing(former.map(({ certificate }) => certificate.subject.text));
  const keptSigners = former.filter((_, index) => !gone.has(index));
  return {
    kept: withoutSigners(
      signature,
      gone,
      replaced.map(({ der }) => der),
    ),
    keptSubjects: keptSigners.map(({ certificate }) => certificate.subject.text),
    replaced: replaced.map(({ subject, notAfter }) => ({ subject: subject.text, notAfter })),
  };
}

function nothing(subjects: readonly string[]): SignError {
  return new SignError(
    "NOTHING_TO_RESIGN",
    `nobody who signed has expired, and none of them signs again: ${subjects.join("; ")}`,
    { facts: { subjects }, hint: "sign --add puts a signature beside theirs, sign puts one in their place" },
  );
}
