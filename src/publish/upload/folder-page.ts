/**
 * A folder as a release page: every release in a folder of its own, `latest` naming the offered one.
 *
 *   PAGE/1.5.0/manifest.json ...     complete before it has its name (one rename)
 *   PAGE/latest -> 1.5.0             switched last, by renaming a new link over the old one
 *
 * Served by any web server. Publishing the same bundle again does nothing; another bundle under a
 * version that is already there is refused, because devices may hold parts of the first.
 */
import { constants, copyFile, mkdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { syncFile, syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { systemCode } from "../../base/error.ts";
import { decodeManifest } from "../../format/manifest/manifest.ts";
import { assetNames, type OpenBundle } from "../bundle.ts";
import { PublishError } from "../publish-error.ts";

export type FolderPublication = {
  readonly location: string;
  readonly assets: number;
  /** False when the page already had exactly this release. */
  readonly changed: boolean;
};

/** @throws PublishError PAGE_CONFLICT, OUTPUT_FAILED */
export async function publishToFolder(bundle: OpenBundle, page: string): Promise<FolderPublication> {
  const { version } = bundle.manifest;
  const location = join(page, version);
  const assets = assetNames(bundle.manifest);
  try {
    const there = await readFile(join(location, "manifest.json")).catch(() => undefined);
    if (there && !there.equals(bundle.manifestBytes)) {
      throw new PublishError("PAGE_CONFLICT", `${location} holds another release of the version ${version}`, {
        hint: "a published version never changes: build under a new version",
      });
    }
    if (!there) await copyRelease(bundle.folder, assets, page, version);
    const signed = there ? await replaceSignature(bundle, location) : false;
    const offered = await offer(page, version, bundle.manifest.sequence);
    return { location, assets: assets.length, changed: !there || signed || offered };
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined || cause instanceof PublishError) throw cause;
    throw new PublishError("OUTPUT_FAILED", `publishing to ${page} failed (${code})`, { cause });
  }
}

/** The same manifest signed anew (the signer had expired): only the signature changes. */
async function replaceSignature(bundle: OpenBundle, location: string): Promise<boolean> {
  const path = join(location, "manifest.json.p7s");
  const there = await readFile(path).catch(() => undefined);
  if (!bundle.signature || there?.equals(bundle.signature)) return false;
  await writeFileAtomically(path, bundle.signature);
  return true;
}

async function copyRelease(
  folder: string,
  assets: readonly string[],
  page: string,
  version: string,
): Promise<void> {
  const growing = join(page, `.${version}.part-${process.pid}`);
  await mkdir(page, { recursive: true });
  await rm(growing, { recursive: true, force: true });
  await mkdir(growing);
  try {
    for (const asset of assets) {
      await copyFile(join(folder, asset), join(growing, asset), constants.COPYFILE_FICLONE);
      await syncFile(join(growing, asset));
    }
    syncFolder(growing);
    await rename(growing, join(page, version));
    syncFolder(page);
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    throw error;
  }
}

/** Offers the release unless a newer one is offered already. */
async function offer(page: string, version: string, sequence: number): Promise<boolean> {
  const link = join(page, "latest");
  const now = await readlink(link).catch(() => undefined);
  if (now === version) return false;
  if (now !== undefined) {
    const current = await readFile(join(link, "manifest.json")).catch(() => undefined);
    if (current && decodeManifest(current).sequence > sequence) return false;
  }
  const beside = join(page, `.latest.part-${process.pid}`);
  await rm(beside, { force: true });
  await symlink(version, beside);
  await rename(beside, link);
  syncFolder(page);
  return true;
}
