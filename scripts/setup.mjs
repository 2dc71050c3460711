/**
 * Installs what is missing, so that `npm run quickstart` and `npm test` work on a fresh machine.
 *
 *   node_modules   from the lock file, and with it Node 24 (package `node`), on which all else runs
 *   addons         built for that Node; optional: what needs them says so when they are missing
 *   dist/          the two commands
 *   --then FILE …  runs a script on Node 24 when all is there
 *   --tools        Debian packages that the tests compare us with, when root and apt are there
 *
 * The only file that any Node from 18 on must be able to run: it runs before Node 24 is there.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, "node_modules", ".themis-setup");
const node24 = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");

const TOOLS = [
  ["softhsm2-util", "softhsm2"],
  ["pkcs11-tool", "opensc"],
  ["openssl", "openssl"],
  ["xdelta3", "xdelta3"],
  ["nginx", "nginx-light"],
  ["bsdiff", "bsdiff"],
  ["bspatch", "bsdiff"],
  ["zstd", "zstd"],
  ["bzip2", "bzip2"],
  ["xz", "xz-utils"],
  ["strace", "strace"],
  ["mkfs.ext4", "e2fsprogs"],
  ["g++", "g++"],
  ["aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"],
  ["make", "make"],
  ["python3", "python3"],
  ["systemd-analyze", "systemd"],
  ["systemd-notify", "systemd"],
];

// The shell remembers where it found `node` before it was installed, so what comes next is started from here.
const thenAt = process.argv.indexOf("--then");

if (process.argv.includes("--tools")) installTools();
if (installedStamp() !== wantedStamp()) installPackages();
run(node24, [join(root, "scripts", "build.ts")]);
if (thenAt !== -1) {
  const next = spawnSync(node24, process.argv.slice(thenAt + 1), { cwd: root, stdio: "inherit" });
  process.exitCode = next.status ?? 1;
}

function installPackages() {
  say("installing packages from the lock file");
  // Without scripts first: an optional addon that cannot be built here must not take the rest with it.
  npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  npm(["rebuild", "node", "esbuild", "--loglevel=error"]);
  run(node24, [join(root, "scripts", "addons.ts")]);
  writeFileSync(stampFile, wantedStamp());
}

function installTools() {
  const missing = TOOLS.filter(([name]) => !onPath(name));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name).join(", ");
  if (process.getuid?.() !== 0 || !onPath("apt-get")) {
    say(`not installed here: ${names}; the tests that need them are skipped by name`);
    return;
  }
  say(`installing ${names}`);
  const packages = [...new Set(missing.map(([, name]) => name))];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { stdio: ["ignore", "ignore", "inherit"], env });
  const done = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
    stdio: ["ignore", "ignore", "inherit"],
    env,
  });
  if (done.status !== 0) say(`apt-get could not install ${packages.join(", ")}`);
}

/** Whatever changes what must be installed changes the stamp. */
function wantedStamp() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch} `);
  for (const file of ["package.json", "package-lock.json"]) hash.update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

function installedStamp() {
  return existsSync(stampFile) && existsSync(node24) ? readFileSync(stampFile, "utf8") : "";
}

/** With the system's Node: the one in node_modules is among the things that npm replaces. */
function npm(args) {
  const separator = process.platform === "win32" ? ";" : ":";
  const folders = (process.env.PATH ?? "")
    .split(separator)
    .filter((folder) => !folder.includes("node_modules"));
  const env = { ...process.env, PATH: folders.join(separator) };
  execFileSync("npm", args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
    env,
  });
}

function run(file, args) {
  execFileSync(file, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

function onPath(name) {
  const folders = (process.env.PATH ?? "").split(process.platform === "win32" ? ";" : ":");
  return folders.some((folder) => existsSync(join(folder, name)));
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}
