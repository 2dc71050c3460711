/**
 * A small true world: a PKI, two releases of a product built, signed and published, and empty devices.
 * Everything is made by the programs themselves, run as processes from source.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

export type Answer = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a program and waits; asynchronous, so that a server in the test can answer it. */
export function run(program: "themis-bundle" | "themis-fetch", ...args: string[]): Promise<Answer> {
  return start(program, ...args).done;
}

export function start(program: "themis-bundle" | "themis-fetch", ...args: string[]) {
  const child = spawn(process.execPath, [join(root, "src/bin", `${program}.ts`), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const done = new Promise<Answer>((settle, reject) => {
    child.on("error", reject).on("close", (status) => settle({ status, stdout, stderr }));
  });
  return { child, done };
}

export async function ok(
  program: "themis-bundle" | "themis-fetch",
  ...args: string[]
): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await run(program, ...args, "--json");
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

export type World = {
  readonly folder: string;
  readonly at: (...names: string[]) => string;
  readonly anchor: string;
  readonly old: string;
  readonly new: string;
  readonly page: string;
  readonly device: (name: string) => string;
  readonly remove: () => void;
};

/** A signed bundle of a tree. */
export async function release(
  world: Pick<World, "at">,
  tree: string,
  version: string,
  bundle: string,
  ...more: string[]
): Promise<string> {
  await ok(
    "themis-bundle",
    "build",
    tree,
    "--product",
    "app",
    "--version",
    version,
    "--out",
    bundle,
    ...more,
  );
  const key = ["--key", world.at("pki/signer-key.pem"), "--certificates", world.at("pki/signer.pem")];
  await ok("themis-bundle", "sign", bundle, ...key);
  return bundle;
}

export async function makeWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "themis-world-"));
  const at = (...names: string[]): string => join(folder, ...names);
  makeOldTree(at("old"));
  makeNewTree(at("old"), at("new"));
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  for (const [version, tree, ...from] of [
    ["1.0.0", at("old")],
    ["1.1.0", at("new"), "--from", `1.0.0=${at("old")}`],
  ] as const) {
    const bundle = at(`bundle-${version}`);
    await release({ at }, tree, version, bundle, "--algorithm", "zstd-dict", ...from);
    await ok("themis-bundle", "publish", bundle, "--to", `file:${at("page")}`);
  }
  return {
    folder,
    at,
    anchor: at("pki/root.pem"),
    old: at("old"),
    new: at("new"),
    page: at("page"),
    device: (name) => {
      mkdirSync(at(name));
      return at(name);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A tree as one comparable value: path, kind, mode and content of everything but the device's records. */
export function snapshot(tree: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(tree.length + 1);
    if (name === ".themis" || name.startsWith(".themis/")) continue;
    if (entry.isSymbolicLink()) found[name] = `link ${readlinkSync(path)}`;
    else
      found[name] = `${mode(path)} ${entry.isDirectory() ? "folder" : readFileSync(path).toString("base64")}`;
  }
  return found;
}

function mode(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8);
}

/** Bytes that do not compress and are the same on every run. */
export function noise(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < bytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state & 0xff;
  }
  return out;
}

/** Text that does not compress to nothing, so that a patch for it pays. */
function lines(last: string): string {
  return `${noise(3000, 13).toString("base64")}\n${last}\n`;
}

function makeOldTree(tree: string): void {
  mkdirSync(join(tree, "bin"), { recursive: true });
  mkdirSync(join(tree, "empty"));
  writeFileSync(join(tree, "bin/appd"), noise(2_500_000, 7));
  chmodSync(join(tree, "bin/appd"), 0o755);
  writeFileSync(join(tree, "Größe 1.txt"), lines("one"));
  writeFileSync(join(tree, "same.dat"), noise(1000, 3));
  writeFileSync(join(tree, "gone.txt"), "removed by the next release\n");
  writeFileSync(join(tree, "nothing"), "");
  writeFileSync(join(tree, "turns"), "a file that becomes a folder\n");
  symlinkSync("bin/appd", join(tree, "app"));
}

function makeNewTree(old: string, tree: string): void {
  cpSync(old, tree, { recursive: true, verbatimSymlinks: true });
  const binary = readFileSync(join(old, "bin/appd"));
  noise(300, 11).copy(binary, 1_000_000);
  writeFileSync(join(tree, "bin/appd"), binary);
  writeFileSync(join(tree, "Größe 1.txt"), lines("two"));
  rmSync(join(tree, "gone.txt"));
  rmSync(join(tree, "turns"));
  mkdirSync(join(tree, "turns"));
  writeFileSync(join(tree, "turns/inside"), "now\n");
  chmodSync(join(tree, "same.dat"), 0o600);
  writeFileSync(join(tree, "bin/new-tool"), noise(40_000, 5));
  rmSync(join(tree, "app"));
  symlinkSync("bin/new-tool", join(tree, "app"));
}
