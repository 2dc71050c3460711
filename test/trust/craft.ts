/** Just enough DER writing to make messages that no honest program makes. */
import { createHash, createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { readDer } from "../../src/format/cms/der.ts";
import type { Identity } from "../kit/pki.ts";

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length: number[] = [];
  for (let rest = content.length; rest > 0; rest >>>= 8) length.unshift(rest & 0xff);
  const head = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 + length.length, ...length];
  return Buffer.concat([Buffer.from(head), content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
export const integer = (...bytes: readonly number[]): Buffer => der(0x02, Uint8Array.from(bytes));
export const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes);

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift((left % 128) + 128);
    }
    return groups;
  });
  return der(0x06, Uint8Array.from(bytes));
}

export const attribute = (type: string, ...values: readonly Uint8Array[]): Buffer =>
  sequence(oid(type), set(...values));

export const names = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  algorithmProtection: "1.2.840.113549.1.9.52",
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
  ed25519: "1.3.101.112",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const;

export const contentTypeAttribute = (): Buffer => attribute(names.contentType, oid(names.data));
export const messageDigestAttribute = (content: Uint8Array): Buffer =>
  attribute(names.messageDigest, octets(createHash("sha256").update(content).digest()));

export type CraftRequest = {
  readonly content: Uint8Array;
  readonly signer: Identity;
  readonly certificates: readonly Uint8Array[];
  /** Everything below has the honest value unless given. */
  readonly attributes?: readonly Uint8Array[];
  readonly keepOrder?: boolean;
  readonly version?: number;
  readonly signerVersion?: number;
  readonly eContentType?: string;
  readonly eContent?: Uint8Array;
  readonly contentInfoType?: string;
  readonly digestAlgorithms?: readonly Uint8Array[];
  readonly digestAlgorithm?: Uint8Array;
  readonly unsignedAttributes?: readonly Uint8Array[];
  readonly certificateTag?: number;
  readonly crls?: readonly Uint8Array[];
  readonly signers?: number;
  readonly signatureAlgorithm?: Uint8Array;
  /** ECDSA with SHA-256 by the signer's key unless given. */
  readonly signWith?: (attributes: Uint8Array) => Uint8Array;
  /** Stand beside the signer's own. */
  readonly otherSigners?: readonly Uint8Array[];
};

/** A signature whose mathematics are right, whatever else is wrong with it. */
export function craftSignature({ content, signer, certificates, ...odd }: CraftRequest): Buffer {
  const attributes = [...(odd.attributes ?? [contentTypeAttribute(), messageDigestAttribute(content)])];
  if (odd.keepOrder !== true) attributes.sort(Buffer.compare);
  const tbs = readDer(signer.der).children[0]!;
  const id = sequence(tbs.children[3]!.bytes, tbs.children[1]!.bytes);
  const digestAlgorithm = odd.digestAlgorithm ?? sequence(oid(names.sha256));
  const byKey = (bytes: Uint8Array): Buffer =>
    sign("sha256", bytes, createPrivateKey(readFileSync(signer.keyPath)));
  const signature = (odd.signWith ?? byKey)(set(...attributes));
  const info = sequence(
    integer(odd.signerVersion ?? 1),
    id,
    digestAlgorithm,
    der(0xa0, ...attributes),
    odd.signatureAlgorithm ?? sequence(oid(names.ecdsaWithSha256)),
    octets(signature),
    ...(odd.unsignedAttributes === undefined ? [] : [der(0xa1, ...odd.unsignedAttributes)]),
  );
  const eContent = odd.eContent === undefined ? [] : [der(0xa0, octets(odd.eContent))];
  const signedData = sequence(
    integer(odd.version ?? 1),
    set(...(odd.digestAlgorithms ?? [digestAlgorithm])),
    sequence(oid(odd.eContentType ?? names.data), ...eContent),
    der(0xa0, ...certificates),
    ...(odd.crls === undefined ? [] : [der(0xa1, ...odd.crls)]),
    set(...Array.from({ length: odd.signers ?? 1 }, () => info), ...(odd.otherSigners ?? [])),
  );
  return sequence(oid(odd.contentInfoType ?? names.signedData), der(0xa0, signedData));
}
