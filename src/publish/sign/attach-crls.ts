/**
 * Puts revocation lists into a signature that is already made (RFC 5652, 5.1: crls [1]).
 *
 *   SignedData { version, digestAlgorithms, encapContentInfo, [0] certificates, [1] crls, signerInfos }
 *
 * Nobody signs this part: each list carries its own signature. So every other byte stays as it is, and the
 * result is cut and joined here instead of being decoded and built anew.
 */
import type { Crl } from "../../format/cms/crl.ts";
import { readDer, tags } from "../../format/cms/der.ts";
import { encodeDer, encodeSetOf } from "../../format/cms/encode-der.ts";
import { decodeSignedData, type SignedData } from "../../format/cms/signed-data.ts";
import { MAX_SIGNATURE_BYTES } from "../../trust/verify-signature.ts";
import { SignError } from "./sign-error.ts";

const CRLS = 0xa1;

export type Attached = {
  readonly signature: Uint8Array;
  /** All that are in it now, those that were there before among them. */
  readonly crls: readonly Crl[];
};

/**
 * Of lists in one place of one key of an issuer only the newest is kept, because only that one counts.
 *
 * @throws SignError CRL_UNRELATED, SIGNATURE_FULL; CmsError when the signature is none
 */
export function attachCrls(signature: Uint8Array, crls: readonly Crl[]): Attached {
  const before = decodeSignedData(signature);
  for (const crl of crls) refuseUnrelated(crl, before);
  const all = newestOfEach([...before.crls, ...crls]);
  const [type, content] = readDer(signature).children;
  const parts = content!.children[0]!.children.filter(({ tag }) => tag !== CRLS).map(({ bytes }) => bytes);
  const signers = parts.pop()!;
  const lists = encodeSetOf(
    CRLS,
    all.map(({ der }) => der),
  );
  const signedData = encodeDer(tags.sequence, ...parts, lists, signers);
  const result = encodeDer(tags.sequence, type!.bytes, encodeDer(0xa0, signedData));
  if (result.length > MAX_SIGNATURE_BYTES) {
    throw new SignError(
      "SIGNATURE_FULL",
      `with these revocation lists the signature has ${result.length} bytes, and devices read ${MAX_SIGNATURE_BYTES}`,
      { hint: "leave out long lists, and give them to devices with --crl" },
    );
  }
  // What a device will read must be what was meant here.
  if (decodeSignedData(result).signers.length !== before.signers.length) {
    throw new Error("the signature was joined wrongly");
  }
  return { signature: result, crls: all };
}

/** A list that says nothing about any certificate in the signature is somebody's mistake. */
function refuseUnrelated({ issuer }: Crl, { certificates }: SignedData): void {
  const issuers = certificates.flatMap((each) => [
    each.issuer.key,
    ...each.distributionPoints.flatMap(({ crlIssuers }) => crlIssuers.map(({ key }) => key)),
  ]);
  if (issuers.includes(issuer.key)) return;
  throw new SignError(
    "CRL_UNRELATED",
    `the revocation list of ${issuer.text} is about no certificate in this signature`,
    { hint: "attach the lists of the CAs that issued the signer and its chain" },
  );
}

function newestOfEach(crls: readonly Crl[]): readonly Crl[] {
  const kept = new Map<string, Crl>();
  for (const crl of crls) {
    const key = Buffer.from(crl.authorityKeyIdentifier ?? []).toString("hex");
    const place = `${crl.scope} ${key} ${crl.baseNumber === undefined ? "complete" : "delta"}`;
    const known = kept.get(place);
    if (known === undefined || known.thisUpdate <= crl.thisUpdate) kept.set(place, crl);
  }
  return [...kept.values()];
}
