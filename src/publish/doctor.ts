/**
 * Would publishing from here work? Each question is asked by the code that will be needed, and nothing is changed.
 */
import { statfs } from "node:fs/promises";
import { writeSize } from "../base/units.ts";
import { decodeSignedData } from "../format/cms/signed-data.ts";
import type { TrustAnchor } from "../trust/anchor.ts";
import { checkSignedContent, verifySignature } from "../trust/verify-signature.ts";
import type { OpenBundle } from "./bundle.ts";
import { type Answer, good, poor, untilWhen } from "./finding.ts";
import { checkSigning, readCertificates } from "./sign/sign.ts";
import { SignError } from "./sign/sign-error.ts";
import type { Signer } from "./sign/signer.ts";
import type { GitHubApi } from "./upload/github/api.ts";
import { preFlight } from "./upload/github/pre-flight.ts";

/** Time-stamps and TLS bear no more, and devices look at their own clocks. */
const MAX_CLOCK_APART_MS = 60_000;
const LITTLE_ROOM_BYTES = 2 ** 30;

/** Good for signing now, by all that signing asks, and for how long. @throws SignError */
export function lookAtCertificates(
  certificatesPem: string,
  anchorsPem: string | undefined,
  now: Date,
): Answer {
  const certificates = readCertificates(certificatesPem, "the certificate file");
  checkSigning({ manifest: new Uint8Array(), certificatesPem, anchorsPem, now }, certificates[0].publicKey);
  const ends = certificates.map(({ validToDate }) => validToDate.getTime());
  return untilWhen(
    "valid",
    new Date(Math.min(...ends)),
    now,
    "ask for a new certificate; themis-bundle resign",
  );
}

/** The repository, the token's rights, the limit of calls. @throws GitHubError */
export async function lookAtGitHub(api: GitHubApi): Promise<Answer> {
  const { immutable } = await preFlight(api, [], { tag: "", target: "" });
  const { left } = api.count;
  const calls = left === undefined ? "" : `, ${left} calls left`;
  const releases = immutable === undefined ? "" : `, releases are ${immutable ? "" : "not "}immutable`;
  return good(`${api.host} shows the repository to this token${calls}${releases}`);
}

/** @param date of an HTTP answer (RFC 9110, 6.6.1) */
export function lookAtClock(date: string | null, now: Date): Answer {
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return poor("nobody said what time it is", "look at this machine's clock");
  // The header has whole seconds.
  const apartMs = Math.abs(now.getTime() - theirs);
  const seen = `${Math.round(apartMs / 1000)} s from that of the server`;
  if (apartMs <= MAX_CLOCK_APART_MS) return good(seen);
  return { outcome: "bad", seen, advice: "set this machine's clock: signatures would bear a wrong time" };
}

/** @throws the system's errors */
export async function lookAtDisk(folder: string): Promise<Answer> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const seen = `${writeSize(free)} free in ${folder}`;
  return free >= LITTLE_ROOM_BYTES
    ? good(seen)
    : poor(seen, "a build needs about the size of the release twice");
}

/** Nothing is signed by it: that it is there, opens, and is the certificate's. @throws SignError CERTIFICATE_MISMATCH */
export function lookAtKey(signer: Signer, certificatesPem: string | undefined): Answer {
  if (certificatesPem === undefined) return good(`it opens, and signs by ${signer.algorithm}`);
  const [own] = readCertificates(certificatesPem, "the certificate file");
  if (own.publicKey.equals(signer.publicKey)) {
    return good(`it opens, signs by ${signer.algorithm}, and is the certificate's`);
  }
  throw new SignError("CERTIFICATE_MISMATCH", "the first certificate belongs to another key", {
    hint: "put the signer's own certificate first, or choose the key that it was made for",
  });
}

/** Devices refuse a manifest that has expired. */
export function lookAtManifest({ manifest }: OpenBundle, now: Date): Answer {
  const { expires } = manifest;
  if (expires === "") return good("it never expires");
  const end = new Date(expires);
  if (end >= now)
    return untilWhen("valid", end, now, "build the next release, or this one with a later --expires");
  return {
    outcome: "bad",
    seen: `it expired on ${expires}`,
    advice: "build it again with a later --expires",
  };
}

/** @param anchors what devices pin; empty when nobody said. @throws TrustError */
export function lookAtSignature(
  { manifestBytes: content, signature }: OpenBundle,
  anchors: readonly TrustAnchor[],
  now: Date,
): Answer {
  if (signature === undefined) return poor("nobody has signed it", "themis-bundle sign");
  if (anchors.length > 0) verifySignature({ content, signature, anchors, now });
  else checkSignedContent({ content, signature, now });
  const ends = decodeSignedData(signature).certificates.map(({ notAfter }) => notAfter.getTime());
  const what = anchors.length > 0 ? "by whom devices trust, valid" : "whole, by nobody knows whom, valid";
  return untilWhen(what, new Date(Math.min(...ends)), now, "themis-bundle resign, before that");
}
