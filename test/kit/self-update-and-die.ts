/** A client that replaces itself, and is killed at a point on the way: argv = action file page anchor fingerprint point. */
import { readFileSync } from "node:fs";
import { selfRollBack, selfUpdate } from "../../src/fetch/self-update/self-update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [action, file, source, anchor, point] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const anchors = readTrustAnchors(readFileSync(anchor));
const request = {
  ...{ file, path: "themis-fetch.mjs", starter: [process.execPath] },
  running: {
    ...{ version: "0.0.1", product: "app", clientProduct: "app-client" },
    anchors: anchors.map(({ fingerprintSha256 }) => fingerprintSha256),
  },
  release: { source, version: "", connections: 2, anchors, product: "app-client" },
};
const tools = {
  now: () => new Date(),
  at: (reached: string) => {
    if (reached === point) process.kill(process.pid, "SIGKILL");
  },
};
await (action === "rollback" ? selfRollBack(request, tools) : selfUpdate(request, tools));
