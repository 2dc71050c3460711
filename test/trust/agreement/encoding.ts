/** One value, one spelling: DER to the last byte, detached, id-data, the version numbers of RFC 5652. */
import { contentTypeAttribute, der, messageDigestAttribute, names, octets, oid, sequence } from "../craft.ts";
import type { Hierarchy } from "./hierarchy.ts";
import { type Case, content, type Row } from "./row.ts";

const BER = "RFC 5652 allows BER, the profile does not";
const indefinite = (bytes: Buffer): Buffer => {
  // 30 82 LL LL …
  return Buffer.concat([Buffer.of(bytes[0]!, 0x80), bytes.subarray(4), Buffer.of(0, 0)]);
};
const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.of(bytes[0]!, 0x83, 0), bytes.subarray(2, 4), bytes.subarray(4)]);

const rewritten =
  (rewrite: (honest: Buffer) => Buffer) =>
  (hierarchy: Hierarchy): Case => ({ signature: rewrite(hierarchy.sign()) });

const SIGNATURE_MALFORMED = "SIGNATURE_MALFORMED";

export const encodingRows: readonly Row[] = [
  {
    rule: "DER",
    what: "a byte behind the end",
    code: SIGNATURE_MALFORMED,
    differs: "it stops reading where the message ends",
    make: rewritten((honest) => Buffer.concat([honest, Buffer.of(0)])),
  },
  {
    rule: "DER",
    what: "a last byte that is missing",
    code: SIGNATURE_MALFORMED,
    make: rewritten((honest) => honest.subarray(0, -1)),
  },
  { rule: "DER", what: "nothing at all", code: SIGNATURE_MALFORMED, make: rewritten(() => Buffer.alloc(0)) },
  {
    rule: "DER",
    what: "an indefinite length",
    code: SIGNATURE_MALFORMED,
    differs: BER,
    make: rewritten(indefinite),
  },
  {
    rule: "DER",
    what: "a length in more bytes than it takes",
    code: SIGNATURE_MALFORMED,
    differs: BER,
    make: rewritten(padded),
  },
  {
    rule: "DER",
    what: "PEM",
    code: SIGNATURE_MALFORMED,
    make: rewritten((honest) => {
      const text = honest.toString("base64");
      return Buffer.from(`-----BEGIN CMS-----\n${text}\n-----END CMS-----\n`);
    }),
  },
  {
    rule: "DER",
    what: "signed attributes out of order",
    code: SIGNATURE_MALFORMED,
    make: (hierarchy) => {
      const attributes = [contentTypeAttribute(), messageDigestAttribute(content)];
      return hierarchy.craft({ attributes: attributes.sort(Buffer.compare).reverse(), keepOrder: true });
    },
    differs: "it signs over the attributes sorted anew, or as they came",
  },
  {
    rule: "detached",
    what: "its content along",
    code: SIGNATURE_MALFORMED,
    differs: "it takes attached and detached content alike",
    make: (hierarchy) => ({ signature: hierarchy.sign(undefined, undefined, { extra: ["-nodetach"] }) }),
  },
  {
    rule: "detached",
    what: "another content along",
    code: SIGNATURE_MALFORMED,
    differs: "it takes the caller's content and leaves the one inside unread",
    make: (hierarchy) => hierarchy.craft({ eContent: Buffer.from("other") }),
  },
  {
    rule: "detached",
    what: "an empty document",
    make: (hierarchy) => {
      const empty = Buffer.alloc(0);
      return { content: empty, signature: hierarchy.sign(undefined, undefined, { content: empty }) };
    },
  },
  {
    rule: "detached",
    what: "another document",
    code: "DIGEST_MISMATCH",
    make: (hierarchy) => ({ content: Buffer.from("other"), signature: hierarchy.sign() }),
  },
  {
    rule: "content type",
    what: "an eContentType other than the signed one",
    code: SIGNATURE_MALFORMED,
    differs: "it does not compare the two",
    make: (hierarchy) => hierarchy.craft({ eContentType: "1.2.840.113549.1.9.16.1.4" }),
  },
  {
    rule: "content type",
    what: "another content type, signed so",
    code: SIGNATURE_MALFORMED,
    differs: "it verifies content of any type",
    make: (hierarchy) => {
      const extra = ["-econtent_type", "pkcs7-encryptedData"];
      return { signature: hierarchy.sign(undefined, undefined, { extra }) };
    },
  },
  {
    rule: "content type",
    what: "a message that says it is data",
    code: SIGNATURE_MALFORMED,
    make: (hierarchy) => hierarchy.craft({ contentInfoType: names.data }),
  },
  {
    rule: "versions",
    what: "version 3 without need",
    code: SIGNATURE_MALFORMED,
    differs: "it does not look at version numbers",
    make: (hierarchy) => hierarchy.craft({ version: 3 }),
  },
  {
    rule: "versions",
    what: "a signer of version 3 who is named by issuer",
    code: SIGNATURE_MALFORMED,
    differs: "it does not look at version numbers",
    make: (hierarchy) => hierarchy.craft({ signerVersion: 3 }),
  },
  {
    rule: "versions",
    what: "a signer named by key, with version 3",
    make: (hierarchy) => ({ signature: hierarchy.sign(undefined, undefined, { extra: ["-keyid"] }) }),
  },
  ...[
    { what: "no digest algorithms", odd: () => ({ digestAlgorithms: [] }), differs: undefined },
    {
      differs: "it does not look at the list of digest algorithms",
      what: "a digest algorithm that nobody uses",
      odd: () => ({ digestAlgorithms: [sequence(oid(names.sha256)), sequence(oid(names.sha384))] }),
    },
    {
      differs: "it does not look at the list of digest algorithms",
      what: "a digest algorithm twice",
      odd: () => ({ digestAlgorithms: [sequence(oid(names.sha256)), sequence(oid(names.sha256))] }),
    },
    {
      differs: "it leaves attribute certificates alone",
      what: "an attribute certificate",
      odd: ({ signer, ca }: Hierarchy) => ({
        certificates: [signer.der, ca.der, der(0xa2, octets(content))],
      }),
    },
  ].map(
    ({ what, odd, differs }): Row => ({
      rule: "structure",
      what,
      code: SIGNATURE_MALFORMED,
      ...(differs && { differs }),
      make: (hierarchy) => hierarchy.craft(odd(hierarchy)),
    }),
  ),
];
