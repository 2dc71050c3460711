/**
 * A small public-key infrastructure to start with: one root that devices pin, one signer below it.
 *
 *   root.pem      CA, 20 years, its key is used to certify signers and otherwise lies in a safe
 *   signer.pem    code signing, 2 years, its key signs releases
 *
 * Two keys instead of one, because the key that signs every night is the one that gets stolen: with a
 * root above it, devices can be told to trust the next signer without being touched.
 *
 * Certificates follow RFC 5280. The structures are pkijs's, the signatures are node:crypto's. The
 * signer's key may also live in a token; then only its public half is read.
 */
import { createHash, generateKeyPair, type KeyObject, randomBytes, sign } from "node:crypto";
import { access, link, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { systemCode } from "../../base/error.ts";
import { SignError } from "./sign-error.ts";
import { exactBuffer, signatureIdentifier } from "./signed-data.ts";
import { algorithmFor, digestOf, nodeKeyOptions } from "./signer.ts";

export type KeygenAlgorithm = "ecdsa-p256" | "ecdsa-p384" | "rsa-3072";

export type PkiRequest = {
  readonly outFolder: string;
  readonly algorithm: KeygenAlgorithm;
  readonly rootName: string;
  readonly signerName: string;
  readonly organization?: string | undefined;
  readonly rootDays?: number | undefined;
  readonly signerDays?: number | undefined;
  readonly now: Date;
  /** The key is in a token: no signer-key.pem is written. */
  readonly signerPublicKey?: KeyObject | undefined;
  /** Encrypts both key files. */
  readonly passphrase?: string | undefined;
};

export type Pki = {
  readonly root: string;
  readonly rootKey: string;
  readonly signer: string;
  readonly signerKey: string | undefined;
};

const DEFAULT_ROOT_DAYS = 20 * 365;
const DEFAULT_SIGNER_DAYS = 2 * 365;
const DAY_MS = 86_400_000;
/** Devices without a battery clock wake up a little in the past. */
const BACKDATE_MS = 3_600_000;

const KEY_CERT_SIGN_AND_CRL_SIGN = { bits: 0x06, unused: 1 };
const DIGITAL_SIGNATURE = { bits: 0x80, unused: 7 };
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";

const generate = promisify(generateKeyPair);

/** @throws SignError SIGNER_OUTLIVES_ROOT, FILE_EXISTS before anything is written, FILE_UNWRITABLE */
export async function generatePki(request: PkiRequest): Promise<Pki> {
  const { outFolder, now, organization, passphrase } = request;
  const paths = {
    root: join(outFolder, "root.pem"),
    rootKey: join(outFolder, "root-key.pem"),
    signer: join(outFolder, "signer.pem"),
    signerKey: request.signerPublicKey ? undefined : join(outFolder, "signer-key.pem"),
  };
  const { rootDays = DEFAULT_ROOT_DAYS } = request;
  const { signerDays = Math.min(DEFAULT_SIGNER_DAYS, rootDays) } = request;
  if (signerDays > rootDays) {
    throw new SignError(
      "SIGNER_OUTLIVES_ROOT",
      `a signer valid for ${signerDays} days would outlive its root, which is valid for ${rootDays}`,
      { facts: { signerDays, rootDays }, hint: "give a smaller --signer-days or a larger --root-days" },
    );
  }
  await refuseExisting(Object.values(paths));

  const rootKeys = await newKeys(request.algorithm);
  const signerKeys = request.signerPublicKey ? undefined : await newKeys(request.algorithm);
  const issuer = { name: request.rootName, organization, key: rootKeys.publicKey };
  const rootDer = certificate({
    subject: issuer,
    issuer,
    issuerKey: rootKeys.privateKey,
    isRoot: true,
    days: rootDays,
    now,
  });
  const signerDer = certificate({
    subject: {
      name: request.signerName,
      organization,
      key: request.signerPublicKey ?? signerKeys!.publicKey,
    },
    issuer,
    issuerKey: rootKeys.privateKey,
    isRoot: false,
    days: signerDays,
    now,
  });

  await makeFolder(outFolder);
  await writeAllNew([
    { path: paths.rootKey, content: keyPem(rootKeys.privateKey, passphrase), mode: 0o600 },
    ...(signerKeys && paths.signerKey !== undefined
      ? [{ path: paths.signerKey, content: keyPem(signerKeys.privateKey, passphrase), mode: 0o600 }]
      : []),
    { path: paths.root, content: certificatePem(rootDer), mode: 0o644 },
    { path: paths.signer, content: certificatePem(signerDer), mode: 0o644 },
  ]);
  return paths;
}

type Party = { readonly name: string; readonly organization: string | undefined; readonly key: KeyObject };

type CertificateRequest = {
  readonly subject: Party;
  readonly issuer: Party;
  readonly issuerKey: KeyObject;
  readonly isRoot: boolean;
  readonly days: number;
  readonly now: Date;
};

/** RFC 5280, section 4. @returns DER */
function certificate({ subject, issuer, issuerKey, isRoot, days, now }: CertificateRequest): Uint8Array {
  const algorithm = algorithmFor(issuer.key, "pkcs1", "the root");
  // A signer's key that devices would refuse is found out here, not on the device.
  algorithmFor(subject.key, "pkcs1", "the signer");
  const start = Math.floor((now.getTime() - BACKDATE_MS) / 1000) * 1000;

  const built = new pkijs.Certificate();
  built.version = 2; // which means v3
  built.serialNumber = new asn1js.Integer({ valueHex: exactBuffer(serialNumber()) });
  built.subject = distinguishedName(subject);
  built.issuer = distinguishedName(issuer);
  built.notBefore = time(start);
  built.notAfter = time(start + days * DAY_MS);
  built.subjectPublicKeyInfo = publicKeyInfo(subject.key);
  built.extensions = isRoot ? rootExtensions(subject.key) : signerExtensions(subject.key, issuer.key);
  built.signature = signatureIdentifier(algorithm);
  built.signatureAlgorithm = signatureIdentifier(algorithm);

  const signed = new Uint8Array(built.encodeTBS().toBER());
  const value = sign(digestOf(algorithm), signed, nodeKeyOptions(algorithm, issuerKey));
  built.signatureValue = new asn1js.BitString({ valueHex: exactBuffer(value) });
  return new Uint8Array(built.toSchema(true).toBER());
}

function rootExtensions(key: KeyObject): pkijs.Extension[] {
  // pathLen 0: this root certifies signers and never another authority.
  const constraints = new pkijs.BasicConstraints({ cA: true, pathLenConstraint: 0 });
  return [
    extension("2.5.29.19", true, constraints.toSchema()),
    extension("2.5.29.15", true, keyUsage(KEY_CERT_SIGN_AND_CRL_SIGN)),
    extension("2.5.29.14", false, keyIdentifier(key)),
  ];
}

function signerExtensions(key: KeyObject, issuerKey: KeyObject): pkijs.Extension[] {
  const authority = new pkijs.AuthorityKeyIdentifier({ keyIdentifier: keyIdentifier(issuerKey) });
  return [
    // Empty, which means cA FALSE.
    extension("2.5.29.19", true, new asn1js.Sequence({ value: [] })),
    extension("2.5.29.15", true, keyUsage(DIGITAL_SIGNATURE)),
    extension("2.5.29.37", false, new pkijs.ExtKeyUsage({ keyPurposes: [CODE_SIGNING] }).toSchema()),
    extension("2.5.29.14", false, keyIdentifier(key)),
    extension("2.5.29.35", false, authority.toSchema()),
  ];
}

function extension(extnID: string, critical: boolean, value: asn1js.BaseBlock): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });
}

function keyUsage({ bits, unused }: { readonly bits: number; readonly unused: number }): asn1js.BitString {
  return new asn1js.BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits: unused });
}

/** RFC 7093, method 1: the first 160 bits of the SHA-256 of the key; RFC 5280's own method is SHA-1. */
function keyIdentifier(key: KeyObject): asn1js.OctetString {
  const bits = publicKeyInfo(key).subjectPublicKey.valueBlock.valueHexView;
  const hash = createHash("sha256").update(bits).digest().subarray(0, 20);
  return new asn1js.OctetString({ valueHex: exactBuffer(hash) });
}

function publicKeyInfo(key: KeyObject): pkijs.PublicKeyInfo {
  return pkijs.PublicKeyInfo.fromBER(exactBuffer(key.export({ type: "spki", format: "der" })));
}

function distinguishedName({ name, organization }: Party): pkijs.RelativeDistinguishedNames {
  const part = (type: string, value: string): pkijs.AttributeTypeAndValue =>
    new pkijs.AttributeTypeAndValue({ type, value: new asn1js.Utf8String({ value }) as never });
  const typesAndValues = [
    ...(organization === undefined ? [] : [part("2.5.4.10", organization)]),
    part("2.5.4.3", name),
  ];
  return new pkijs.RelativeDistinguishedNames({ typesAndValues });
}

/** RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
function time(ms: number): pkijs.Time {
  const value = new Date(ms);
  return new pkijs.Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });
}

/** RFC 5280, section 4.1.2.2: positive and at most 20 bytes; 126 random bits under a fixed first one. */
function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

async function newKeys(
  algorithm: KeygenAlgorithm,
): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }> {
  switch (algorithm) {
    case "ecdsa-p256":
      return generate("ec", { namedCurve: "P-256" });
    case "ecdsa-p384":
      return generate("ec", { namedCurve: "P-384" });
    case "rsa-3072":
      return generate("rsa", { modulusLength: 3072 });
  }
}

function keyPem(key: KeyObject, passphrase: string | undefined): string {
  const protection = passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase };
  return key.export({ type: "pkcs8", format: "pem", ...protection }).toString();
}

function certificatePem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

async function refuseExisting(paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) {
    if (path !== undefined && (await exists(path))) throw fileExists(path);
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw unwritable(path, error);
  }
}

type NewFile = { readonly path: string; readonly content: string; readonly mode: number };

/**
 * All of them or none: written beside, then named. link(2) and not rename(2), because rename would
 * overwrite a key that appeared meanwhile; a full disk is met before the first file has its name.
 */
async function writeAllNew(files: readonly NewFile[]): Promise<void> {
  const named: string[] = [];
  const beside = (path: string): string => `${path}.part-${process.pid}`;
  try {
    for (const file of files) await writeBeside(beside(file.path), file);
    for (const { path } of files) {
      await nameNew(beside(path), path);
      named.push(path);
    }
  } catch (error) {
    for (const path of named) await rm(path, { force: true });
    throw error;
  } finally {
    for (const { path } of files) await rm(beside(path), { force: true });
  }
}

/** "wx" and the mode at creation: the key is never readable by others, not for a moment. */
async function writeBeside(beside: string, { path, content, mode }: NewFile): Promise<void> {
  try {
    await writeFile(beside, content, { flag: "wx", mode, flush: true });
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function nameNew(beside: string, path: string): Promise<void> {
  try {
    await link(beside, path);
  } catch (cause) {
    if (systemCode(cause) === "EEXIST") throw fileExists(path);
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): SignError {
  return new SignError("FILE_UNWRITABLE", `${path} cannot be written (${systemCode(cause)})`, {
    cause,
    facts: { path },
  });
}

function fileExists(path: string): SignError {
  return new SignError("FILE_EXISTS", `the file ${path} exists already and is not overwritten`, {
    facts: { path },
    hint: "choose an empty folder: a lost root key cannot be brought back",
  });
}
