/**
 * Patches by the optional addon bsdiff-node, which is Debian's bsdiff in a library: an alternative, and the
 * oracle of our tests. It only ever generates: its own apply overruns the heap on a negative length.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ThemisError } from "../../base/error.ts";
import { mebibytes, overLimit } from "../../format/delta/memory-limit.ts";

export type AddonJob = {
  readonly sourcePath: string;
  readonly targetPath: string;
  /** In bytes. */
  readonly memoryLimit?: number;
};

/** Exit status of bsdiff-process.ts when the addon cannot be loaded. */
const ADDON_MISSING = 9;
/** Two arrays of 64-bit numbers, and the source itself. */
const SOURCE_COPIES = 17;

/** @throws ThemisError DIFF_ENGINE_MISSING, DIFF_FAILED, DIFF_TOO_LARGE */
export async function createByAddon({ sourcePath, targetPath, memoryLimit }: AddonJob): Promise<Uint8Array> {
  const sourceSize = (await stat(sourcePath)).size;
  const needed = SOURCE_COPIES * sourceSize + (await stat(targetPath)).size;
  if (memoryLimit !== undefined && needed > memoryLimit) {
    throw overLimit(`bsdiff-node takes ${mebibytes(needed)} of memory`, memoryLimit);
  }
  if (sourceSize === 0) {
    throw new ThemisError("DIFF_FAILED", "failed", "bsdiff makes no patch from an empty file");
  }
  const folder = await mkdtemp(join(tmpdir(), "themis-diff-"));
  try {
    const patchPath = join(folder, "patch");
    await runBsdiff([sourcePath, targetPath, patchPath]);
    return await readFile(patchPath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * In a process of its own: the addon is not built for worker threads, and a crash or an out-of-memory in
 * native code must cost one patch and not the build.
 */
async function runBsdiff(paths: readonly string[]): Promise<void> {
  const script = new URL(
    import.meta.url.endsWith(".ts") ? "./bsdiff-process.ts" : "./bsdiff-process.js",
    import.meta.url,
  );
  const child = spawn(process.execPath, [fileURLToPath(script), ...paths], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let trouble = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    trouble = (trouble + text).slice(-2000);
  });
  const [status, killedBy] = (await once(child, "close")) as [number | null, string | null];
  if (status === 0) return;
  if (status === ADDON_MISSING) {
    throw new ThemisError(
      "DIFF_ENGINE_MISSING",
      "failed",
      "the addon bsdiff-node is not built for this Node",
      {
        hint: "npm run addons builds it; --engine kernel works without",
      },
    );
  }
  throw new ThemisError(
    "DIFF_FAILED",
    "failed",
    `bsdiff-node ended with ${killedBy ?? status}: ${trouble.trim() || "no word"}`,
  );
}
