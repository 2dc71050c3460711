/**
 * Gets a time-stamp for each signer of a signature that has none, so that the release stays installable when their
 * certificates are over (RFC 3161, appendix A).
 *
 *   signature -> digest of each signer's value -> authority -> token, proven -> unsigned attribute of that signer
 *
 * The authorities are asked in turn until one gives a token that stands: of this digest, with our nonce, by a
 * certificate for nothing else, of now. With the anchors of the devices at hand, the code that devices run decides.
 * An unsigned attribute is signed by nobody, so every other byte stays as it is.
 */
import { createHash, randomBytes } from "node:crypto";
import { ThemisError } from "../../base/error.ts";
import { oneLine } from "../../base/one-line.ts";
import { readDer, tags } from "../../format/cms/der.ts";
import { encodeDer, encodeOid } from "../../format/cms/encode-der.ts";
import { decodeSignedData, oids, type SignerInfo } from "../../format/cms/signed-data.ts";
import {
  decodeTimeStampResponse,
  encodeTimeStampRequest,
  nonceText,
} from "../../format/cms/time-stamp-protocol.ts";
import type { TrustAnchor } from "../../trust/anchor.ts";
import { checkTimeStamping } from "../../trust/path-validation.ts";
import { SignatureChecks } from "../../trust/signature-checks.ts";
import { signerOf } from "../../trust/signer-certificate.ts";
import { readTimeStamp, verifyTimeStamp } from "../../trust/time-stamp.ts";
import { MAX_SIGNATURE_BYTES } from "../../trust/verify-signature.ts";
import { SignError } from "./sign-error.ts";
import { askAuthority, authorityName, NoAnswer } from "./time-stamp-authority.ts";

export type StampRequest = {
  readonly signature: Uint8Array;
  /** The first that gives a good token is the last that is asked. */
  readonly authorities: readonly URL[];
  /** Object identifier of the rules to stamp by; the authority's choice unless given. */
  readonly policy?: string | undefined;
  /** What devices pin for authorities; when given, each token is also proven as a device proves it. */
  readonly anchors?: readonly TrustAnchor[] | undefined;
  readonly signal: AbortSignal;
  /** Default: 15 s for one attempt. */
  readonly timeoutMs?: number | undefined;
};

export type StampTools = { readonly now: () => Date };

export type Stamped = { readonly signature: Uint8Array; readonly stamps: readonly Stamp[] };

export type Stamp = {
  readonly time: Date;
  /** Its address. */
  readonly url: string;
  /** The subject of its certificate. */
  readonly authority: string;
};

const TIMEOUT_MS = 15_000;
/** RFC 3161, 2.4.1, asks for a large one; 64 bits, with the highest bit clear, are what every authority takes. */
const NONCE_BYTES = 8;
/** A token that is older was made before, one from further ahead shows that a clock is wrong. */
const MAX_APART_MS = 10 * 60_000;
const UNSIGNED_ATTRIBUTES = 0xa1;

/** @throws SignError TIMESTAMP_NOT_GIVEN, SIGNATURE_FULL; CmsError when the signature is none */
export async function stampSignature(request: StampRequest, tools: StampTools): Promise<Stamped> {
  const { signers } = decodeSignedData(request.signature);
  const tokens: (Uint8Array | undefined)[] = [];
  const stamps: Stamp[] = [];
  for (const signer of signers) {
    const found = signer.timeStampTokens.length > 0 ? undefined : await askInTurn(signer, request, tools);
    tokens.push(found?.token);
    if (found) stamps.push(found.stamp);
  }
  return { signature: attachTokens(request.signature, tokens), stamps };
}

type Given = { readonly token: Uint8Array; readonly stamp: Stamp };

async function askInTurn(signer: SignerInfo, request: StampRequest, tools: StampTools): Promise<Given> {
  const reasons: string[] = [];
  for (const url of request.authorities) {
    try {
      return await askOne(url, signer, request, tools);
    } catch (error) {
      request.signal.throwIfAborted();
      if (!(error instanceof NoAnswer) && !(error instanceof ThemisError)) throw error;
      reasons.push(`${authorityName(url)}: ${error.message}`);
    }
  }
  throw new SignError(
    "TIMESTAMP_NOT_GIVEN",
    `no authority gave a time-stamp that can be used: ${reasons.join("; ")}`,
    {
      area: "network",
      facts: { reasons },
      hint: "nothing was written; name another authority with --timestamp, or sign without one",
    },
  );
}

/** @throws NoAnswer; CmsError, TrustError for a token that is not what was asked for */
async function askOne(
  url: URL,
  signer: SignerInfo,
  request: StampRequest,
  tools: StampTools,
): Promise<Given> {
  const hash = signer.digestAlgorithm;
  const imprint = { hash, digest: createHash(hash).update(signer.signature).digest() };
  const nonce = randomBytes(NONCE_BYTES);
  nonce[0]! &= 0x7f;
  const { policy, signal, timeoutMs = TIMEOUT_MS } = request;
  const query = encodeTimeStampRequest({ imprint, policy, nonce });
  const answer = decodeTimeStampResponse(await askAuthority({ url, query, timeoutMs, signal }));
  if (answer.kind === "refused") {
    const why = [answer.failures.join(", "), oneLine(answer.text, 200)].filter((each) => each !== "");
    throw new NoAnswer(`it refused${why.length > 0 ? ` (${why.join(": ")})` : ""}`);
  }
  const { token } = answer;
  const now = tools.now();
  const { info, certificates, content, signer: by } = readTimeStamp(token, signer.signature, now);
  if (info.nonce !== nonceText(nonce)) throw new NoAnswer("its answer is to another question (nonce)");
  if (info.imprint.hash !== hash) throw new NoAnswer("its token is of another digest than was asked for");
  if (policy !== undefined && info.policy !== policy) {
    throw new NoAnswer(`its token is by the policy ${info.policy}, and not by ${policy}`);
  }
  if (Math.abs(info.time.getTime() - now.getTime()) > MAX_APART_MS) {
    throw new NoAnswer(`its token is of ${info.time.toISOString()}, and it is ${now.toISOString()}`);
  }
  const certificate = signerOf(by, { certificates }, content);
  checkTimeStamping(certificate);
  if (now > certificate.notAfter || now < certificate.notBefore) {
    throw new NoAnswer(`its certificate is valid until ${certificate.notAfter.toISOString()}`);
  }
  const { anchors } = request;
  if (anchors !== undefined) {
    const policies = { anchors: [], timestampAnchors: anchors };
    verifyTimeStamp(token, signer.signature, { ...policies, now, checks: new SignatureChecks() });
  }
  const stamp = { time: info.time, url: authorityName(url), authority: certificate.subject.text };
  return { token, stamp };
}

/** @param tokens one for each SignerInfo, in their order, undefined for those that stay as they are */
function attachTokens(signature: Uint8Array, tokens: readonly (Uint8Array | undefined)[]): Uint8Array {
  const [type, content] = readDer(signature).children;
  const parts = [...content!.children[0]!.children];
  const signers = parts.pop()!.children.map(({ bytes, children }, index) => {
    const token = tokens[index];
    if (token === undefined) return bytes;
    const attribute = encodeDer(tags.sequence, encodeOid(oids.timeStampToken), encodeDer(tags.set, token));
    const fields = children.filter(({ tag }, at) => at === 0 || tag !== UNSIGNED_ATTRIBUTES);
    const others = children.find(({ tag }, at) => at > 0 && tag === UNSIGNED_ATTRIBUTES)?.children ?? [];
    // X.690, 11.6: a SET OF is sorted by its encodings.
    const unsigned = [...others.map((each) => each.bytes), attribute].sort(Buffer.compare);
    return encodeDer(
      tags.sequence,
      ...fields.map((each) => each.bytes),
      encodeDer(UNSIGNED_ATTRIBUTES, ...unsigned),
    );
  });
  const set = encodeDer(tags.set, ...signers.sort(Buffer.compare));
  const signedData = encodeDer(tags.sequence, ...parts.map(({ bytes }) => bytes), set);
  const result = encodeDer(tags.sequence, type!.bytes, encodeDer(0xa0, signedData));
  if (result.length > MAX_SIGNATURE_BYTES) {
    throw new SignError(
      "SIGNATURE_FULL",
      `with time-stamps the signature has ${result.length} bytes, and devices read ${MAX_SIGNATURE_BYTES}`,
      { hint: "leave out long revocation lists, and give them to devices with --crl" },
    );
  }
  // What a device will read must be what was meant here.
  const attached = decodeSignedData(result).signers.filter(
    ({ timeStampTokens: [first] }) => first !== undefined,
  );
  if (attached.length !== tokens.length) throw new Error("the signature was joined wrongly");
  return result;
}
