/** Signed and unsigned attributes, and who signed: each attribute once, every signer good, each named without doubt. */
import { createHash } from "node:crypto";
import { readDer } from "../../../src/format/cms/der.ts";
import type { OpensslSignRequest } from "../../kit/pki.ts";
import {
  attribute,
  contentTypeAttribute,
  craftSignature,
  der,
  messageDigestAttribute,
  names,
  octets,
  oid,
  sequence,
} from "../craft.ts";
import type { Hierarchy } from "./hierarchy.ts";
import { content, type Row } from "./row.ts";

const type = contentTypeAttribute();
const digest = messageDigestAttribute(content);
const other = Buffer.from("other");
const sha256 = sequence(oid(names.sha256));
const ecdsa = oid(names.ecdsaWithSha256);
const certificateId = (hash: Uint8Array): Buffer =>
  attribute(names.signingCertificateV2, sequence(sequence(sequence(octets(hash)))));
const protection = (digestAlgorithm: Buffer): Buffer =>
  attribute(names.algorithmProtection, sequence(digestAlgorithm, der(0xa1, ecdsa)));

const LENIENT = "it does not count what it has no use for";

type Signed = Omit<Row, "make"> & { readonly attributes: readonly Uint8Array[] };

const signed: readonly Signed[] = [
  { rule: "contentType", what: "contentType and messageDigest alone", attributes: [type, digest] },
  { rule: "contentType", what: "no contentType", attributes: [digest], code: "SIGNATURE_MALFORMED" },
  {
    rule: "contentType",
    what: "contentType twice",
    attributes: [type, type, digest],
    code: "SIGNATURE_MALFORMED",
  },
  {
    rule: "contentType",
    what: "another signed content type",
    attributes: [attribute(names.contentType, oid(names.signedData)), digest],
    code: "SIGNATURE_MALFORMED",
    differs: "it does not compare it with eContentType",
  },
  { rule: "messageDigest", what: "no messageDigest", attributes: [type], code: "SIGNATURE_MALFORMED" },
  {
    rule: "messageDigest",
    what: "messageDigest twice",
    attributes: [type, digest, digest],
    code: "SIGNATURE_MALFORMED",
  },
  {
    rule: "messageDigest",
    what: "a second messageDigest of other bytes",
    attributes: [type, digest, messageDigestAttribute(other)],
    code: "SIGNATURE_MALFORMED",
  },
  {
    rule: "messageDigest",
    what: "messageDigest with two values",
    attributes: [type, attribute(names.messageDigest, octets(Buffer.alloc(32)), octets(Buffer.alloc(32, 1)))],
    code: "SIGNATURE_MALFORMED",
  },
  {
    rule: "messageDigest",
    what: "a messageDigest of 20 bytes",
    attributes: [type, attribute(names.messageDigest, octets(Buffer.alloc(20)))],
    code: "SIGNATURE_MALFORMED",
  },
  {
    rule: "messageDigest",
    what: "a messageDigest of other bytes",
    attributes: [type, messageDigestAttribute(other)],
    code: "DIGEST_MISMATCH",
  },
  {
    rule: "attributes",
    what: "an unknown attribute",
    attributes: [type, digest, attribute("1.2.3", octets(content))],
  },
  {
    rule: "attributes",
    what: "an unknown attribute twice",
    attributes: [type, digest, attribute("1.2.3", octets(content)), attribute("1.2.3", octets(content))],
    code: "SIGNATURE_MALFORMED",
    differs: LENIENT,
  },
  {
    rule: "attributes",
    what: "an attribute without a value",
    attributes: [type, digest, attribute("1.2.3")],
    code: "SIGNATURE_MALFORMED",
    differs: LENIENT,
  },
  {
    rule: "attributes",
    what: "a signingTime on the 30th of February",
    attributes: [type, digest, attribute(names.signingTime, der(0x17, Buffer.from("260230000000Z")))],
    code: "SIGNATURE_MALFORMED",
    differs: "it reads signingTime only to print it",
  },
  {
    rule: "CMSAlgorithmProtection",
    what: "a CMSAlgorithmProtection of its algorithms",
    attributes: [type, digest, protection(sha256)],
  },
  {
    rule: "CMSAlgorithmProtection",
    what: "a CMSAlgorithmProtection of other algorithms",
    attributes: [type, digest, protection(sequence(oid(names.sha384)))],
    code: "SIGNATURE_MALFORMED",
    differs: "3.0 does not know RFC 6211",
  },
  {
    rule: "signingCertificateV2",
    what: "a signingCertificateV2 of another certificate",
    attributes: [type, digest, certificateId(Buffer.alloc(32))],
    code: "SIGNER_NOT_FOUND",
    differs: "it looks at it only when asked for CAdES",
  },
];

const byOpenssl = (what: string, extra: readonly string[], more: Omit<Row, "make" | "what">): Row => ({
  ...more,
  what,
  make: (hierarchy) => ({ signature: hierarchy.sign(undefined, undefined, { extra }) }),
});

/** Two signers, one of whose signatures is no longer one. */
const oneBad = (which: number) => (hierarchy: Hierarchy) => {
  const both = twoSigners(hierarchy);
  const infos = readDer(both).children[1]!.children[0]!.children.at(-1)!.children;
  const { byteOffset, length } = infos[which]!.children.at(-1)!.content;
  both[byteOffset - both.byteOffset + length - 1]! ^= 1;
  return { signature: both };
};

function twoSigners(hierarchy: Hierarchy, more: Partial<OpensslSignRequest> = {}): Buffer {
  const second = hierarchy.issueSigner({ name: "second" });
  return hierarchy.sign(hierarchy.signer, [hierarchy.ca], { signers: [hierarchy.signer, second], ...more });
}

export const attributeRows: readonly Row[] = [
  ...signed.map(
    ({ attributes, ...row }): Row => ({
      ...row,
      make: (hierarchy) => hierarchy.craft({ attributes }),
    }),
  ),
  {
    rule: "signingCertificateV2",
    what: "a signingCertificateV2 of the signer's certificate",
    make: (hierarchy) => {
      const hash = createHash("sha256").update(hierarchy.signer.der).digest();
      return hierarchy.craft({ attributes: [type, digest, certificateId(hash)] });
    },
  },
  byOpenssl("what openssl writes for CAdES", ["-cades"], { rule: "signingCertificateV2" }),
  byOpenssl("no S/MIME capabilities", ["-nosmimecap"], { rule: "attributes" }),
  byOpenssl("no signed attributes", ["-noattr"], {
    rule: "attributes",
    code: "SIGNATURE_MALFORMED",
    differs: "RFC 5652 asks for them only beside other content than data",
  }),
  {
    rule: "attributes",
    what: "an unsigned attribute",
    make: (hierarchy) => hierarchy.craft({ unsignedAttributes: [attribute("1.2.3", octets(content))] }),
  },
  {
    rule: "attributes",
    what: "unsigned attributes that are none",
    code: "SIGNATURE_MALFORMED",
    make: (hierarchy) => hierarchy.craft({ unsignedAttributes: [octets(content)] }),
  },
  {
    rule: "attributes",
    what: "a digest algorithm other than the signature's",
    code: "SIGNATURE_ALGORITHM",
    make: (hierarchy) => hierarchy.craft({ digestAlgorithm: sequence(oid(names.sha384)) }),
  },
  { rule: "signers", what: "two good signers", make: (hierarchy) => ({ signature: twoSigners(hierarchy) }) },
  { rule: "signers", what: "a first bad signer", code: "SIGNATURE_INVALID", make: oneBad(0) },
  { rule: "signers", what: "a second bad signer", code: "SIGNATURE_INVALID", make: oneBad(1) },
  {
    rule: "signers",
    what: "a second signer of another root",
    code: "CHAIN_UNTRUSTED",
    make: (hierarchy) => {
      const stranger = hierarchy.issueCa({ name: "stranger", by: undefined });
      const second = hierarchy.issueSigner({ name: "second", by: stranger });
      return { signature: twoSigners(hierarchy, { signers: [hierarchy.signer, second] }) };
    },
  },
  {
    rule: "signers",
    what: "nobody",
    code: "SIGNATURE_MALFORMED",
    make: (hierarchy) => hierarchy.craft({ signers: 0 }),
  },
  {
    rule: "signers",
    what: "17 signers",
    code: "SIGNATURE_MALFORMED",
    differs: "it has no bounds of its own",
    make: (hierarchy) => hierarchy.craft({ signers: 17 }),
  },
  byOpenssl("no certificates", ["-nocerts"], { rule: "signers", code: "SIGNER_NOT_FOUND" }),
  {
    rule: "signers",
    what: "a signer whose certificate is another's",
    code: "SIGNER_NOT_FOUND",
    make: (hierarchy) => {
      const second = hierarchy.issueSigner({ name: "second" });
      return hierarchy.craft({ certificates: [second.der, hierarchy.ca.der] });
    },
  },
  {
    rule: "signers",
    what: "two certificates with the signer's issuer and serial number",
    code: "SIGNER_NOT_FOUND",
    differs: "it takes the first that fits",
    make: (hierarchy) => {
      const serial = 4711;
      const [mine, twin] = [hierarchy.forge({ serial }), hierarchy.forge({ serial, subject: sequence() })];
      return {
        signature: craftSignature({
          content,
          signer: mine,
          certificates: [mine.der, twin.der, hierarchy.ca.der],
        }),
      };
    },
  },
  {
    rule: "signers",
    what: "the same CA's certificate 29 times",
    make: (hierarchy) => {
      const many = Array.from({ length: 29 }, () => hierarchy.ca.der);
      return hierarchy.craft({ certificates: [hierarchy.signer.der, ...many] });
    },
  },
  {
    rule: "signers",
    what: "a signature over other attributes",
    code: "SIGNATURE_INVALID",
    make: (hierarchy) =>
      hierarchy.craft({ signWith: () => Buffer.from("300602010102 0101".replace(" ", ""), "hex") }),
  },
];
