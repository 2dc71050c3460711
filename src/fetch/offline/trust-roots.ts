/**
 * The trust roots that travel in an offline bundle, for devices that no source tells of newer ones.
 *
 * They are carried and not believed: a device may have slept since long before whatever this command was told, and
 * proves each of them by what it believes itself.
 */
import { trustRootName } from "../../format/trust-root/trust-root.ts";
import type { Source } from "../transfer/source.ts";
import { MAX_STEPS, readTrustRoot } from "../trust-root.ts";
import type { Assets } from "./choose-assets.ts";

/** An archive has room for 1100 members, and a release may have 966. */
const MAX_CARRIED = 64;

/** The newest ones, from the lowest version on. @throws like readTrustRoot */
export async function readTrustRoots(reading: {
  readonly sources: readonly Source[];
  readonly signal?: AbortSignal | undefined;
}): Promise<Assets["documents"]> {
  const found: Assets["documents"][] = [];
  for (let version = 1; version <= MAX_STEPS; version++) {
    const files = await readTrustRoot(version, reading);
    if (files === "absent") break;
    const name = trustRootName(version);
    found.push([
      { name, bytes: files.content, believed: false },
      { name: `${name}.p7s`, bytes: files.signature, believed: false },
    ]);
  }
  return found.slice(-MAX_CARRIED).flat();
}
