/**
 * A detached CMS signature (RFC 5652), the file that stands beside a manifest.
 *
 *   ContentInfo signedData
 *     digestAlgorithms     SHA-256 or SHA-384
 *     encapContentInfo     id-data, without content: the manifest is the content
 *     certificates         signer first, then the chain, without the root
 *     signerInfos          one: issuerAndSerialNumber, signed attributes, signature
 *
 * What is signed is not the manifest but the DER of the signed attributes, which hold its digest
 * (section 5.4). Their encoding inside the message starts with the tag A0 and the one that is signed
 * with 31, SET OF; and a SET OF must be sorted in DER (X.690, 11.6), which pkijs does not do for us.
 *
 * pkijs builds here and never verifies: its verifier accepts what ours must refuse.
 */
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { digest, digestOf, PSS_SALT_BYTES, type SignatureAlgorithm, type Signer } from "./signer.ts";

export type SignedDataRequest = {
  readonly content: Uint8Array;
  /** DER, the signer's first. */
  readonly certificates: readonly Uint8Array[];
  readonly signer: Signer;
  readonly signingTime: Date;
};

export const OID = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  mgf1: "1.2.840.113549.1.1.8",
  rsaPss: "1.2.840.113549.1.1.10",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  ecdsaWithSha384: "1.2.840.10045.4.3.3",
} as const;

export async function buildSignedData(request: SignedDataRequest): Promise<Uint8Array> {
  const { certificates, signer } = request;
  const parsed = certificates.map(parseCertificate);
  const own = parsed[0]!;
  const attributes = signedAttributes({
    ...request,
    certificate: certificates[0]!,
    algorithm: signer.algorithm,
  });
  const signature = await signer.sign(attributes.signedBytes);

  const signedData = new pkijs.SignedData({
    // Section 5.1: version 1, because the content is id-data and the signer is named by issuer and serial.
    version: 1,
    digestAlgorithms: [digestIdentifier(signer.algorithm)],
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: OID.data }),
    certificates: parsed,
    signerInfos: [
      new pkijs.SignerInfo({
        version: 1,
        sid: new pkijs.IssuerAndSerialNumber({ issuer: own.issuer, serialNumber: own.serialNumber }),
        digestAlgorithm: digestIdentifier(signer.algorithm),
        signedAttrs: new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes: attributes.list }),
        signatureAlgorithm: signatureIdentifier(signer.algorithm),
        signature: new asn1js.OctetString({ valueHex: exactBuffer(signature) }),
      }),
    ],
  });
  const info = new pkijs.ContentInfo({ contentType: OID.signedData, content: signedData.toSchema(true) });
  const der = Buffer.from(info.toSchema().toBER());
  // The encoder must have written the attributes as they were signed; anything else is a bug of ours.
  const embedded = Buffer.from(attributes.signedBytes);
  embedded[0] = 0xa0;
  if (!der.includes(embedded)) throw new Error("the signed attributes were re-encoded differently");
  return Uint8Array.from(der);
}

/** All that the signed attributes depend on: the same values give the same bytes. */
export type AttributesRequest = {
  readonly content: Uint8Array;
  /** DER, of the signer. */
  readonly certificate: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly signingTime: Date;
};

/** Section 11 and RFC 5035; sorted, and both as structure and as the bytes that are signed. */
export function signedAttributes({ content, certificate, algorithm, signingTime }: AttributesRequest): {
  readonly list: pkijs.Attribute[];
  readonly signedBytes: Uint8Array;
} {
  const list = [
    attribute(OID.contentType, new asn1js.ObjectIdentifier({ value: OID.data })),
    attribute(
      OID.messageDigest,
      new asn1js.OctetString({ valueHex: exactBuffer(digest(algorithm, content)) }),
    ),
    attribute(OID.signingTime, timeValue(signingTime)),
    attribute(OID.signingCertificateV2, signingCertificate(certificate)),
  ];
  const encoded = (each: pkijs.Attribute): Buffer => Buffer.from(each.toSchema().toBER());
  list.sort((a, b) => Buffer.compare(encoded(a), encoded(b)));
  const set = new asn1js.Set({ value: list.map((each) => each.toSchema()) });
  return { list, signedBytes: new Uint8Array(set.toBER()) };
}

function attribute(type: string, value: asn1js.BaseBlock): pkijs.Attribute {
  return new pkijs.Attribute({ type, values: [value] });
}

/**
 * Section 11.3: UTCTime until 2049, GeneralizedTime from 2050, both in whole seconds.
 * Devices do not trust it; it is there for people.
 */
function timeValue(time: Date): asn1js.UTCTime | asn1js.GeneralizedTime {
  const valueDate = new Date(Math.floor(time.getTime() / 1000) * 1000);
  return time.getUTCFullYear() < 2050
    ? new asn1js.UTCTime({ valueDate })
    : new asn1js.GeneralizedTime({ valueDate });
}

/**
 * RFC 5035, section 3: SigningCertificateV2 ::= SEQUENCE { certs SEQUENCE OF ESSCertIDv2 }.
 *
 * Without it, an attacker may swap in another certificate for the same key, with other rights or a
 * longer life. The hash is SHA-256, the DEFAULT, so DER leaves its identifier out.
 */
function signingCertificate(certificate: Uint8Array): asn1js.Sequence {
  const hash = new asn1js.OctetString({
    valueHex: exactBuffer(digest("ecdsa-p256-sha256", certificate)),
  });
  const id = new asn1js.Sequence({ value: [hash] });
  return new asn1js.Sequence({ value: [new asn1js.Sequence({ value: [id] })] });
}

/** RFC 5754, section 2: the parameters of SHA-2 are absent. */
function digestIdentifier(algorithm: SignatureAlgorithm): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier({ algorithmId: OID[digestOf(algorithm)] });
}

export function signatureIdentifier(algorithm: SignatureAlgorithm): pkijs.AlgorithmIdentifier {
  switch (algorithm) {
    case "rsa-pkcs1-sha256":
      // RFC 4055, section 5: NULL, and only NULL.
      return new pkijs.AlgorithmIdentifier({
        algorithmId: OID.sha256WithRsa,
        algorithmParams: new asn1js.Null(),
      });
    case "rsa-pss-sha256":
      return new pkijs.AlgorithmIdentifier({ algorithmId: OID.rsaPss, algorithmParams: pssParams() });
    case "ecdsa-p256-sha256":
      // RFC 5758, section 3.2: absent.
      return new pkijs.AlgorithmIdentifier({ algorithmId: OID.ecdsaWithSha256 });
    case "ecdsa-p384-sha384":
      return new pkijs.AlgorithmIdentifier({ algorithmId: OID.ecdsaWithSha384 });
  }
}

/** RFC 4055, section 3.1: hash [0], mask generation [1], salt [2]; the trailer has its default. */
function pssParams(): asn1js.Sequence {
  const hash = (): asn1js.Sequence =>
    new asn1js.Sequence({
      // Section 2.1: sha256Identifier carries NULL inside these parameters.
      value: [new asn1js.ObjectIdentifier({ value: OID.sha256 }), new asn1js.Null()],
    });
  const tagged = (tagNumber: number, value: asn1js.BaseBlock): asn1js.Constructed =>
    new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });
  return new asn1js.Sequence({
    value: [
      tagged(0, hash()),
      tagged(1, new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: OID.mgf1 }), hash()] })),
      tagged(2, new asn1js.Integer({ value: PSS_SALT_BYTES })),
    ],
  });
}

function parseCertificate(der: Uint8Array): pkijs.Certificate {
  return pkijs.Certificate.fromBER(exactBuffer(der));
}

/** asn1js takes whole ArrayBuffers, and a Node Buffer is mostly a window into a larger one. */
export function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
