/** A bundle folder opened again: its documents read, its assets compared with what the manifest says of them. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { systemCode, withHint } from "../base/error.ts";
import { InputError, openRegularFile, readRegularFile } from "../base/input-file.ts";
import { LOG_PROOF, MAX_LOG_PROOF_BYTES } from "../format/log/log-proof.ts";
import { PIECE_BYTES } from "../format/manifest/blob.ts";
import {
  checkAgainstManifest,
  type DeltaManifest,
  decodeDeltaManifest,
} from "../format/manifest/delta-manifest.ts";
import { decodeManifest, type Manifest, manifestKind, type Pack } from "../format/manifest/manifest.ts";
import { PublishError } from "./publish-error.ts";

export type OpenBundle = {
  readonly folder: string;
  readonly manifestBytes: Uint8Array;
  readonly manifest: Manifest;
  /** undefined as long as nobody has signed. */
  readonly signature: Uint8Array | undefined;
  /** Of a transparency log; undefined where the release is in none. */
  readonly logProof: Uint8Array | undefined;
  readonly deltaManifests: readonly DeltaManifest[];
};

const MAX_SIGNATURE_BYTES = 64 * 1024;

const BUILD_AGAIN =
  "the bundle was changed after it was built: build it again, or copy it again from where it was built";

/** @throws PublishError BUNDLE_MISSING, BUNDLE_INCOMPLETE; JsonError, DocumentError, PathError */
export async function openBundle(folder: string): Promise<OpenBundle> {
  const manifestBytes = await readDocument(folder, "manifest.json", manifestKind.maxBytes);
  if (!manifestBytes) {
    throw new PublishError("BUNDLE_MISSING", `there is no bundle in ${folder}: it holds no manifest.json`);
  }
  const manifest = readable(() => decodeManifest(manifestBytes));
  const deltaManifests: DeltaManifest[] = [];
  for (const reference of manifest.delta_manifests) {
    const bytes = await readDocument(folder, reference.asset, reference.size_bytes);
    if (!bytes || bytes.length !== reference.size_bytes || sha256(bytes) !== reference.sha256_hash) {
      throw new PublishError(
        "BUNDLE_INCOMPLETE",
        `${reference.asset} is missing or differs from what the manifest says`,
        { facts: { asset: reference.asset }, hint: BUILD_AGAIN },
      );
    }
    const document = readable(() => decodeDeltaManifest(bytes));
    checkAgainstManifest(document, reference.from_version, manifest);
    deltaManifests.push(document);
  }
  const signature = await readDocument(folder, "manifest.json.p7s", MAX_SIGNATURE_BYTES);
  const logProof = await readDocument(folder, LOG_PROOF, MAX_LOG_PROOF_BYTES);
  return { folder, manifestBytes, manifest, signature, logProof, deltaManifests };
}

/** Every pack, byte for byte. @throws PublishError BUNDLE_INCOMPLETE */
export async function checkPacks(bundle: OpenBundle, signal?: AbortSignal): Promise<void> {
  for (const pack of bundle.manifest.packs) await checkPack(bundle.folder, pack, signal);
}

/** The names of all assets, in the order in which a page may show them: the manifest's signature last. */
export function assetNames(manifest: Manifest): readonly string[] {
  return [
    ...manifest.packs.map(({ asset }) => asset),
    ...manifest.delta_manifests.map(({ asset }) => asset),
    "manifest.json",
    "manifest.json.p7s",
  ];
}

async function checkPack(folder: string, pack: Pack, signal?: AbortSignal): Promise<void> {
  const fail = (why: string, cause?: unknown): never => {
    throw new PublishError("BUNDLE_INCOMPLETE", `${pack.asset} ${why}`, {
      cause,
      facts: { asset: pack.asset },
      hint: BUILD_AGAIN,
    });
  };
  const { file, size } = await openRegularFile(join(folder, pack.asset)).catch((cause: unknown) =>
    fail(
      cause instanceof InputError ? "is not a regular file" : `cannot be read (${systemCode(cause)})`,
      cause,
    ),
  );
  try {
    if (size !== pack.size_bytes) fail(`has ${size} bytes, the manifest says ${pack.size_bytes}`);
    const whole = createHash("sha256");
    let piece = 0;
    for await (const chunk of file.createReadStream({
      highWaterMark: PIECE_BYTES,
      // Never a byte more than was promised, even when the file grows.
      end: pack.size_bytes - 1,
      autoClose: false,
      ...(signal && { signal }),
    })) {
      if (sha256(chunk as Buffer) !== pack.pieces[piece]) fail(`differs from the manifest in piece ${piece}`);
      whole.update(chunk as Buffer);
      piece++;
    }
    if (whole.digest("hex") !== pack.sha256_hash) fail("differs from the digest in the manifest");
  } finally {
    await file.close();
  }
}

/** What cannot be read in a bundle was not written by `build`. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw withHint(error, { JSON_MALFORMED: BUILD_AGAIN, JSON_NOT_CANONICAL: BUILD_AGAIN });
  }
}

async function readDocument(folder: string, name: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const path = join(folder, name);
  try {
    return await readRegularFile(path, maxBytes);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    if (cause instanceof InputError) {
      const why =
        cause.code === "FILE_TOO_LARGE" ? `has more than ${maxBytes} bytes` : "is not a regular file";
      throw new PublishError("BUNDLE_INCOMPLETE", `${name} ${why}`, { cause, hint: BUILD_AGAIN });
    }
    if (systemCode(cause) === undefined) throw cause;
    throw new PublishError("BUNDLE_MISSING", `${path} cannot be read (${systemCode(cause)})`, { cause });
  }
}
