/** A device's process that is killed while the checks run: argv = root source anchor data|function. */
import { readFileSync } from "node:fs";
import type { Check } from "../../src/fetch/health/check.ts";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [root, source, anchor, kind] = process.argv.slice(2) as [string, string, string, string];
const data: Check = {
  name: "two",
  kind: "smoke",
  timeoutMs: 20_000,
  run: { command: ["grep", "-q", "two", "data.txt"], expectStatus: 0 },
};
const functions: Check = {
  name: "here",
  kind: "smoke",
  timeoutMs: 20_000,
  run: { function: () => ({ passed: true, expected: "", found: "" }) },
};
await update(
  {
    root,
    source,
    version: "",
    connections: 1,
    anchors: readTrustAnchors(readFileSync(anchor)),
    gate: { checks: kind === "data" ? [data] : [functions], confirmation: { by: "checks" } },
  },
  { now: () => new Date(), checked: () => process.kill(process.pid, "SIGKILL") },
);
