/**
 * A client with its anchor in it: how large, and how long until it answers: `npm run bench -- client`.
 *
 * Starts are measured in turn, one after the other, so that whatever slows the machine slows all of them; what counts
 * is the median of the pairs' ratios to `node -e 0`, which every program of Node begins with.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buildDist, root, setting, table, temporaryFolder, themisBundle } from "./measure.ts";
import { finish } from "./results.ts";

const ROUNDS = 20;

buildDist();
const work = temporaryFolder("client");
const at = (...names: string[]): string => join(work, ...names);
const bundle = (...args: string[]): void => {
  execFileSync(themisBundle[0]!, [...themisBundle.slice(1), ...args], { cwd: work, stdio: "ignore" });
};
bundle("keygen", "--out", at("pki"));
const client = at("themis-fetch.mjs");
const facts = ["--trust-anchor", at("pki/root.pem"), "--product", "app", "--source", at("page")];
bundle("client", ...facts, "--out", client);
mkdirSync(at("device"));
mkdirSync(at("tree"));
writeFileSync(at("tree/file"), "1\n");
bundle("build", at("tree"), "--product", "app", "--version", "1.0.0", "--out", at("page"));
bundle("sign", at("page"), "--key", at("pki/signer-key.pem"), "--certificates", at("pki/signer.pem"));

const stock = join(root, "dist", "themis-fetch.js");
const verify = [
  "verify",
  "--manifest",
  at("page/manifest.json"),
  "--signature",
  at("page/manifest.json.p7s"),
];
const pinned = ["--trust-anchor", at("pki/root.pem")];
const STARTS: readonly { readonly what: string; readonly argv: readonly string[] }[] = [
  { what: "node -e 0", argv: ["-e", "0"] },
  { what: "client --version", argv: [client, "--version"] },
  { what: "themis-fetch --version, of the package", argv: [stock, "--version"] },
  { what: "client status", argv: [client, "status", "--root", at("device")] },
  { what: "themis-fetch status, of the package", argv: [stock, "status", "--root", at("device")] },
  { what: "client verify", argv: [client, ...verify] },
  { what: "themis-fetch verify, of the package", argv: [stock, ...verify, ...pinned] },
];
const times = STARTS.map((): number[] => []);
for (let round = 0; round <= ROUNDS; round++) {
  for (const [index, { what, argv }] of STARTS.entries()) {
    const began = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, argv, { cwd: work, encoding: "utf8" });
    if (status !== 0) throw new Error(`${what} ended with ${status}: ${stderr}`);
    // The first round fills the caches of the disk.
    if (round > 0) times[index]!.push(Number(process.hrtime.bigint() - began) / 1e6);
  }
}

const bytes = readFileSync(client);
const size = statSync(client).size;
const rows = STARTS.map(({ what }, index) => {
  const ratios = times[index]!.map((ms, round) => ms / times[0]![round]!);
  return [what, median(times[index]!).toFixed(1), median(ratios).toFixed(2)];
});
const text = [
  "# A client with its anchor in it",
  "",
  `Printed by \`npm run bench -- client\`, everything in one run: ${setting()}.`,
  `Wall time until the process ends, ${ROUNDS} rounds in turn: medians, and the medians of the ratios of one round.`,
  "",
  ...table(["start", "ms", "beside node -e 0"], rows),
  "",
  ...table(["bar", "measured", "wanted"], [["size of the client, bytes", String(size), "< 1000000"]]),
  "",
  `Sent by a server that compresses (gzip) it has ${gzipSync(bytes, { level: 9 }).length} bytes.`,
  "",
].join("\n");
console.log(text);
finish("client", { md: text });

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)]!;
}
