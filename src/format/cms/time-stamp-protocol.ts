/**
 * What is asked of a time-stamp authority, and what it answers (RFC 3161, sections 2.4.1 and 2.4.2).
 *
 *   TimeStampReq  { version 1, messageImprint, reqPolicy, nonce, certReq TRUE }    application/timestamp-query
 *   TimeStampResp { { status, statusString, failInfo }, timeStampToken }           application/timestamp-reply
 */
import type { HashName } from "./algorithm.ts";
import { CmsError } from "./cms-error.ts";
import {
  type DerElement,
  DerFields,
  expectTag,
  readDer,
  readNamedBits,
  readSmallInteger,
  tags,
} from "./der.ts";
import { encodeDer, encodeOid, encodeUnsigned } from "./encode-der.ts";
import { readSequenceOf } from "./extensions.ts";
import type { MessageImprint } from "./time-stamp.ts";

export type TimeStampRequest = {
  readonly imprint: MessageImprint;
  /** The rules that the authority should follow; its own choice when undefined. */
  readonly policy: string | undefined;
  /** Random, so that an old answer is none to this question. */
  readonly nonce: Uint8Array;
};

export type TimeStampResponse =
  /** Status 0 and 1: what was modified shows in the token, which is compared with the request anyway. */
  | { readonly kind: "granted"; readonly token: Uint8Array }
  | {
      readonly kind: "refused";
      /** What the authority says, foreign text, "" when it says nothing. */
      readonly text: string;
      /** RFC 3161's names: "badAlg", "timeNotAvailable" … */
      readonly failures: readonly string[];
    };

const hashOids: Readonly<Record<HashName, string>> = {
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
};

/** PKIFailureInfo, by bit. */
const failureNames: Readonly<Record<number, string>> = {
  0: "badAlg",
  2: "badRequest",
  5: "badDataFormat",
  14: "timeNotAvailable",
  15: "unacceptedPolicy",
  16: "unacceptedExtension",
  17: "addInfoNotAvailable",
  25: "systemFailure",
};

const GRANTED_WITH_MODS = 1;
const MAX_TEXTS = 8;
const UTF8_STRING = 0x0c;

export function encodeTimeStampRequest({ imprint, policy, nonce }: TimeStampRequest): Uint8Array {
  // RFC 5754, 2: the parameters of SHA-2 are absent, but some authorities read only NULL, and all read it.
  const algorithm = encodeDer(tags.sequence, encodeOid(hashOids[imprint.hash]), encodeDer(tags.null));
  return encodeDer(
    tags.sequence,
    encodeUnsigned(Uint8Array.of(1)),
    encodeDer(tags.sequence, algorithm, encodeDer(tags.octetString, imprint.digest)),
    ...(policy === undefined ? [] : [encodeOid(policy)]),
    encodeUnsigned(nonce),
    encodeDer(tags.boolean, Uint8Array.of(0xff)),
  );
}

/** The nonce as a token repeats it: lower-case hex of the INTEGER's content. */
export function nonceText(nonce: Uint8Array): string {
  return Buffer.from(readDer(encodeUnsigned(nonce)).content).toString("hex");
}

/** @throws CmsError DER_MALFORMED, CMS_MALFORMED */
export function decodeTimeStampResponse(der: Uint8Array): TimeStampResponse {
  const fields = new DerFields(readDer(der), "the answer");
  const info = new DerFields(fields.next(tags.sequence, "status"), "the status");
  const token = fields.optional(tags.sequence);
  fields.end();
  const status = readSmallInteger(info.next(tags.integer, "number"));
  const texts = info.optional(tags.sequence);
  const failed = info.optional(tags.bitString);
  info.end();
  if (status <= GRANTED_WITH_MODS) {
    if (token === undefined) throw malformed("it grants a time-stamp and holds none");
    return { kind: "granted", token: token.bytes };
  }
  if (token !== undefined) throw malformed("it refuses a time-stamp and holds one");
  return {
    kind: "refused",
    text: texts === undefined ? "" : readTexts(texts),
    failures:
      failed === undefined ? [] : [...readNamedBits(failed)].map((bit) => failureNames[bit] ?? `bit ${bit}`),
  };
}

/** PKIFreeText: SEQUENCE OF UTF8String. */
function readTexts(element: DerElement): string {
  const parts = readSequenceOf(element, "the words of the status").slice(0, MAX_TEXTS);
  return parts
    .map((part) => Buffer.from(expectTag(part, UTF8_STRING, "a text").content).toString("utf8"))
    .join(" ");
}

function malformed(why: string): CmsError {
  return new CmsError("CMS_MALFORMED", `the answer of the time-stamp authority cannot be used: ${why}`);
}
