/**
 * A channel document on the publisher's disk, and on a release page.
 *
 *   channel-stable.json, channel-stable.json.p7s                   where it is changed
 *   PAGE/channels/channel-stable.json, channel-stable.json.p7s     where devices look
 *
 * A signature is made before anything is written, and a document that is changed without one loses the old one: it
 * would be one of another document.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { sha256 } from "../../base/digest.ts";
import { systemCode, withHint } from "../../base/error.ts";
import { InputError, readRegularFile } from "../../base/input-file.ts";
import {
  type Channel,
  channelAssets,
  decodeChannel,
  encodeChannel,
  MAX_CHANNEL_BYTES,
} from "../../format/channel/channel.ts";
import { manifestKind } from "../../format/manifest/manifest.ts";
import type { TrustPolicy } from "../../trust/trust-policy.ts";
import { verifyChannel } from "../../trust/verify-channel.ts";
import { NOTHING_TRUSTED } from "../../trust/verify-release.ts";
import { checkSignedContent, MAX_SIGNATURE_BYTES } from "../../trust/verify-signature.ts";
import { PublishError } from "../publish-error.ts";

export type ChannelFile = {
  readonly document: Channel;
  readonly bytes: Uint8Array;
  /** undefined as long as nobody has signed. */
  readonly signature: Uint8Array | undefined;
};

/** @throws PublishError CHANNEL_UNREADABLE; JsonError, DocumentError */
export async function readChannelFile(path: string): Promise<ChannelFile> {
  const bytes = await readPart(path, MAX_CHANNEL_BYTES);
  if (!bytes) {
    throw new PublishError("CHANNEL_UNREADABLE", `there is no channel document ${path}`, {
      hint: "themis-bundle channel create makes one",
    });
  }
  return {
    document: decodeChannel(bytes),
    bytes,
    signature: await readPart(`${path}.p7s`, MAX_SIGNATURE_BYTES),
  };
}

/** @param sign undefined leaves it unsigned. @returns the signature. @throws what `sign` throws, before anything is written */
export async function writeChannelFile(
  path: string,
  document: Channel,
  sign: ((bytes: Uint8Array) => Promise<Uint8Array>) | undefined,
): Promise<Uint8Array | undefined> {
  const bytes = encodeChannel(document);
  const signature = await sign?.(bytes);
  if (!signature) await rm(`${path}.p7s`, { force: true });
  await writeFileAtomically(path, bytes);
  if (signature) await writeFileAtomically(`${path}.p7s`, signature);
  return signature;
}

export type ChannelPublication = {
  readonly location: string;
  /** False when the page had exactly this document and signature. */
  readonly changed: boolean;
};

/**
 * Proven, newer than what is there, and offering only what the page has.
 *
 * @throws PublishError CHANNEL_REFUSED, OUTPUT_FAILED; TrustError; ReleaseError CHANNEL_EXPIRED
 */
export async function publishChannel(
  file: ChannelFile,
  page: string,
  proof: ChannelProof,
): Promise<ChannelPublication> {
  const { document, bytes } = file;
  const { channel, product, version } = document;
  const signature = await proveChannelFile(file, proof);
  const folder = join(page, "channels");
  const location = join(folder, channelAssets(channel).document);
  const there = await readPart(location, MAX_CHANNEL_BYTES);
  const known = there && readable(there);
  if (known && known.product !== product)
    throw new PublishError(
      "CHANNEL_REFUSED",
      `${location} is of ${known.product}, the document of ${product}`,
    );
  if (known && !there.equals(bytes) && known.version >= version) {
    throw new PublishError(
      "CHANNEL_REFUSED",
      `${location} has version ${known.version}, and devices would refuse version ${version}`,
      { hint: "change what is on the page: copy it from there and do it again" },
    );
  }
  const lost = known?.recalls.find(
    ({ version: of }) => !document.recalls.some((each) => each.version === of),
  );
  if (lost) {
    throw new PublishError(
      "CHANNEL_REFUSED",
      `${location} has recalled ${lost.version}, and this document knows nothing of that`,
      { hint: "change what is on the page: copy it from there and do it again" },
    );
  }
  await demandReleases(document, page);
  const before = await readPart(`${location}.p7s`, MAX_SIGNATURE_BYTES);
  if (there?.equals(bytes) && before?.equals(signature)) return { location, changed: false };
  try {
    await mkdir(folder, { recursive: true });
    await writeFileAtomically(location, bytes);
    await writeFileAtomically(`${location}.p7s`, signature);
    syncFolder(dirname(folder));
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new PublishError("OUTPUT_FAILED", `publishing to ${page} failed (${code})`, { cause });
  }
  return { location, changed: true };
}

export type ChannelProof = {
  /** Of the devices; undefined when nobody said what they pin. */
  readonly policy: TrustPolicy | undefined;
  readonly now: Date;
};

/** Signed, and good for now. @returns the signature @throws PublishError CHANNEL_REFUSED; TrustError; ReleaseError CHANNEL_EXPIRED */
export async function proveChannelFile(
  { document, bytes, signature }: ChannelFile,
  { policy, now }: ChannelProof,
): Promise<Uint8Array> {
  const { channel } = document;
  if (!signature) {
    throw new PublishError("CHANNEL_REFUSED", `the document of the channel ${channel} is not signed`, {
      hint: "themis-bundle channel sign FILE --key KEY --certificates CHAIN.pem",
    });
  }
  const request = { documentBytes: bytes, signatureBytes: signature, channel, now, trusted: NOTHING_TRUSTED };
  try {
    if (policy) await verifyChannel({ ...policy, ...request });
    else checkSignedContent({ content: bytes, signature, now });
  } catch (error) {
    const again = "sign it again: themis-bundle channel sign FILE --key KEY --certificates CHAIN.pem";
    throw withHint(error, {
      DIGEST_MISMATCH: again,
      SIGNATURE_INVALID: again,
      SIGNATURE_MALFORMED: again,
      SIGNER_EXPIRED: again,
    });
  }
  if (Date.parse(document.expires) > now.getTime()) return signature;
  throw new PublishError("CHANNEL_REFUSED", `the document expired on ${document.expires}`, {
    hint: "themis-bundle channel renew FILE --expires DATE",
  });
}

/** A device would ask for them and get a 404, or find another release. @throws PublishError CHANNEL_REFUSED */
async function demandReleases({ offers }: Channel, page: string): Promise<void> {
  for (const { version, manifest_sha256 } of offers.flatMap(({ releases }) => releases)) {
    const manifest = await readPart(join(page, version, "manifest.json"), manifestKind.maxBytes);
    if (manifest && sha256(manifest) === manifest_sha256) continue;
    throw new PublishError(
      "CHANNEL_REFUSED",
      `the page ${page} has ${manifest ? "another release" : "no release"} ${version} than the document offers`,
      { hint: "themis-bundle publish BUNDLE first" },
    );
  }
}

function readable(bytes: Uint8Array): Channel | undefined {
  try {
    return decodeChannel(bytes);
  } catch {
    return undefined;
  }
}

async function readPart(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readRegularFile(path, maxBytes);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (cause instanceof InputError) throw cause;
    if (code === undefined) throw cause;
    throw new PublishError("CHANNEL_UNREADABLE", `${path} cannot be read (${code})`, { cause });
  }
}
