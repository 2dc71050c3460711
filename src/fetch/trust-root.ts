/**
 * Whom this device believes, before anything of a release is asked: the newest trust root that it can prove.
 *
 *   remembered, or pinned, or the source's first  ->  n + 1  ->  n + 2  ...  ->  the source has no more
 *
 * Each is proven by the one before it and remembered before the next is asked for, so that a cut costs nothing that was
 * learned, and a source that goes back to old documents finds a device that does not. What a source holds back, the
 * expiry of the newest one ends.
 */
import { trustRootKind, trustRootName } from "../format/trust-root/trust-root.ts";
import { ReleaseError } from "../trust/release-error.ts";
import { TrustError } from "../trust/trust-error.ts";
import { policyOf, type TrustPolicy } from "../trust/trust-policy.ts";
import {
  checkNotExpired,
  checkNotWeaker,
  type ProvenTrustRoot,
  pinnedTrustRoot,
  policyFor,
  proveFirstInThread,
  proveNextInThread,
  type TrustRoot,
  type TrustRootFiles,
} from "../trust/trust-root.ts";
import type { Verified } from "../trust/verified.ts";
import type { TrustedState } from "../trust/verify-release.ts";
import { MAX_SIGNATURE_BYTES } from "../trust/verify-signature.ts";
import { FetchError } from "./fetch-error.ts";
import type { Source } from "./transfer/source.ts";

/** In one run; who has more to catch up with does so by the next. Ours: a document a day for three years. */
export const MAX_STEPS = 1024;

export type TrustSettling = {
  readonly policy: TrustPolicy;
  /** The best first; the others are asked when it cannot be reached. */
  readonly sources: readonly Source[];
  /** In the device's records; undefined as long as none was believed. */
  readonly remembered: Uint8Array | undefined;
  /** SHA-256 of the anchors by which the device came to it. */
  readonly origin?: readonly string[] | undefined;
  readonly trusted: TrustedState;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
  /** Told of each that is believed and was not remembered, before the next is asked for. */
  readonly remember?: ((root: Verified<TrustRoot>, content: Uint8Array) => Promise<void>) | undefined;
  readonly notice?: ((message: string) => void) | undefined;
};

export type SettledTrust = {
  /** undefined where nobody has wanted one: then the pinned anchors vouch for everything. */
  readonly root: Verified<TrustRoot> | undefined;
  readonly release: TrustPolicy;
  readonly channel: TrustPolicy;
};

/** @throws TrustError; ReleaseError PRODUCT_MISMATCH; FetchError SOURCE_*, ASSET_SIZE; what `remember` throws */
export async function settleTrust(settling: TrustSettling): Promise<SettledTrust> {
  const { policy } = settling;
  let root = await startingRoot(settling);
  if (root === undefined) return { root, release: policyOf(policy), channel: policyOf(policy) };
  for (let step = 0; step < MAX_STEPS; step++) {
    const files = await readTrustRoot(root.document.version + 1, settling);
    if (files === "absent") break;
    root = await believe(
      await proveNextInThread(root, files, { crls: policy.crls, now: timeOf(settling) }),
      files,
      settling,
    );
  }
  checkNotExpired(root, timeOf(settling).getTime());
  return { root, release: policyFor(root, "release", policy), channel: policyFor(root, "channel", policy) };
}

/** What is there to begin with. undefined when no trust root is wanted. */
async function startingRoot(settling: TrustSettling): Promise<Verified<TrustRoot> | undefined> {
  const { policy, remember } = settling;
  const remembered = settling.remembered && pinnedTrustRoot(settling.remembered);
  if (remembered) refuseForeign(settling);
  const pin = policy.trustRoot;
  if (pin?.kind === "document") {
    const pinned = pinnedTrustRoot(pin.content);
    if (remembered === undefined || isAhead(pinned, remembered)) {
      refuseOtherProduct(pinned, settling);
      await remember?.(pinned, pin.content);
      return pinned;
    }
  }
  if (remembered !== undefined || pin === undefined) return remembered;
  const files = await readTrustRoot(1, settling);
  if (files === "absent") {
    throw new TrustError("TRUST_ROOT_MISSING", `${settling.sources[0]!.name} has no ${trustRootName(1)}`, {
      hint: "themis-bundle root publish puts it there; a pinned one is named by --trust-root FILE",
    });
  }
  return believe(await proveFirstInThread(files, policy, timeOf(settling)), files, settling);
}

/** @throws TrustError TRUST_ROOT_FOREIGN */
function refuseForeign({ policy: { anchors, anchorsOnly }, origin = [] }: TrustSettling): void {
  if (!anchorsOnly || anchors.some(({ fingerprintSha256 }) => origin.includes(fingerprintSha256))) return;
  throw new TrustError(
    "TRUST_ROOT_FOREIGN",
    "the records hold a trust root that was begun by other anchors than the ones compiled in",
    {
      facts: { origin, anchors: anchors.map(({ fingerprintSha256 }) => fingerprintSha256) },
      hint: "another client has run here; install into an empty root, or remove .themis/state.db and run themis-fetch repair --rebuild-records",
    },
  );
}

/** A pin stays where it was put, and the device goes on: that it is older says nothing. @throws TrustError */
function isAhead(pinned: TrustRoot, remembered: TrustRoot): boolean {
  const { version } = pinned.document;
  if (version < remembered.document.version) return false;
  if (version > remembered.document.version) {
    checkNotWeaker(remembered, pinned);
    return true;
  }
  if (pinned.sha256 === remembered.sha256) return false;
  throw new TrustError(
    "TRUST_ROOT_VERSION",
    `the pinned trust root ${version} is another document than the one that this device believes`,
    { facts: { pinned: pinned.sha256, remembered: remembered.sha256 } },
  );
}

async function believe(
  { root, report }: ProvenTrustRoot,
  { content }: TrustRootFiles,
  settling: TrustSettling,
): Promise<Verified<TrustRoot>> {
  const { remember, notice } = settling;
  refuseOtherProduct(root, settling);
  await remember?.(root, content);
  const who = report.signers.map(({ subject }) => subject).join("; ");
  notice?.(`the trust root ${root.document.version} is believed, signed by ${who}`);
  return root;
}

/**
 * Before it is remembered: the anchors may vouch for other products' trust roots too, and one of those would be refused
 * for ever after.
 *
 * @throws ReleaseError PRODUCT_MISMATCH
 */
function refuseOtherProduct({ document: { product } }: TrustRoot, { trusted, policy }: TrustSettling): void {
  for (const own of [trusted.product, policy.product ?? ""]) {
    if (own === "" || own === product) continue;
    throw new ReleaseError("PRODUCT_MISMATCH", `the trust root is of ${product}, this device runs ${own}`);
  }
}

/** A clock that was set back does not make certificates good again. */
function timeOf({ now, trusted }: TrustSettling): Date {
  return new Date(Math.max(now.getTime(), trusted.latestTimeMs));
}

type Reading = Pick<TrustSettling, "sources" | "signal">;

/** @throws FetchError: of the first source, when none can be asked; TrustError TRUST_ROOT_MALFORMED without a signature */
export async function readTrustRoot(
  version: number,
  { sources, signal }: Reading,
): Promise<TrustRootFiles | "absent"> {
  const errors: unknown[] = [];
  let isAbsent = false;
  for (const source of sources) {
    try {
      // One that has none may be behind, or hide it: the others are asked too.
      const found = await readTrustRootAt(source, version, signal);
      if (found !== "absent") return found;
      isAbsent = true;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof FetchError)) throw error;
      errors.push(error);
    }
  }
  if (isAbsent) return "absent";
  throw errors[0];
}

/** Beside the releases, or, where a place has no beside, with the offered one. */
async function readTrustRootAt(
  source: Source,
  version: number,
  signal: AbortSignal | undefined,
): Promise<TrustRootFiles | "absent"> {
  const name = trustRootName(version);
  for (const folder of source.foldersOf("")) {
    const place = folder === "" ? source : source.at(folder);
    const content = await place.readAll(name, trustRootKind.maxBytes, { signal });
    if (typeof content === "string") continue;
    const signature = await place.readAll(`${name}.p7s`, MAX_SIGNATURE_BYTES, { signal });
    if (typeof signature === "string")
      throw new TrustError("TRUST_ROOT_MALFORMED", `the trust root ${name} at ${place.name} is not signed`);
    return { content: content.bytes, signature: signature.bytes };
  }
  return "absent";
}
