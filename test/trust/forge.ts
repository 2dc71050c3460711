/**
 * Certificates and lists with any extensions at all, signed with real keys: what `openssl` would not issue.
 * Fast, because nothing but node:crypto makes them.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { readFileSync } from "node:fs";
import type { Identity } from "../kit/pki.ts";
import { der, integer, names, octets, oid, sequence, set } from "./craft.ts";

export type Key = { readonly privateKey: KeyObject; readonly spki: Buffer };

export function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, spki: publicKey.export({ type: "spki", format: "der" }) };
}

export type ForgeRequest = {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly key: Key;
  readonly by: Key;
  readonly serial?: number;
  /** Extension values, by identifier. */
  readonly extensions: readonly Buffer[];
  /** Of the signed part, 2 (version 3) unless given. */
  readonly version?: number;
  /** The one that is not signed; the same as the signed one unless given. */
  readonly outerAlgorithm?: Buffer;
};

/** The key of an identity that openssl made. */
export function keyOf({ keyPath, pem }: Identity): Key {
  const privateKey = createPrivateKey(readFileSync(keyPath));
  return { privateKey, spki: createPublicKey(pem).export({ type: "spki", format: "der" }) };
}

export const name = (...commonNames: readonly string[]): Buffer =>
  sequence(...commonNames.map((text) => set(sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(text))))));

export const extension = (type: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(type), ...(critical ? [der(0x01, Buffer.of(0xff))] : []), octets(value));

export const algorithm = sequence(oid(names.ecdsaWithSha256));

const time = (text: string): Buffer => der(0x17, Buffer.from(text));

export function forgeCertificate({
  subject,
  issuer,
  key,
  by,
  serial = 1,
  extensions,
  version: number = 2,
  outerAlgorithm,
}: ForgeRequest): Buffer {
  const list = extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))];
  const validity = sequence(time("200101000000Z"), time("491231235959Z"));
  const version = der(0xa0, integer(number));
  return signed(
    by,
    sequence(version, integer(serial), algorithm, issuer, validity, subject, key.spki, ...list),
    outerAlgorithm,
  );
}

export type ForgeListRequest = {
  readonly issuer: Buffer;
  readonly by: Key;
  readonly thisUpdate?: string;
  readonly nextUpdate?: string;
  readonly entries?: readonly Buffer[];
  readonly extensions?: readonly Buffer[];
};

export function forgeList({ issuer, by, entries = [], extensions = [], ...odd }: ForgeListRequest): Buffer {
  const version = extensions.length === 0 && entries.length === 0 ? [] : [integer(1)];
  const dates = [time(odd.thisUpdate ?? "260101000000Z"), time(odd.nextUpdate ?? "491231235959Z")];
  const revoked = entries.length === 0 ? [] : [sequence(...entries)];
  const list = extensions.length === 0 ? [] : [der(0xa0, sequence(...extensions))];
  return signed(by, sequence(...version, algorithm, issuer, ...dates, ...revoked, ...list));
}

export const revokedEntry = (serial: number, ...extensions: readonly Buffer[]): Buffer =>
  sequence(
    integer(serial),
    time("260101000000Z"),
    ...(extensions.length === 0 ? [] : [sequence(...extensions)]),
  );

export const keyIdentifier = ({ spki }: Key): Buffer => createHash("sha1").update(spki).digest();

export function signed(by: Key, tbs: Buffer, outerAlgorithm: Buffer = algorithm): Buffer {
  return sequence(tbs, outerAlgorithm, der(0x03, Buffer.of(0), sign("sha256", tbs, by.privateKey)));
}
