/** Both ways in which a release takes the place of the one before, for tests that ask the same of each. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StrategyName } from "../../src/fetch/install/strategy.ts";
import { snapshot } from "./world.ts";

export { STRATEGIES } from "../../src/fetch/install/strategy.ts";

/** Where a device's release is read. */
export function treeOf(strategy: StrategyName, root: string): string {
  return strategy === "slots" ? join(root, "current") : root;
}

/** Nothing where nothing is installed. */
export function installed(strategy: StrategyName, root: string): Record<string, string> {
  const tree = treeOf(strategy, root);
  return existsSync(tree) ? snapshot(tree) : {};
}
