/**
 * The parts of a detached signature as they stand, to be put together anew with one more or one less (RFC 5652, 5.1).
 *
 *   SignedData { version, digestAlgorithms, encapContentInfo, [0] certificates, [1] crls, signerInfos }
 *
 * No element is decoded and encoded again; only the sets around them are sorted, as DER wants them.
 */
import { readDigestAlgorithm } from "../../format/cms/algorithm.ts";
import { type DerElement, equalBytes, readDer, tags } from "../../format/cms/der.ts";
import { encodeDer, encodeSetOf, encodeUnsigned } from "../../format/cms/encode-der.ts";
import { decodeSignedData } from "../../format/cms/signed-data.ts";

const CERTIFICATES = 0xa0;
const CRLS = 0xa1;

export type SignatureParts = {
  readonly contentType: Uint8Array;
  readonly version: Uint8Array;
  readonly digestAlgorithms: readonly Uint8Array[];
  readonly encapsulated: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  /** The whole set, or none. */
  readonly crls: readonly Uint8Array[];
  readonly signers: readonly Uint8Array[];
};

/** @param signature one that decodeSignedData has read */
export function partsOf(signature: Uint8Array): SignatureParts {
  const [contentType, content] = readDer(signature).children;
  const fields = [...content!.children[0]!.children];
  const [version, digestAlgorithms, encapsulated] = fields;
  const own = (tag: number): readonly DerElement[] =>
    fields.slice(3, -1).filter((field) => field.tag === tag);
  const within = (field: DerElement): readonly Uint8Array[] => field.children.map(({ bytes }) => bytes);
  return {
    contentType: contentType!.bytes,
    version: version!.bytes,
    digestAlgorithms: within(digestAlgorithms!),
    encapsulated: encapsulated!.bytes,
    certificates: own(CERTIFICATES).flatMap(within),
    crls: own(CRLS).map(({ bytes }) => bytes),
    signers: within(fields.at(-1)!),
  };
}

export function joinParts(parts: SignatureParts): Uint8Array {
  const signedData = encodeDer(
    tags.sequence,
    parts.version,
    encodeSetOf(tags.set, parts.digestAlgorithms),
    parts.encapsulated,
    encodeSetOf(CERTIFICATES, parts.certificates),
    ...parts.crls,
    encodeSetOf(tags.set, parts.signers),
  );
  return encodeDer(tags.sequence, parts.contentType, encodeDer(0xa0, signedData));
}

/**
 * The signature without some of its signers, and without their certificates.
 *
 * @param dropped the places of those that go, in the order of decodeSignedData
 * @param certificates DER, of those that go
 * @returns undefined when nobody is left
 */
export function withoutSigners(
  signature: Uint8Array,
  dropped: ReadonlySet<number>,
  certificates: readonly Uint8Array[],
): Uint8Array | undefined {
  const kept = decodeSignedData(signature).signers.filter((_, index) => !dropped.has(index));
  if (kept.length === 0) return undefined;
  const parts = partsOf(signature);
  const digests = new Set(kept.map(({ digestAlgorithm }) => digestAlgorithm));
  const result = joinParts({
    ...parts,
    // 5.1: 3 as long as one of them is named by its key.
    version: encodeUnsigned(Uint8Array.of(kept.some(({ id }) => id.kind === "key-identifier") ? 3 : 1)),
    digestAlgorithms: parts.digestAlgorithms.filter((each) =>
      digests.has(readDigestAlgorithm(readDer(each))),
    ),
    certificates: parts.certificates.filter((each) => !certificates.some((gone) => equalBytes(each, gone))),
    signers: parts.signers.filter((_, index) => !dropped.has(index)),
  });
  // What is left must be read as it was before.
  if (decodeSignedData(result).signers.length !== kept.length)
    throw new Error("the signature was cut wrongly");
  return result;
}
