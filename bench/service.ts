/**
 * `npm run bench -- service`: a service with 1,000 open connections is stopped, updated and started again.
 *
 * A signed release with a file of 16 MiB that changes a little is downloaded beforehand; while the service
 * stands still it is proven, rebuilt and switched to. Visitors come every 2 ms all the time.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { restartAround } from "../src/fetch/service/restart.ts";
import { Supervisor } from "../src/fetch/service/supervisor.ts";
import { download, update } from "../src/fetch/update.ts";
import { readTrustAnchors } from "../src/trust/anchor.ts";
import { openConnections, Visitors } from "../test/kit/service/connections.ts";
import { noise, ok, release } from "../test/kit/world.ts";
import { root as checkout, MIB, setting, table, temporaryFolder } from "./measure.ts";
import { finish } from "./results.ts";

const CONNECTIONS = 1000;
const BAR_MS = 5000;
const FILE_BYTES = 16 * MIB;
const work = temporaryFolder("service");
const at = (...names: string[]): string => join(work, ...names);
const root = at("device");
mkdirSync(root);

await makeReleases();
const tools = { now: () => new Date() };
const request = {
  source: at("page"),
  root,
  anchors: readTrustAnchors(readFileSync(at("pki/root.pem"))),
  version: "",
  connections: 4,
};
await update({ ...request, version: "1.0.0" }, tools);
await download(request, tools);

const supervisor = await Supervisor.open({
  name: "sample",
  command: [process.execPath, "bin/service.ts"],
  folder: root,
  listen: [{ host: "127.0.0.1", port: 0 }],
});
await supervisor.start();
const { port } = supervisor.addresses[0]!;
const open = await openConnections(port, CONNECTIONS);
const visitors = new Visitors(port, 2);
const ready = {
  name: "answers",
  kind: "smoke" as const,
  timeoutMs: 60_000,
  attempts: 1000,
  intervalMs: 10,
  run: { http: `http://127.0.0.1:${port}/`, expectStatus: 200, maxLatencyMs: 60_000, expectBody: "1.1.0" },
};
let applyMs = 0;
const facts = { root, from: "1.0.0", to: "1.1.0" };
const { restart } = await restartAround({ service: supervisor, drainMs: 30_000, ready, facts }, async () => {
  const startedMs = performance.now();
  await update(request, tools);
  applyMs = Math.round(performance.now() - startedMs);
});
const visits = await visitors.end();
const closed = await Promise.all(open.map((connection) => connection.closed()));
await supervisor.close(30_000);

const count = (what: (visit: string) => boolean): number => visits.filter(what).length;
const refused = count((visit) => visit === "ECONNREFUSED");
const unanswered = count((visit) => visit !== "1.0.0" && visit !== "1.1.0");
const latencyMs = restart!.latencyMs;
const text = [
  "# Restart of a service around an update",
  "",
  `Printed by \`npm run bench -- service\`, one run: ${setting()}.`,
  `${CONNECTIONS} connections are open, visitors come every 2 ms; the release holds a file of ${FILE_BYTES / MIB} MiB, fetched beforehand.`,
  "",
  ...table(
    ["what", "measured", "wanted"],
    [
      ["stop, drained", `${restart!.stopMs} ms`, ""],
      ["apply: verify, rebuild, switch", `${applyMs} ms`, ""],
      ["start, until it answers", `${latencyMs - restart!.stopMs - applyMs} ms`, ""],
      ["stop, apply, start", `${latencyMs} ms`, `<= ${BAR_MS} ms`],
      [
        "connections closed in order",
        `${closed.filter((how) => how === "orderly").length} of ${CONNECTIONS}`,
        "all",
      ],
      [`attempts refused, of ${visits.length}`, String(refused), "0"],
      ["attempts without an answer", String(unanswered), "0"],
    ],
  ),
  "",
].join("\n");
console.log(text);
finish("service", { md: text });
if (latencyMs > BAR_MS || unanswered > 0) process.exitCode = 1;

async function makeReleases(): Promise<void> {
  const bytes = noise(FILE_BYTES, 7);
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  for (const version of ["1.0.0", "1.1.0"]) {
    const tree = at(version);
    mkdirSync(join(tree, "bin"), { recursive: true });
    copyFileSync(join(checkout, "test/kit/service/sample-service.ts"), join(tree, "bin/service.ts"));
    writeFileSync(join(tree, "version"), version);
    noise(1000, 11).copy(bytes, version === "1.0.0" ? 0 : FILE_BYTES / 2);
    writeFileSync(join(tree, "data"), bytes);
    const from = version === "1.0.0" ? [] : ["--from", `1.0.0=${at("1.0.0")}`];
    const bundle = await release(
      { at },
      tree,
      version,
      at(`bundle-${version}`),
      "--algorithm",
      "zstd-dict",
      ...from,
    );
    await ok("themis-bundle", "publish", bundle, "--to", `file:${at("page")}`);
  }
}
