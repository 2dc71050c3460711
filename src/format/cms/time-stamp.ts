/**
 * Time-stamp tokens (RFC 3161, section 2.4.2, and RFC 5816): an authority says when it saw a digest.
 *
 *   ContentInfo signedData, with TSTInfo inside, signed by the authority alone
 *   TSTInfo { version 1, policy, messageImprint, serialNumber, genTime, accuracy, ordering, nonce, [0] tsa, [1] extensions }
 *
 * The profile is that of our signatures: DER, SHA-2, one certificate named by signingCertificateV2. The older
 * signingCertificate names it by SHA-1 and may be there besides; it counts for nothing. A value here says what
 * stands in the token, nothing about trust.
 */
import { digestLengths, type HashName, readDigestAlgorithm } from "./algorithm.ts";
import { CmsError } from "./cms-error.ts";
import {
  type DerElement,
  DerFields,
  expectTag,
  readBoolean,
  readDer,
  readOid,
  readSmallInteger,
  readValidityTime,
  tags,
} from "./der.ts";
import { onlyChild, readExtensions } from "./extensions.ts";
import { readGeneralName } from "./general-name.ts";
import { decodeAttachedData, type SignedData, type SignerInfo } from "./signed-data.ts";

export type TimeStampToken = Pick<SignedData, "certificates" | "crls"> & {
  /** The exact bytes that were signed: TSTInfo. */
  readonly content: Uint8Array;
  readonly info: TimeStampInfo;
  readonly signer: SignerInfo;
};

export type TimeStampInfo = {
  /** Object identifier of the rules that the authority followed. */
  readonly policy: string;
  readonly imprint: MessageImprint;
  /** Lower-case hex of the INTEGER's content. */
  readonly serial: string;
  /** In milliseconds; a finer fraction is rounded up. */
  readonly time: Date;
  /** How far from `time` it may have been; 0 when the authority does not say. */
  readonly accuracyMs: number;
  /** Lower-case hex of the INTEGER's content. */
  readonly nonce: string | undefined;
};

/** What was stamped, by its digest. */
export type MessageImprint = { readonly hash: HashName; readonly digest: Uint8Array };

/** RFC 3161, 2.4.2. */
export const TST_INFO = "1.2.840.113549.1.9.16.1.4";

/** The whole signature has 64 KiB, and lists and certificates of the signer are in it too. */
export const MAX_TOKEN_BYTES = 32 << 10;

/** RFC 3161, 2.4.2: 160 bits, and a byte that keeps the number positive. */
const MAX_NUMBER_BYTES = 21;

/** @throws CmsError DER_MALFORMED, CMS_MALFORMED, CMS_ALGORITHM_REFUSED, CERTIFICATE_MALFORMED, CRL_MALFORMED */
export function decodeTimeStampToken(der: Uint8Array): TimeStampToken {
  if (der.length > MAX_TOKEN_BYTES) throw malformed(`it is longer than ${MAX_TOKEN_BYTES} bytes`);
  const { content, certificates, crls, signers } = decodeAttachedData(der, TST_INFO);
  const [signer, more] = signers;
  // RFC 3161, 2.4.2: no signatures but the authority's.
  if (signer === undefined || more !== undefined) throw malformed("it is signed by more than one");
  if (signer.signingCertificates.length === 0) {
    throw malformed("it does not name the certificate of its authority (signingCertificateV2)");
  }
  return { content, info: readInfo(readDer(content)), certificates, crls, signer };
}

function readInfo(element: DerElement): TimeStampInfo {
  const fields = new DerFields(element, "TSTInfo");
  const version = readSmallInteger(fields.next(tags.integer, "version"));
  if (version !== 1) throw malformed(`its version is ${version} and should be 1`);
  const policy = readOid(fields.any("policy"));
  const imprint = readImprint(fields.any("messageImprint"));
  const serial = readNumber(fields.next(tags.integer, "serialNumber"), "its serial number");
  const time = readGenTime(fields.next(tags.generalizedTime, "genTime"));
  const accuracy = fields.optional(tags.sequence);
  const ordering = fields.optional(tags.boolean);
  const nonce = fields.optional(tags.integer);
  const tsa = fields.optional(0xa0);
  const extensions = fields.optional(0xa1);
  fields.end();
  if (ordering !== undefined && !readBoolean(ordering)) throw malformed("it spells out a default (DER)");
  if (tsa !== undefined) readGeneralName(onlyChild(tsa));
  if (extensions !== undefined) refuseCritical(extensions);
  return {
    ...{ policy, imprint, serial, time },
    accuracyMs: accuracy === undefined ? 0 : readAccuracy(accuracy),
    nonce: nonce && readNumber(nonce, "its nonce"),
  };
}

function readImprint(element: DerElement): MessageImprint {
  const fields = new DerFields(element, "messageImprint");
  const hash = readDigestAlgorithm(fields.any("hashAlgorithm"));
  const digest = fields.next(tags.octetString, "hashedMessage").content;
  fields.end();
  if (digest.length !== digestLengths[hash]) {
    throw malformed(`its imprint is ${digest.length} bytes long, not what ${hash} gives`);
  }
  return { hash, digest };
}

function readNumber({ content }: DerElement, what: string): string {
  if (content.length > MAX_NUMBER_BYTES) throw malformed(`${what} is longer than 160 bits`);
  return Buffer.from(content).toString("hex");
}

/** GeneralizedTime with a fraction where it is not zero (RFC 3161, 2.4.2: as X.690, 11.7, whose fraction does not end in 0). */
function readGenTime(element: DerElement): Date {
  const text = Buffer.from(element.content).toString("latin1");
  const [, seconds, fraction = ""] = /^(\d{14})(?:\.(\d{0,8}[1-9]))?Z$/.exec(text) ?? [];
  if (seconds === undefined) throw malformed("its time is not of the form YYYYMMDDHHMMSS.fZ");
  const whole = readValidityTime({ ...element, content: Buffer.from(`${seconds}Z`) });
  return new Date(whole.getTime() + Math.ceil(Number(fraction.padEnd(9, "0")) / 1e6));
}

/** RFC 3161, 2.4.2: Accuracy { seconds OPTIONAL, [0] millis (1..999) OPTIONAL, [1] micros (1..999) OPTIONAL }. */
function readAccuracy(element: DerElement): number {
  const fields = new DerFields(element, "its accuracy");
  const seconds = fields.optional(tags.integer);
  const part = (tag: number): number => {
    const found = fields.optional(tag);
    if (found === undefined) return 0;
    const value = readSmallInteger({ ...found, tag: tags.integer });
    if (found.content.length === 0 || value < 1 || value > 999) {
      throw malformed("a part of its accuracy is not from 1 to 999");
    }
    return value;
  };
  const millis = part(0x80);
  const micros = part(0x81);
  fields.end();
  return (seconds === undefined ? 0 : readSmallInteger(seconds)) * 1000 + millis + (micros > 0 ? 1 : 0);
}

/** We interpret none. */
function refuseCritical(element: DerElement): void {
  const list = expectTag(element, 0xa1, "the extensions");
  const { unknownCritical } = readExtensions({ ...list, tag: tags.sequence }, []);
  if (unknownCritical.length > 0) {
    throw malformed(`it has critical extensions that we do not interpret: ${unknownCritical.join(", ")}`);
  }
}

function malformed(why: string): CmsError {
  return new CmsError("CMS_MALFORMED", `the time-stamp cannot be used: ${why}`);
}
