/** A compiled kernel: of dist/ when run from source, beside the caller when built, in the program where that is one file. */
import { readFileSync } from "node:fs";

/** By name, base64 (scripts/client-template.ts). */
declare const __THEMIS_KERNELS__: Readonly<Record<string, string>> | undefined;

export type KernelName = "deflate-kernel" | "device-kernel" | "kernel" | "themis-kernel";

export function kernelBytes(name: KernelName): Uint8Array<ArrayBuffer> {
  if (typeof __THEMIS_KERNELS__ === "object") return Buffer.from(__THEMIS_KERNELS__[name]!, "base64");
  const place = import.meta.url.endsWith(".ts") ? `../../dist/${name}.wasm` : `./${name}.wasm`;
  return readFileSync(new URL(place, import.meta.url));
}
