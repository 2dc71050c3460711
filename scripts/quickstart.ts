/**
 * The main job, once, for real: two published releases of esbuild-wasm become a signed bundle, a device
 * fetches it over HTTP from loopback, updates by delta, and goes back.
 *
 * Every step is one of the two commands, started as a process, just as one would type it.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { saved, seconds, size, table } from "../src/bin/units.ts";
import { serveFolder } from "./serve.ts";

const root = dirname(import.meta.dirname);
const work = join(root, "quickstart-output");
const at = (...names: string[]): string => join(work, ...names);
const show = (path: string): string => relative(process.cwd(), path) || ".";

const OLD = { version: packageVersion("esbuild-wasm-old"), tree: at("esbuild-wasm-old") };
const NEW = { version: packageVersion("esbuild-wasm-new"), tree: at("esbuild-wasm-new") };

const startedMs = performance.now();
prepareTrees();

heading(1, `a small PKI: a root that devices pin, a key that signs`);
await themisBundle("keygen", "--out", at("pki"));

for (const release of [OLD, NEW]) {
  const from = release === NEW ? ["--from", `${OLD.version}=${OLD.tree}`] : [];
  heading(release === OLD ? 2 : 3, `build, sign and publish esbuild-wasm ${release.version}`);
  const bundle = at(`bundle-${release.version}`);
  await themisBundle(
    "build",
    release.tree,
    "--product",
    "esbuild-wasm",
    "--version",
    release.version,
    "--out",
    bundle,
    ...from,
  );
  await themisBundle(
    "sign",
    bundle,
    "--key",
    at("pki/signer-key.pem"),
    "--certificates",
    at("pki/signer.pem"),
  );
  await themisBundle("verify", bundle, "--trust-anchor", at("pki/root.pem"));
  await themisBundle("publish", bundle, "--to", `file:${at("page")}`);
}
const inspected = await themisBundle("inspect", at(`bundle-${NEW.version}`));

const page = await serveFolder(at("page"));
try {
  mkdirSync(at("device"));
  const device = ["--root", at("device"), "--trust-anchor", at("pki/root.pem"), "--source", page.url];
  heading(4, `a device installs ${OLD.version} from ${page.url}`);
  const installed = await themisFetch("update", ...device, "--version", OLD.version);
  heading(5, `and updates to ${NEW.version} by delta`);
  const updated = await themisFetch("update", ...device);
  compareTrees(NEW.tree, at("device"));
  heading(6, `it goes back to ${OLD.version}, and forward again`);
  await themisFetch("rollback", "--root", at("device"));
  compareTrees(OLD.tree, at("device"));
  await themisFetch("update", ...device);
  compareTrees(NEW.tree, at("device"));
  summary(installed, updated);
} finally {
  await page.close();
}

function prepareTrees(): void {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  for (const { tree } of [OLD, NEW]) {
    cpSync(join(root, "node_modules", tree.slice(work.length + 1)), tree, { recursive: true });
    chmodSync(tree, 0o755);
  }
}

type PerFile = { path: string; action: string; algorithm?: string; bytes: number; sizeBytes: number };
type Updated = {
  bytesFetched: number;
  bytesFull: number;
  durationMs: number;
  perFile: PerFile[];
  signers: { subject: string; algorithm: string }[];
};

function summary(installed: unknown, updated: unknown): void {
  const { bytesFetched, perFile, durationMs, signers } = updated as Updated;
  const whole = wholeBytes();
  const changed = perFile.filter(({ action }) => action === "patch" || action === "download");
  const rows = changed.map((file) => {
    const full = whole.get(file.path) ?? file.sizeBytes;
    return [
      file.path,
      size(file.sizeBytes),
      size(full),
      size(file.bytes),
      file.algorithm ?? "whole",
      saved(file.bytes, file.sizeBytes),
    ];
  });
  const anchor = show(at("pki/root.pem"));
  console.log(`
${table(["file", "full size", "compressed", "patch", "algorithm", "saved"], rows, [1, 2, 3, 5])}

signature       valid, ${signers[0]!.algorithm}, by ${signers[0]!.subject}
bytes fetched   ${size(bytesFetched)} for the update; ${size((installed as Updated).bytesFetched)} for the first install
time            ${seconds(durationMs)} for the update, ${seconds(performance.now() - startedMs)} for everything above
device          ${show(at("device"))} is byte for byte esbuild-wasm ${NEW.version}

The same with your own trees:

  npm exec -- themis-bundle keygen --out pki
  npm exec -- themis-bundle build NEW --product NAME --version 1.1.0 --from 1.0.0=OLD --out bundle
  npm exec -- themis-bundle sign bundle --key pki/signer-key.pem --certificates pki/signer.pem
  npm exec -- themis-bundle publish bundle --to file:page
  npm exec -- themis-fetch update --source page --root DEVICE --trust-anchor pki/root.pem

What was made here stays in ${show(work)}/ (${anchor} is the anchor) until the next run.`);
}

function wholeBytes(): Map<string, number> {
  const { manifest } = inspected as { manifest: { files: { path: string; blob: { length: number } }[] } };
  return new Map(manifest.files.map(({ path, blob }) => [path, blob.length]));
}

/** The proof: nothing on the device differs from the release but its own records. */
function compareTrees(tree: string, device: string): void {
  const { status, stdout } = spawnSync(
    "diff",
    ["-r", "--no-dereference", "--exclude=.themis", tree, device],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`the device differs from the release:\n${stdout}`);
}

function themisBundle(...args: string[]): Promise<unknown> {
  return command("themis-bundle", args);
}

function themisFetch(...args: string[]): Promise<unknown> {
  return command("themis-fetch", args);
}

/** Runs a command, shows it as typed, and returns its --json answer. Asynchronous: the page is served from here. */
async function command(name: string, args: string[]): Promise<unknown> {
  console.log(`$ ${name} ${args.map((arg) => show2(arg)).join(" ")}`);
  const child = spawn(process.execPath, [join(root, "dist", `${name}.js`), ...args, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  const status = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  const answer: unknown = JSON.parse(out);
  if (status !== 0) {
    console.error(out);
    process.exit(1);
  }
  return answer;
}

function show2(arg: string): string {
  const shown = arg.replaceAll(`${root}/`, "");
  return /\s/.test(shown) ? `'${shown}'` : shown;
}

function heading(step: number, text: string): void {
  console.log(`\n${step}. ${text}`);
}

function packageVersion(name: string): string {
  const file = join(root, "node_modules", name, "package.json");
  if (!existsSync(file)) throw new Error(`${name} is not installed: npm run quickstart installs it`);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
