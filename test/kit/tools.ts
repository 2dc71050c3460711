/**
 * Which of other people's programs are here. A test that needs one asks first and is skipped without it;
 * in CI, THEMIS_REQUIRE_TOOLS=1 turns a missing program into a failure, so that nothing is skipped unseen.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const warned = new Set<string>();

export function hasTool(name: string): boolean {
  if (findTool(name) !== undefined) return true;
  if (process.env.THEMIS_REQUIRE_TOOLS === "1") throw new Error(`the program ${name} is not on the PATH`);
  if (!warned.has(name)) console.warn(`skipping tests: the program ${name} is not on the PATH`);
  warned.add(name);
  return false;
}

export function findTool(name: string): string | undefined {
  const names = process.platform === "win32" ? [`${name}.exe`, `${name}.cmd`, name] : [name];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const file of names) {
      const path = join(folder, file);
      if (folder !== "" && isExecutable(path)) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
