/**
 * One signature more in a CMS that has some (RFC 5652, 5.1): another SignerInfo, and the certificates behind it.
 *
 *   SignedData { version, digestAlgorithms, encapContentInfo, [0] certificates, [1] crls, signerInfos }
 *                         union             the same          union             kept      one more
 *
 * Each signer signs the content's digest and nothing of the others, so who signed before needs not be asked again,
 * and every element stays as it is; only the sets around them are sorted, as DER wants them.
 */
import type { Certificate } from "../../format/cms/certificate.ts";
import { decodeSignedData } from "../../format/cms/signed-data.ts";
import { isOneSigner, MAX_THRESHOLD } from "../../trust/threshold.ts";
import { checkSignedContent, MAX_SIGNATURE_BYTES } from "../../trust/verify-signature.ts";
import { SignError } from "./sign-error.ts";
import { joinParts, partsOf } from "./signature-parts.ts";

export type Addition = {
  readonly content: Uint8Array;
  /** What is there. */
  readonly before: Uint8Array;
  /** By one signer who is not among those of `before`. */
  readonly added: Uint8Array;
  readonly now: Date;
};

/**
 * Asked before a key is used: a token may want a person for each signature.
 *
 * @param own the certificate that is about to sign
 * @throws SignError ALREADY_SIGNED, SIGNATURE_FULL; TrustError when `before` is not a signature of this content
 */
export function refuseSigner(own: Certificate, { content, before, now }: Omit<Addition, "added">): void {
  const signers = checkSignedContent({ content, signature: before, now });
  const same = signers.find((each) => isOneSigner(each, own));
  if (same !== undefined) {
    throw new SignError(
      "ALREADY_SIGNED",
      `${same.subject.text} signed already, with this key or under this name`,
      {
        facts: { subject: same.subject.text },
        hint: "another person's key and certificate are wanted: one key, or one name, counts once",
      },
    );
  }
  if (signers.length >= MAX_THRESHOLD) throw full(`${MAX_THRESHOLD} signers`);
}

/**
 * @returns the signature with one signer more, proven to be one of `content`
 * @throws SignError ALREADY_SIGNED, SIGNATURE_FULL; TrustError when one of the two is not a signature of this content
 */
export function addSignature(addition: Addition): Uint8Array {
  const { content, before, added, now } = addition;
  const [own, ...others] = checkSignedContent({ content, signature: added, now });
  if (own === undefined || others.length > 0) throw new TypeError("one signature is added at a time");
  refuseSigner(own, addition);
  const [old, fresh] = [partsOf(before), partsOf(added)];
  const signature = joinParts({
    ...old,
    // 5.1: the version of before stays 3 where a signer is named by its key, and ours never is.
    digestAlgorithms: [...old.digestAlgorithms, ...fresh.digestAlgorithms],
    certificates: [...old.certificates, ...fresh.certificates],
    signers: [...old.signers, ...fresh.signers],
  });
  if (signature.length > MAX_SIGNATURE_BYTES) throw full(`${signature.length} bytes`);
  // What devices will read: every signer, the ones before too.
  const all = checkSignedContent({ content, signature, now });
  if (all.length !== decodeSignedData(before).signers.length + 1) {
    throw new Error("the signature was joined wrongly");
  }
  return signature;
}

function full(what: string): SignError {
  return new SignError("SIGNATURE_FULL", `the signature would have more than devices read: ${what}`, {
    hint: `devices read ${MAX_THRESHOLD} signers and ${MAX_SIGNATURE_BYTES} bytes; leave out what is not needed of the chains`,
  });
}
