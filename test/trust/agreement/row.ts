/**
 * One signature, judged twice: by us and by `openssl cms -verify`, on the same bytes, anchor, lists and time.
 *
 *   { rule, what, make }                       both accept
 *   { rule, what, make, code }                 both refuse; we say why
 *   { …, differs: "it does not ask for it" }   OpenSSL thinks otherwise; schemas/certificates.md says the same
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeCrl } from "../../../src/format/cms/crl.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { type SignatureReport, verifySignature } from "../../../src/trust/verify-signature.ts";
import { type List, pemOf } from "../../kit/authority.ts";
import type { Identity } from "../../kit/pki.ts";
import type { Hierarchy } from "./hierarchy.ts";

export const content = Buffer.from('{"version":"1.2.3"}');
export const now = new Date("2026-06-01T00:00:00Z");

export type Row = {
  /** Of the verification profile. */
  readonly rule: string;
  /** What is signed, and how it is odd; finishes "accepts" or "refuses". */
  readonly what: string;
  readonly make: (hierarchy: Hierarchy) => Case;
  /** Why we refuse; absent when we accept. */
  readonly code?: string;
  /** Why OpenSSL answers the opposite; absent when it agrees. */
  readonly differs?: string;
};

export type Case = {
  readonly signature: Uint8Array;
  /** What the verifier is given; what was signed unless given. */
  readonly content?: Uint8Array;
  /** The hierarchy's own unless given. */
  readonly anchors?: readonly Identity[];
  /** Beside the signature. */
  readonly lists?: readonly List[];
  readonly requireCrl?: boolean;
};

type Judged = Case & { readonly anchors: readonly Identity[] };

/** @throws TrustError */
export function judge({ signature, anchors, lists = [], requireCrl, ...more }: Judged): SignatureReport {
  return verifySignature({
    content: more.content ?? content,
    signature,
    anchors: anchors.flatMap(({ pem }) => readTrustAnchors(pem)),
    now,
    crls: lists.map(({ der }) => decodeCrl(der)),
    requireCrl,
  });
}

/**
 * With all strictness that OpenSSL 3.0 has: `-x509_strict`, and keys and digests of 112 bits or more. It has no
 * purpose for signing code there, so the purpose stays open. Lists beside the signature stand in its file of anchors.
 */
export function opensslAccepts({
  signature,
  anchors,
  lists = [],
  requireCrl = false,
  ...more
}: Judged): boolean {
  const work = mkdtempSync(join(tmpdir(), "themis-agreement-"));
  const at = (file: string): string => join(work, file);
  try {
    writeFileSync(at("content"), more.content ?? content);
    writeFileSync(at("signature"), signature);
    const files = [...anchors.map(({ pem }) => pem), ...lists.map(({ der }) => pemOf("X509 CRL", der))];
    writeFileSync(at("anchors.pem"), Buffer.concat(files));
    const words = ["-binary", "-inform", "DER", "-in", at("signature"), "-content", at("content")];
    words.push("-CAfile", at("anchors.pem"), "-no-CAstore", "-no-CApath", "-out", at("out"));
    words.push("-purpose", "any", "-x509_strict", "-auth_level", "2", "-attime", `${now.getTime() / 1000}`);
    words.push("-policy_check", "-partial_chain");
    if (requireCrl) words.push("-crl_check_all", "-extended_crl", "-use_deltas");
    execFileSync("openssl", ["cms", "-verify", ...words], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
