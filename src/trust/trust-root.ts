/**
 * What a believed trust root demands, and which one may follow it (TUF, 5.3).
 *
 *   version 1      pinned as it is, or signed by the pinned anchors and by its own root role
 *   version n + 1  signed by the root role of n, and by its own: neither the old keys nor the new ones alone can do it
 *
 * Certificates end, and a device may sleep through that: who signs for a role is judged as of when the trust root says that
 * it was issued, and who signs for the pin as of now. What holds for now is `expires`, of the newest one alone, and revocation lists, which have no past.
 */
import { sha256 } from "../base/digest.ts";
import { ThemisError } from "../base/error.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import {
  type AnchorEntry,
  certificateOf,
  decodeTrustRoot,
  ROLE_NAMES,
  type RoleName,
  type TrustRootDocument,
} from "../format/trust-root/trust-root.ts";
import { readTrustAnchors, type TrustAnchor } from "./anchor.ts";
import { ReleaseError } from "./release-error.ts";
import { distinct } from "./threshold.ts";
import { TrustError } from "./trust-error.ts";
import { policyOf, type TrustPolicy } from "./trust-policy.ts";
import { markVerified, type Verified } from "./verified.ts";
import {
  type ForEachRequest,
  type SignatureReport,
  type TimedPolicy,
  verifyForEach,
} from "./verify-signature.ts";
import { verifyInThread } from "./verify-thread.ts";

/** Read, and not believed for that. */
export type TrustRoot = {
  readonly document: TrustRootDocument;
  /** Of its bytes. */
  readonly sha256: string;
  /** By the digest that roles name them by. */
  readonly anchors: ReadonlyMap<string, TrustAnchor>;
  readonly revoked: readonly TrustAnchor[];
};

/** As they lie at a source. */
export type TrustRootFiles = { readonly content: Uint8Array; readonly signature: Uint8Array };

/** The moment, and the lists that the caller brings. They can revoke; none is required of those who sign for a role. */
export type ProofTools = Pick<TrustPolicy, "crls"> & { readonly now: Date };

export type ProvenTrustRoot = { readonly root: Verified<TrustRoot>; readonly report: SignatureReport };

/** @throws TrustError TRUST_ROOT_MALFORMED */
export function readTrustRoot(content: Uint8Array): TrustRoot {
  return refusingMalformed(() => {
    const document = decodeTrustRoot(content);
    const anchors = new Map(document.anchors.map((entry) => [entry.sha256_hash, anchorOf(entry)]));
    const revoked = document.revoked.map(anchorOf);
    for (const name of ROLE_NAMES) {
      const { anchors: digests, anchor_threshold: least } = document.roles[name];
      const own = digests.map((digest) => anchors.get(digest)!.certificate);
      // Nobody could ever sign for such a role, and for the role root that would be for ever.
      if (distinct(own).length < least)
        throw malformed(`the role ${name} wants more anchors than differ in key and name`);
    }
    const revokedKeys = new Set(revoked.map(keyOf));
    const dead = [...anchors.values()].find((anchor) => revokedKeys.has(keyOf(anchor)));
    if (dead !== undefined) throw malformed(`the anchor ${dead.subject} has a role, and its key is revoked`);
    return { document, sha256: sha256(content), anchors, revoked };
  });
}

/** Brought here by a way that is trusted, or kept in this device's own records. @throws TrustError TRUST_ROOT_MALFORMED */
export function pinnedTrustRoot(content: Uint8Array): Verified<TrustRoot> {
  return markVerified(readTrustRoot(content));
}

/**
 * The first one, of a place that is not trusted.
 *
 * @param pinned what it takes to be believed besides its own root role
 * @throws TrustError
 */
export function proveFirstTrustRoot(files: TrustRootFiles, pinned: TrustPolicy, now: Date): ProvenTrustRoot {
  return proven(firstProof(files, pinned, now));
}

/** The same, by the thread. @throws TrustError */
export function proveFirstInThread(
  files: TrustRootFiles,
  pinned: TrustPolicy,
  now: Date,
): Promise<ProvenTrustRoot> {
  return provenInThread(firstProof(files, pinned, now));
}

/** @throws TrustError */
export function proveNextTrustRoot(
  before: Verified<TrustRoot>,
  files: TrustRootFiles,
  tools: ProofTools,
): ProvenTrustRoot {
  return proven(nextProof(before, files, tools));
}

/** The same, by the thread. @throws TrustError */
export async function proveNextInThread(
  before: Verified<TrustRoot>,
  files: TrustRootFiles,
  tools: ProofTools,
): Promise<ProvenTrustRoot> {
  return provenInThread(nextProof(before, files, tools));
}

/** What was read, and who must have signed it. */
type Proof = { readonly root: TrustRoot; readonly request: ForEachRequest };

/**
 * Whoever holds a pinned anchor's signer could write `issued` into its past, and a signer whose certificate is over, or
 * whom no list vouches for where one must, would rule new devices for good: for the pin it is as of now.
 */
function firstProof(files: TrustRootFiles, pinned: TrustPolicy, now: Date): Proof {
  const root = readTrustRoot(files.content);
  const { version } = root.document;
  if (version !== 1) throw wrongVersion(`the first trust root has version ${version} and not 1`, version, 1);
  const { anchors, threshold, anchorThreshold, crls, requireCrl, timestampAnchors } = pinned;
  const pin = { anchors, threshold, anchorThreshold, crls, requireCrl, timestampAnchors };
  return { root, request: { ...files, now, policies: [pin, rootRole(root, root, { crls })] } };
}

function nextProof(before: Verified<TrustRoot>, files: TrustRootFiles, { crls, now }: ProofTools): Proof {
  const root = readTrustRoot(files.content);
  checkSuccession(before.document, root.document);
  checkNotWeaker(before, root);
  const policies = [rootRole(before, root, { crls }), rootRole(root, root, { crls })];
  return { root, request: { ...files, now, policies } };
}

/**
 * That enough have signed of those whom it names itself. Says nothing of who they are: for a publisher, never for a device.
 *
 * @throws TrustError
 */
export function checkOwnRole(files: TrustRootFiles): TrustRoot {
  const root = readTrustRoot(files.content);
  verifyForEach({ ...files, now: new Date(root.document.issued), policies: [rootRole(root, root, {})] });
  return root;
}

/** @param timeMs the later of the clock and what the device has seen @throws TrustError TRUST_ROOT_EXPIRED */
export function checkNotExpired({ document }: TrustRoot, timeMs: number): void {
  const { version, expires } = document;
  if (timeMs <= Date.parse(expires)) return;
  throw new TrustError(
    "TRUST_ROOT_EXPIRED",
    `the trust root ${version} expired on ${expires}, and there is no newer one`,
    {
      facts: { version, expires },
      hint: "the publisher must sign the next one, the source is out of date, or this device's clock is wrong",
    },
  );
}

/**
 * What a role demands, on top of what the caller does: of two thresholds the larger, and of products the caller's, if
 * it has one.
 *
 * @param base its anchors are not asked any more @throws ReleaseError PRODUCT_MISMATCH
 */
export function policyFor(
  root: Verified<TrustRoot>,
  name: RoleName,
  base: Omit<TrustPolicy, "anchors">,
): TrustPolicy {
  return demandsOf(root, name, base);
}

/** A release's sequence is asked where its freshness is. @throws ReleaseError PRODUCT_MISMATCH */
export function checkAgainstTrustRoot(
  { product: found }: Pick<Manifest, "product">,
  { product = "" }: Pick<TrustPolicy, "product">,
): void {
  if (product === "" || found === product) return;
  throw new ReleaseError("PRODUCT_MISMATCH", `the release is of ${found}, the trust root of ${product}`);
}

/** What is settled stays settled, whoever signs. @throws TrustError TRUST_ROOT_WEAKER */
export function checkNotWeaker(before: TrustRoot, next: TrustRoot): void {
  const [old, fresh] = [before.document, next.document];
  if (fresh.product !== old.product)
    throw weaker(fresh, `it is of ${fresh.product} and not of ${old.product}`);
  if (fresh.issued < old.issued) throw weaker(fresh, "it says that it was issued before the one it follows");
  if (fresh.min_sequence < old.min_sequence)
    throw weaker(
      fresh,
      `it allows releases from ${fresh.min_sequence} on, and ${old.min_sequence} is settled`,
    );
  for (const { subject, fingerprintSha256 } of before.revoked) {
    if (next.revoked.some((each) => each.fingerprintSha256 === fingerprintSha256)) continue;
    throw weaker(fresh, `it takes back the revocation of ${subject}`);
  }
}

/** @throws TrustError TRUST_ROOT_OLDER, TRUST_ROOT_VERSION */
function checkSuccession(before: TrustRootDocument, { version }: TrustRootDocument): void {
  const wanted = before.version + 1;
  if (version < wanted) {
    throw new TrustError(
      "TRUST_ROOT_OLDER",
      `the trust root has version ${version}, and ${before.version} is believed already`,
      { facts: { version, believed: before.version } },
    );
  }
  if (version > wanted)
    throw wrongVersion(`the trust root has version ${version} in the place of ${wanted}`, version, wanted);
}

/** @param signed the one that is to be proven: who signs it is judged as of when it was issued */
function rootRole(
  root: TrustRoot,
  { document: { issued } }: TrustRoot,
  lists: Pick<TrustPolicy, "crls">,
): TimedPolicy {
  return { ...demandsOf(root, "root", lists), validAt: [new Date(issued)] };
}

function demandsOf(root: TrustRoot, name: RoleName, base: Omit<TrustPolicy, "anchors">): TrustPolicy {
  const { document, anchors, revoked } = root;
  const role = document.roles[name];
  // A client for one product has it compiled in, and follows no root to another one.
  if (base.product) checkAgainstTrustRoot({ product: base.product }, document);
  return {
    ...policyOf({ ...base, anchors: [] }),
    anchors: role.anchors.map((digest) => anchors.get(digest)!),
    threshold: Math.max(role.threshold, base.threshold ?? 1),
    anchorThreshold: Math.max(role.anchor_threshold, base.anchorThreshold ?? 1),
    signerUsage: role.extended_key_usage,
    signerPolicy: role.certificate_policy,
    revoked,
    product: document.product,
    minSequence: document.min_sequence,
    trustRoot: undefined,
  };
}

function proven({ root, request }: Proof): ProvenTrustRoot {
  return { root: markVerified(root), report: verifyForEach(request) };
}

async function provenInThread({ root, request }: Proof): Promise<ProvenTrustRoot> {
  const report = await verifyInThread(request);
  return { root: markVerified(root), report };
}

function anchorOf(entry: AnchorEntry): TrustAnchor {
  const [anchor] = readTrustAnchors(certificateOf(entry));
  // PEM in base64 is another spelling of the same.
  if (anchor?.fingerprintSha256 === entry.sha256_hash) return anchor;
  throw malformed("an anchor is no certificate in DER");
}

function keyOf({ certificate }: TrustAnchor): string {
  return sha256(certificate.spki);
}

/** Whatever is wrong with the document is one thing to a device; the cause says which. */
function refusingMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ThemisError)) throw error;
    throw malformed(error.message, error);
  }
}

function malformed(why: string, cause?: unknown): TrustError {
  const text = why.startsWith("the trust root ") ? why : `the trust root cannot be used: ${why}`;
  return new TrustError("TRUST_ROOT_MALFORMED", text, { cause });
}

function wrongVersion(message: string, version: number, wanted: number): TrustError {
  return new TrustError("TRUST_ROOT_VERSION", message, {
    facts: { version, wanted },
    hint: "each version is read and proven, and none is left out",
  });
}

function weaker({ version }: TrustRootDocument, why: string): TrustError {
  return new TrustError("TRUST_ROOT_WEAKER", `the trust root ${version} may not follow: ${why}`, {
    facts: { version },
  });
}
