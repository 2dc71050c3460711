/**
 * What the documents of a release cost a device that keeps the one before: `npm run bench -- manifest`.
 *
 * 5,000 files, 1 % of them changed and of other lengths, so that blobs behind them lie elsewhere; both releases built
 * and published by the programs, fetched from an nginx on loopback, and the bytes counted where nginx wrote them.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Nginx, startNginx } from "../test/kit/nginx.ts";
import { noise } from "../test/kit/world.ts";
import { buildDist, onPath, root, setting, table, temporaryFolder, themisBundle, timed } from "./measure.ts";
import { finish } from "./results.ts";

const FILES = 5000;
const CHANGED = 50;

if (!onPath("nginx")) throw new Error("nginx is not on the PATH");
buildDist();
const work = temporaryFolder("manifest");
const at = (...names: string[]): string => join(work, ...names);
const bundle = (...argv: string[]) => timed([...themisBundle, ...argv], work);
const update = () =>
  timed(
    [
      process.execPath,
      join(root, "dist", "themis-fetch.js"),
      "update",
      ...["--source", nginx.url, "--root", at("device"), "--trust-anchor", at("pki/root.pem")],
    ],
    work,
  );
/** nginx makes an ETag of the second and the size; a younger file's is not kept. */
const SETTLED_MS = 2500;

for (let i = 0; i < FILES; i++) writeFile("old", i, 0);
cpSync(at("old"), at("new"), { recursive: true });
for (let i = 0; i < CHANGED; i++) writeFile("new", i * (FILES / CHANGED) + 13, 700);
await bundle("keygen", "--out", at("pki"));
await release("1.0.0", "old");
mkdirSync(at("device"));

const nginx = await startNginx(at("page"));
try {
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  await update();
  const first = documents(nginx, 0);
  const whole = first.find(({ path }) => path.endsWith("manifest.json"))!.bytes;
  let heard = nginx.log().length;
  await update();
  const unchanged = documents(nginx, heard);
  heard = nginx.log().length;
  await release("1.1.0", "new", "--from", `1.0.0=${at("old")}`);
  await update();
  const patch = documents(nginx, heard).find(({ path }) => path.endsWith(".patch"))!.bytes;
  const share = 1 - patch / whole;

  const text = [
    "# Incremental manifests",
    "",
    `Printed by \`npm run bench -- manifest\`, everything in one run, nginx on loopback: ${setting()}.`,
    `${FILES} files, ${CHANGED} changed; bytes of answers' bodies, as nginx counted them.`,
    "",
    ...table(
      ["what a device asks", "requests", "manifest, bytes"],
      [
        ["the first release", String(first.length), String(whole)],
        ["the same again", String(unchanged.length), String(sum(unchanged))],
        ["the next release", "", String(patch)],
      ],
    ),
    "",
    ...table(
      ["bar", "measured", "wanted"],
      [
        ["saved of the next manifest", `${(100 * share).toFixed(1)} %`, ">= 90 %"],
        ["requests for an unchanged release", String(unchanged.length), "1"],
      ],
    ),
    "",
  ].join("\n");
  console.log(text);
  finish("manifest", { md: text });
} finally {
  await nginx.close();
}

function writeFile(tree: string, file: number, more: number): void {
  const folder = at(tree, `lib/package-${file % 100}`);
  mkdirSync(folder, { recursive: true });
  const bytes = noise(500 + ((file * 7919) % 3000) + more, file + more + 1);
  writeFileSync(join(folder, `module-${file}.js`), bytes.toString("base64"));
}

async function release(version: string, tree: string, ...more: string[]): Promise<void> {
  const folder = at(`bundle-${version}`);
  const sequence = version.replaceAll(".", "");
  await bundle(
    "build",
    at(tree),
    "--product",
    "app",
    "--version",
    version,
    "--sequence",
    sequence,
    "--out",
    folder,
    "--quiet",
    ...more,
  );
  await bundle("sign", folder, "--key", at("pki/signer-key.pem"), "--certificates", at("pki/signer.pem"));
  await bundle("publish", folder, "--to", `file:${at("page")}`);
}

/** What was answered beside packs, from the given line of the log on. */
function documents({ log }: Nginx, since: number): ReturnType<Nginx["log"]> {
  return log()
    .slice(since)
    .filter(({ path, status }) => path !== "/" && status < 400 && !path.endsWith(".pack"));
}

function sum(answers: ReturnType<Nginx["log"]>): number {
  return answers.reduce((bytes, answer) => bytes + answer.bytes, 0);
}
