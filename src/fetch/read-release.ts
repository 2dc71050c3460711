/**
 * The two documents that prove a release, in the fewest bytes: what the device keeps is not fetched again.
 *
 *   signature, unless unchanged -> which manifest it signed -> the kept one | the kept one patched | the whole
 *
 * Nothing here is believed: whoever asked verifies signature and manifest, however they came together.
 */
import { ThemisError } from "../base/error.ts";
import { LOG_PROOF, MAX_LOG_PROOF_BYTES } from "../format/log/log-proof.ts";
import { manifestKind } from "../format/manifest/manifest.ts";
import {
  applyManifestPatch,
  LEAST_PATCHED_BYTES,
  MAX_MANIFEST_PATCH_BYTES,
  manifestPatchName,
} from "../format/manifest/manifest-patch.ts";
import { contentSignedBy } from "../trust/signed-digest.ts";
import type { VerifiedRelease } from "../trust/verify-release.ts";
import { MAX_SIGNATURE_BYTES } from "../trust/verify-signature.ts";
import { FetchError } from "./fetch-error.ts";
import type { Source } from "./transfer/source.ts";

export const MANIFEST = "manifest.json";
export const SIGNATURE = "manifest.json.p7s";

/** The release that a device believed last, and what its source called it then. */
export type KeptRelease = {
  readonly manifest: Uint8Array;
  readonly signature: Uint8Array;
  /** A source's name, and the folder below it. */
  readonly source: string;
  readonly folder: string;
  /** Of the signature there; "" when the source does not say. */
  readonly etag: string;
};

/** The same, proven by this process: only such a one is kept. */
export type ProvenRelease = Omit<KeptRelease, "manifest" | "signature"> & VerifiedRelease["documents"];

export type ReleaseDocuments = Pick<KeptRelease, "manifest" | "signature" | "etag"> & {
  /** "unchanged" when the source did not send them again: what was kept stands for them. */
  readonly kind: "read" | "unchanged";
  readonly bytesFetched: number;
};

export type Reading = {
  readonly kept: KeptRelease | undefined;
  /** Of `kept`, when it was read at this very place; "" asks for the signature in any case. */
  readonly etag: string;
  readonly signal?: AbortSignal | undefined;
  /** What came before was wrong: caches on the way are passed by. */
  readonly fresh?: boolean;
};

/** A release page may be switched between two requests: then both are read again, so many times in all. */
const ATTEMPTS = 3;

/** @returns "absent" when there is no signature. @throws FetchError SOURCE_*, ASSET_SIZE; TrustError SIGNATURE_MALFORMED */
export async function readRelease(source: Source, reading: Reading): Promise<ReleaseDocuments | "absent"> {
  const { kept, etag: known, signal } = reading;
  let bytesFetched = 0;
  for (let attempt = 1; ; attempt++) {
    const fresh = reading.fresh === true || attempt > 1;
    const signature = await source.readAll(SIGNATURE, MAX_SIGNATURE_BYTES, { signal, known, fresh });
    if (signature === "absent") return "absent";
    if (signature === "unchanged") {
      if (kept && known !== "") return { ...kept, kind: "unchanged", bytesFetched };
      throw new FetchError("SOURCE_STATUS", `${source.name} answered 304 and was not asked for that`);
    }
    bytesFetched += signature.bytes.length;
    const isSigned = contentSignedBy(signature.bytes);
    const read = await readManifest(source, kept?.manifest, isSigned, { signal, fresh });
    bytesFetched += read.bytesFetched;
    // The last attempt is shown to the verifier as it is.
    if (read.isSigned || attempt === ATTEMPTS) {
      const { manifest } = read;
      return { kind: "read", manifest, signature: signature.bytes, etag: signature.etag, bytesFetched };
    }
  }
}

/** What a transparency log says of the release; undefined when the source has nothing of that. @throws FetchError SOURCE_*, ASSET_SIZE */
export async function readLogProof(
  source: Source,
  asking: Pick<Reading, "signal" | "fresh">,
): Promise<Uint8Array | undefined> {
  const found = await source.readAll(LOG_PROOF, MAX_LOG_PROOF_BYTES, asking);
  return typeof found === "string" ? undefined : found.bytes;
}

type ReadManifest = {
  readonly manifest: Uint8Array;
  readonly isSigned: boolean;
  readonly bytesFetched: number;
};

async function readManifest(
  source: Source,
  kept: Uint8Array | undefined,
  isSigned: (content: Uint8Array) => boolean,
  asking: { readonly signal: AbortSignal | undefined; readonly fresh: boolean },
): Promise<ReadManifest> {
  let bytesFetched = 0;
  if (kept) {
    if (isSigned(kept)) return { manifest: kept, isSigned: true, bytesFetched };
    const patched = await readPatched(source, kept, asking.signal);
    bytesFetched += patched.bytesFetched;
    if (patched.manifest && isSigned(patched.manifest))
      return { manifest: patched.manifest, isSigned: true, bytesFetched };
  }
  const whole = await source.readAll(MANIFEST, manifestKind.maxBytes, asking);
  if (typeof whole === "string") {
    throw new FetchError("SOURCE_STATUS", `the release at ${source.name} has no ${MANIFEST}`, {
      facts: { status: 404 },
      hint: "the source is incomplete: publish the release again",
    });
  }
  const { bytes: manifest } = whole;
  return { manifest, isSigned: isSigned(manifest), bytesFetched: bytesFetched + manifest.length };
}

/** Nobody waits longer for what nobody needs. */
const PATCH_MS = 20_000;

/** A patch that is missing, wrong or hostile costs its own bytes. @throws the signal's reason, the source's errors */
async function readPatched(
  source: Source,
  kept: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<{ readonly manifest?: Uint8Array; readonly bytesFetched: number }> {
  if (kept.length < LEAST_PATCHED_BYTES) return { bytesFetched: 0 };
  let bytesFetched = 0;
  const hurry = AbortSignal.timeout(PATCH_MS);
  const either = signal ? AbortSignal.any([signal, hurry]) : hurry;
  try {
    const asking = { signal: either, attempts: 1 };
    const patch = await source.readAll(manifestPatchName(kept), MAX_MANIFEST_PATCH_BYTES, asking);
    if (typeof patch === "string") return { bytesFetched };
    bytesFetched = patch.bytes.length;
    return { manifest: await applyManifestPatch(kept, patch.bytes), bytesFetched };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ThemisError) && !hurry.aborted) throw error;
    return { bytesFetched };
  }
}
