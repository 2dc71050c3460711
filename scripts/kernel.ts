/**
 * Compiles the kernels (AssemblyScript) to dist/kernel.wasm. The same source gives the same bytes: the
 * compiler is pinned by the lock file and nothing of this machine goes in.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import asc from "assemblyscript/asc";

const root = dirname(import.meta.dirname);

export async function buildKernel(): Promise<void> {
  const { error, stderr } = await asc.main(
    [
      "src/kernel/assembly/index.ts",
      "--baseDir",
      root,
      "--outFile",
      join("dist", "kernel.wasm"),
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--importMemory",
      "--enable",
      "simd",
    ],
    {
      writeFile: (name, contents, folder) => {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), contents);
      },
    },
  );
  if (error) throw new Error(`the kernels do not compile:\n${stderr}`);
}
