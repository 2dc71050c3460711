/** `node bsdiff-process.js SOURCE TARGET PATCH`: one patch by the addon bsdiff-node, then the end of the process. */
import { createRequire } from "node:module";

type Bsdiff = { diff: (source: string, target: string, patch: string) => Promise<void> };

/** Told apart from a crash by bsdiff-addon.ts. */
const ADDON_MISSING = 9;

const [source, target, patch] = process.argv.slice(2) as [string, string, string];
await load().diff(source, target, patch);

function load(): Bsdiff {
  try {
    return createRequire(import.meta.url)("bsdiff-node") as Bsdiff;
  } catch {
    process.exit(ADDON_MISSING);
  }
}
