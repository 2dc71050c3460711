/**
 * A folder as a release page: every release in a folder of its own, `latest` naming the offered one.
 *
 *   PAGE/1.5.0/manifest.json ...     complete before it has its name (one rename)
 *   PAGE/latest -> 1.5.0             switched last, by renaming a new link over the old one
 *
 * Served by any web server. Publishing the same bundle again does nothing; another bundle under a
 * version that is already there is refused, because devices may hold parts of the first.
 */
import { createReadStream } from "node:fs";
import {
  constants,
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from "node:fs/promises";
import { join } from "node:path";
import { syncFile, syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { sha256OfFile } from "../../base/digest.ts";
import { systemCode } from "../../base/error.ts";
import { decodeManifest, type Manifest } from "../../format/manifest/manifest.ts";
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
  const { version, product } = bundle.manifest;
  const location = join(page, version);
  const assets = assetNames(bundle.manifest);
  try {
    const releases = await readPage(page);
    const other = releases.find(({ manifest }) => manifest.product !== product);
    if (other) {
      throw new PublishError(
        "PAGE_CONFLICT",
        `${page} is the page of ${other.manifest.product}, the bundle is of ${product}`,
        { hint: "give each product a page of its own" },
      );
    }
    const there = await readFile(join(location, "manifest.json")).catch(() => undefined);
    if (there && !there.equals(bundle.manifestBytes)) {
      throw new PublishError("PAGE_CONFLICT", `${location} holds another release of the version ${version}`, {
        hint: "a published version never changes: build under a new version",
      });
    }
    if (!there) await copyRelease(bundle.folder, assets, page, version);
    const mended = there ? await mend(bundle, assets, location) : false;
    const offered = await offer(page, bundle.manifest, releases);
    return { location, assets: assets.length, changed: !there || mended || offered };
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined || cause instanceof PublishError) throw cause;
    throw new PublishError("OUTPUT_FAILED", `publishing to ${page} failed (${code})`, { cause });
  }
}

type Published = { readonly name: string; readonly manifest: Manifest };

/** The releases that are on the page; what is no release is somebody else's. */
async function readPage(page: string): Promise<Published[]> {
  const releases: Published[] = [];
  for (const entry of await readdir(page, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
    const bytes = await readFile(join(page, entry.name, "manifest.json")).catch(() => undefined);
    if (bytes) releases.push({ name: entry.name, manifest: decodeManifest(bytes) });
  }
  return releases;
}

/**
 * The same manifest again. Only the signature may be another (the signer had expired); an asset that was
 * lost or damaged on the page is put back, and the bundle's own has been proven by its digest.
 */
async function mend(bundle: OpenBundle, assets: readonly string[], location: string): Promise<boolean> {
  let changed = false;
  for (const asset of assets) {
    const [wanted, found] = [join(bundle.folder, asset), join(location, asset)];
    const digest = await sha256OfFile(found).catch(() => undefined);
    if (digest === (await sha256OfFile(wanted))) continue;
    await writeFileAtomically(found, createReadStream(wanted));
    changed = true;
  }
  return changed;
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

/** The newest release of the page is offered, whatever was published last. */
async function offer(page: string, manifest: Manifest, releases: readonly Published[]): Promise<boolean> {
  const newest = releases.reduce<Published>(
    (best, release) => (release.manifest.sequence > best.manifest.sequence ? release : best),
    { name: manifest.version, manifest },
  );
  const link = join(page, "latest");
  const now = await readlink(link).catch(() => undefined);
  if (now === newest.name) return false;
  const beside = join(page, `.latest.part-${process.pid}`);
  await rm(beside, { force: true });
  await symlink(newest.name, beside);
  await rename(beside, link);
  syncFolder(page);
  return true;
}
