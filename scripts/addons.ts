/**
 * Builds the publisher's native addons for the Node that runs this script.
 *
 * pkcs11js (PKCS#11) is Node-API and bsdiff-node is bound to one ABI; neither ships a binary. node-gyp
 * needs the headers of exactly this Node: they lie in the npm package that carries its binary.
 * An addon that cannot be built is named and left out: signing by key file, zstd deltas and the whole
 * client work without.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);
const ADDONS = ["pkcs11js", "bsdiff-node"];

const missing = ADDONS.filter((name) => !loads(name));
if (missing.length > 0) {
  const headers = nodeHeaders();
  for (const name of missing) build(name, headers);
}

function build(name: string, headers: string | undefined): void {
  const folder = join(root, "node_modules", name);
  if (!existsSync(folder)) {
    say(`${name} is not installed`);
    return;
  }
  say(`building ${name} for Node ${process.versions.node}`);
  const done = npm(["rebuild", name, "--foreground-scripts", "--loglevel=error"], {
    ...(headers && { npm_config_nodedir: headers }),
  });
  if (done.status !== 0 || !loads(name)) {
    say(
      `${name} could not be built (a C++ compiler, make and python3 are needed); what needs it will say so`,
    );
    process.stderr.write(done.stderr.slice(-2000));
  }
}

/** In a process of its own: an addon that fails to load may abort the process, and a loaded one stays. */
function loads(name: string): boolean {
  const code = `require(${JSON.stringify(join(root, "node_modules", name))})`;
  return spawnSync(process.execPath, ["-e", code], { stdio: "ignore" }).status === 0;
}

/** The folder that holds include/node/node_api.h of this very Node. */
function nodeHeaders(): string | undefined {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const nested = join(root, "node_modules", "node", "node_modules", name);
  if (hasHeaders(nested)) return nested;
  const cache = join(root, ".cache", `headers-${process.versions.node}`);
  const fetched = join(cache, "node_modules", name);
  if (!hasHeaders(fetched)) {
    mkdirSync(cache, { recursive: true });
    npm(
      ["install", "--prefix", cache, "--no-save", "--loglevel=error", `${name}@${process.versions.node}`],
      {},
    );
  }
  return hasHeaders(fetched) ? fetched : undefined;
}

function hasHeaders(folder: string): boolean {
  return existsSync(join(folder, "include", "node", "node_api.h"));
}

/** npm itself must run on this Node, since node-gyp builds for the Node it runs on. */
function npm(args: readonly string[], env: Record<string, string>) {
  const cli = process.env.npm_execpath;
  if (!cli) throw new Error("start this with: npm run addons");
  const path = `${dirname(process.execPath)}:${process.env.PATH}`;
  return spawnSync(process.execPath, [cli, ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, PATH: path, ...env },
  });
}

function say(text: string): void {
  process.stderr.write(`addons: ${text}\n`);
}
