/**
 * The whole of what `npm test` takes a part of: a kill and an error at every system call of an install, an update,
 * an undone update and a rollback, and every state in which a power cut may leave the disk. It takes an hour or two.
 *
 *   npm run sweep                      all three
 *   npm run sweep -- kill              kill, error or power
 *   THEMIS_SWEEP_SEED=7 npm run sweep -- power
 */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);
const SWEEPS: Readonly<Record<string, string>> = {
  kill: "test/fetch/install/kill-sweep.test.ts",
  error: "test/fetch/install/error-sweep.test.ts",
  power: "test/fetch/install/power-loss.test.ts",
};
const asked = process.argv.slice(2);
const files = (asked.length === 0 ? Object.keys(SWEEPS) : asked).map((name) => SWEEPS[name]);
if (files.includes(undefined)) {
  console.error(`sweep: there are ${Object.keys(SWEEPS).join(", ")}`);
  process.exit(2);
}
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const { status } = spawnSync(process.execPath, [vitest, "run", ...(files as string[])], {
  cwd: root,
  stdio: "inherit",
  // Missing tools would leave nothing to run.
  env: { ...process.env, THEMIS_SWEEP: "all", THEMIS_REQUIRE_TOOLS: "1" },
});
process.exitCode = status ?? 1;
