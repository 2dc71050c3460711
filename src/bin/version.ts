/** The version of the build, put in by scripts/build.ts; from source it is read from package.json. */
import { readFileSync } from "node:fs";

declare const __THEMIS_VERSION__: string | undefined;

export function version(): string {
  if (typeof __THEMIS_VERSION__ === "string") return __THEMIS_VERSION__;
  const { version: written } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as { version: string };
  return written;
}
