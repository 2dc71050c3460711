/**
 * A folder as a release page: every release in a folder of its own, `latest` naming the offered one.
 *
 *   PAGE/1.5.0/manifest.json ...     complete before it has its name (one rename)
 *   PAGE/1.5.0/manifest-*.patch      what makes its manifest of those of older releases on the page
 *   PAGE/1.5.0/manifest.json.tlog-proof     where the release is in a transparency log
 *   PAGE/latest -> 1.5.0             switched last, by renaming a new link over the old one
 *
 * Served by any web server. Publishing the same bundle again compares what lies there byte for byte, puts
 * back an asset that was damaged, and otherwise does nothing; another bundle under a version that is
 * already there is refused, because devices may hold parts of the first. `latest` names the release with
 * the highest sequence on the page, whatever was published last. One page, one product.
 */
import { constants, copyFile, mkdir, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { syncFile, syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { hashing, sha256OfFile, sha256OfPieces } from "../../base/digest.ts";
import { systemCode } from "../../base/error.ts";
import { InputError, openRegularFile, readRegularFile } from "../../base/input-file.ts";
import { LogError } from "../../format/log/log-error.ts";
import { decodeLogProof, LOG_PROOF, MAX_LOG_PROOF_BYTES } from "../../format/log/log-proof.ts";
import { decodeManifest, type Manifest, manifestKind } from "../../format/manifest/manifest.ts";
import { assetNames } from "../bundle.ts";
import type { SignedBundle } from "../prove-bundle.ts";
import { PublishError } from "../publish-error.ts";
import { addManifestPatches } from "./manifest-patches.ts";

export type FolderPublication = {
  readonly location: string;
  readonly assets: number;
  /** False when the page already had exactly this release. */
  readonly changed: boolean;
  /** Assets that were missing or damaged on the page and were put back. */
  readonly repaired: readonly string[];
  /** The version that `latest` names now. */
  readonly latest: string;
};

/** An asset and what the manifest says of it. */
type Asset = { readonly asset: string; readonly size_bytes: number; readonly sha256_hash: string };

/** @param bundle proven: nothing is asked of it again. @throws PublishError PAGE_CONFLICT, OUTPUT_FAILED */
export async function publishToFolder(bundle: SignedBundle, page: string): Promise<FolderPublication> {
  const { version, product, sequence } = bundle.manifest;
  const location = join(page, version);
  const assets = assetNames(bundle.manifest).length + (bundle.logProof ? 1 : 0);
  try {
    const releases = await releasesOn(page);
    const other = releases.find((each) => each.product !== product);
    if (other) {
      throw new PublishError(
        "PAGE_CONFLICT",
        `the page ${page} is of the product ${other.product}, the bundle is of ${product}`,
        { hint: "every product has a page of its own", facts: { page: other.product, bundle: product } },
      );
    }
    const there = await readThere(join(location, "manifest.json"), manifestKind.maxBytes);
    const isNew = there === undefined && !(await isThere(location));
    if (!isNew && !there?.equals(bundle.manifestBytes)) {
      throw new PublishError(
        "PAGE_CONFLICT",
        there
          ? `${location} holds another release of the version ${version}`
          : `${location} is there and its manifest.json is missing or not a file`,
        {
          hint: there
            ? "a published version never changes: build under a new version"
            : "look at what happened to the page; when nobody needs that folder, remove it and publish again",
        },
      );
    }
    if (isNew) await copyRelease(bundle, page);
    const older = releases.filter((each) => each.sequence < sequence).sort((a, b) => b.sequence - a.sequence);
    const patches = await addManifestPatches(
      location,
      older.map((each) => join(page, each.version)),
    );
    const repaired = isNew ? [] : await repair(bundle, location);
    const signed = isNew ? false : await replaceSignature(bundle, location);
    const logged = isNew ? false : await replaceLogProof(bundle, location);
    const { latest, moved } = await offer(page, [...releases, { version, sequence, product }]);
    const changed = isNew || repaired.length > 0 || signed || logged || moved || patches > 0;
    return { location, assets, changed, repaired, latest };
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new PublishError("OUTPUT_FAILED", `publishing to ${page} failed (${code})`, { cause });
  }
}

/** Puts back what differs from the manifest, one asset at a time. @returns their names */
async function repair({ folder, manifest }: SignedBundle, location: string): Promise<string[]> {
  const repaired: string[] = [];
  for (const asset of [...manifest.packs, ...manifest.delta_manifests]) {
    if (await isWhole(join(location, asset.asset), asset)) continue;
    const { file } = await openRegularFile(join(folder, asset.asset));
    try {
      const { pieces, digest } = hashing(file.createReadStream({ autoClose: false }));
      await writeFileAtomically(join(location, asset.asset), proven(pieces, digest, asset));
    } finally {
      await file.close();
    }
    repaired.push(asset.asset);
  }
  return repaired;
}

/** Fails at the end when the bytes were others, and then the file never takes its name. */
async function* proven(
  pieces: AsyncIterable<Uint8Array>,
  digest: () => string,
  asset: Asset,
): AsyncGenerator<Uint8Array> {
  yield* pieces;
  if (digest() !== asset.sha256_hash) throw changedMeanwhile(asset);
}

async function isWhole(path: string, { size_bytes, sha256_hash }: Asset): Promise<boolean> {
  try {
    const { file, size } = await openRegularFile(path);
    try {
      return (
        size === size_bytes &&
        (await sha256OfPieces(file.createReadStream({ autoClose: false, end: size - 1 }))) === sha256_hash
      );
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof InputError || systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** The same manifest signed anew (the signer had expired), or a signature that was damaged here. */
async function replaceSignature({ signature }: SignedBundle, location: string): Promise<boolean> {
  const path = join(location, "manifest.json.p7s");
  const there = await readThere(path, signature.length);
  if (there?.equals(signature)) return false;
  await writeFileAtomically(path, signature);
  return true;
}

/**
 * The log has grown, or the release was not in it before. Never by the proof of a smaller log: a device that has seen the
 * larger one would take it for a log that was rolled back.
 */
async function replaceLogProof({ logProof }: SignedBundle, location: string): Promise<boolean> {
  if (!logProof) return false;
  const path = join(location, LOG_PROOF);
  const there = await readThere(path, MAX_LOG_PROOF_BYTES);
  if (there?.equals(logProof) || sizeOfLog(there) > decodeLogProof(logProof).checkpoint.size) return false;
  await writeFileAtomically(path, logProof);
  return true;
}

/** 0 for what is no proof: it is replaced by one. */
function sizeOfLog(proof: Uint8Array | undefined): number {
  try {
    return proof ? decodeLogProof(proof).checkpoint.size : 0;
  } catch (error) {
    if (error instanceof LogError) return 0;
    throw error;
  }
}

async function copyRelease(bundle: SignedBundle, page: string): Promise<void> {
  const { folder, manifest, manifestBytes, signature } = bundle;
  const growing = join(page, `.${manifest.version}.part-${process.pid}`);
  await mkdir(page, { recursive: true });
  await rm(growing, { recursive: true, force: true });
  await mkdir(growing);
  try {
    for (const asset of [...manifest.packs, ...manifest.delta_manifests]) {
      const copy = join(growing, asset.asset);
      await copyFile(join(folder, asset.asset), copy, constants.COPYFILE_FICLONE);
      // Somebody may have written into the bundle since it was proven.
      if ((await sha256OfFile(copy)) !== asset.sha256_hash) throw changedMeanwhile(asset);
      await syncFile(copy);
    }
    // From memory: exactly the bytes whose signature was checked.
    await writeFileAtomically(join(growing, "manifest.json"), manifestBytes);
    await writeFileAtomically(join(growing, "manifest.json.p7s"), signature);
    if (bundle.logProof) await writeFileAtomically(join(growing, LOG_PROOF), bundle.logProof);
    syncFolder(growing);
    await rename(growing, join(page, manifest.version));
    syncFolder(page);
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    throw error;
  }
}

type Release = Pick<Manifest, "version" | "product" | "sequence">;

/** What the page holds; a folder whose manifest cannot be read is nobody's release. */
async function releasesOn(page: string): Promise<Release[]> {
  const entries = await readdir(page, { withFileTypes: true }).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  });
  const found: Release[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
    const bytes = await readThere(join(page, entry.name, "manifest.json"), manifestKind.maxBytes);
    const manifest = bytes && readable(bytes);
    if (manifest?.version === entry.name) found.push(manifest);
  }
  return found;
}

function readable(bytes: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(bytes);
  } catch {
    return undefined;
  }
}

/** Offers the release with the highest sequence; of two with one sequence, the later in the list. */
async function offer(
  page: string,
  releases: readonly Release[],
): Promise<{ readonly latest: string; readonly moved: boolean }> {
  const { version } = releases.reduce((best, each) => (each.sequence >= best.sequence ? each : best));
  const link = join(page, "latest");
  if ((await readlink(link).catch(() => undefined)) === version) return { latest: version, moved: false };
  const beside = join(page, `.latest.part-${process.pid}`);
  await rm(beside, { force: true });
  await symlink(version, beside);
  await rename(beside, link);
  syncFolder(page);
  return { latest: version, moved: true };
}

/** A file of the page, or undefined when it is missing or nothing that could be one of ours. */
async function readThere(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readRegularFile(path, maxBytes);
  } catch (error) {
    if (error instanceof InputError || systemCode(error) === "ENOENT") return undefined;
    if (systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    (error: unknown) => systemCode(error) !== "ENOENT",
  );
}

function changedMeanwhile({ asset }: Asset): PublishError {
  return new PublishError("BUNDLE_INCOMPLETE", `${asset} changed while the bundle was published`, {
    facts: { asset },
    hint: "let nothing write into the bundle, then publish again",
  });
}
