/**
 * A whole update of a large tree beside rsync, which neither proves nor can go back: `npm run bench -- switch`.
 *
 * 10,000 files, 1 % of them changed; the release lies in a folder, as rsync's does. Ours finds, proves, fetches,
 * rebuilds, keeps a way back, syncs and switches; `rsync -a --checksum` compares both trees and copies. Both
 * begin with the same old tree, one after the other, and each time is of a whole process.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../test/kit/world.ts";
import {
  bestOf,
  buildDist,
  MIB,
  onPath,
  type Run,
  repeated,
  root,
  setting,
  table,
  temporaryFolder,
  themisBundle,
  timed,
} from "./measure.ts";
import { finish } from "./results.ts";

const FILES = 10_000;
const CHANGED = 100;
const TIMES = 5;

if (!onPath("rsync")) throw new Error("rsync is not on the PATH");
buildDist();
const work = temporaryFolder("switch");
const at = (...names: string[]): string => join(work, ...names);
const bundle = (...argv: string[]) => timed([...themisBundle, ...argv], work);
const update = () =>
  timed(
    [
      process.execPath,
      join(root, "dist", "themis-fetch.js"),
      "update",
      ...["--source", at("page"), "--root", at("device"), "--trust-anchor", at("pki/root.pem")],
    ],
    work,
  );

let bytes = 0;
for (let i = 0; i < FILES; i++) writeFile("old", i, 0);
cpSync(at("old"), at("new"), { recursive: true, preserveTimestamps: true });
for (let i = 0; i < CHANGED; i++) writeFile("new", i * (FILES / CHANGED) + 13, 1);
const treeMiB = bytes / MIB;

await bundle("keygen", "--out", at("pki"));
await release("1.0.0", "old");
mkdirSync(at("installed"));
mkdirSync(at("device"));
await update();
cpSync(at("device"), at("installed"), { recursive: true, preserveTimestamps: true });
await release("1.1.0", "new", "--from", `1.0.0=${at("old")}`);

const ours: Run[] = [];
const theirs: Run[] = [];
for (let i = 0; i < TIMES; i++) {
  copyOf("installed", "device");
  ours.push(await update());
  copyOf("old", "copy");
  theirs.push(
    await timed(["rsync", "-a", "--checksum", "--delete", `${at("new")}/`, `${at("copy")}/`], work),
  );
}
const unchanged = await repeated(TIMES, update);

const [our, their, idle] = [bestOf(ours), bestOf(theirs), bestOf(unchanged)];
const text = [
  "# Update of a large tree",
  "",
  `Printed by \`npm run bench -- switch\`, everything in one run: ${setting()}.`,
  `${FILES} files of ${treeMiB.toFixed(0)} MiB together, ${CHANGED} changed; each a process of its own, of ${TIMES} runs the shortest times and the largest memory.`,
  "",
  ...table(
    ["what", "wall s", "CPU s", "peak MiB"],
    [
      ["themis-fetch update: proven, a way back, synced, all or nothing", ...cells(our)],
      ["rsync -a --checksum", ...cells(their)],
      ["themis-fetch update, nothing to do", ...cells(idle)],
    ],
  ),
  "",
  ...table(
    ["bar", "measured", "wanted"],
    [["update : rsync, wall", `${(our.wallS / their.wallS).toFixed(2)} x`, "<= 1.00 x"]],
  ),
  "",
].join("\n");
console.log(text);
finish("switch", { md: text });

function cells({ wallS, cpuS, peakMiB }: Run): string[] {
  return [wallS.toFixed(2), cpuS.toFixed(2), peakMiB.toFixed(0)];
}

function copyOf(from: string, to: string): void {
  rmSync(at(to), { recursive: true, force: true });
  cpSync(at(from), at(to), { recursive: true, preserveTimestamps: true });
}

function writeFile(tree: string, file: number, more: number): void {
  const folder = at(tree, `lib/package-${file % 200}`);
  mkdirSync(folder, { recursive: true });
  const content = noise(2000 + ((file * 7919) % 20_000), file + more * FILES + 1);
  bytes += more === 0 ? content.length : 0;
  writeFileSync(join(folder, `module-${file}.bin`), content);
}

async function release(version: string, tree: string, ...more: string[]): Promise<void> {
  const folder = at(`bundle-${version}`);
  const named = ["--product", "app", "--version", version, "--sequence", version.replaceAll(".", "")];
  await bundle("build", at(tree), ...named, "--out", folder, "--quiet", ...more);
  await bundle("sign", folder, "--key", at("pki/signer-key.pem"), "--certificates", at("pki/signer.pem"));
  await bundle("publish", folder, "--to", `file:${at("page")}`);
}
