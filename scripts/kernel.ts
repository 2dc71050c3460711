/**
 * Compiles the kernels (AssemblyScript). The same source gives the same bytes: the compiler is pinned by the
 * lock file and nothing of this machine goes in.
 *
 *   dist/kernel.wasm          what makes patches: a memory as large as the files, handed in
 *   dist/device-kernel.wasm   what applies them: a small memory of its own, which grows
 *   dist/deflate-kernel.wasm  what writes deflate again as it was: a MiB of memory
 *   dist/themis-kernel.wasm   THEMIS in both directions; loaded only for its patches
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import asc from "assemblyscript/asc";

const root = dirname(import.meta.dirname);

export async function buildKernels(): Promise<void> {
  await compile("index.ts", "kernel.wasm", ["--importMemory"]);
  await compile("device.ts", "device-kernel.wasm", []);
  await compile("deflate.ts", "deflate-kernel.wasm", []);
  await compile("themis.ts", "themis-kernel.wasm", []);
}

async function compile(entry: string, name: string, options: readonly string[]): Promise<void> {
  const { error, stderr } = await asc.main(
    [
      `src/kernel/assembly/${entry}`,
      "--baseDir",
      root,
      "--outFile",
      join("dist", name),
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--enable",
      "simd",
      ...options,
    ],
    {
      writeFile: (file, contents, folder) => {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), contents);
      },
    },
  );
  if (error) throw new Error(`${name} does not compile:\n${stderr}`);
}
