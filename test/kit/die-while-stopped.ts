/** A device's process that is killed while the service is stopped: argv = root source anchor folder-of-its-commands. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandService } from "../../src/fetch/service/command-service.ts";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [root, source, anchor, folder] = process.argv.slice(2) as [string, string, string, string];
const verb = (name: string): string[] => [join(folder, name)];
const service = new CommandService({
  name: "appd",
  start: verb("start"),
  stop: verb("stop"),
  status: verb("status"),
});
await update(
  {
    root,
    source,
    version: "",
    connections: 1,
    anchors: readTrustAnchors(readFileSync(anchor)),
    gate: { checks: [], service: { service, drainMs: 10_000 }, confirmation: { by: "checks" } },
  },
  { now: () => new Date(), onStep: () => process.kill(process.pid, "SIGKILL") },
);
