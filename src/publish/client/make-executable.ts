/**
 * A client and its Node in one executable (Node's single executable applications), for Linux.
 *
 * Node itself writes the blob; it is put into a copy of Node as the ELF note that Node looks for when it starts, and
 * the fuse in it is set, without which it does not look. Options of Node are taken neither from the command line nor
 * from NODE_OPTIONS then.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegularFileSync } from "../../base/input-file.ts";
import { PublishError } from "../publish-error.ts";
import { elfMachine, withElfNote } from "./elf-note.ts";

const NOTE = "NODE_SEA_BLOB";
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
/** x86-64 and AArch64. */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

/**
 * @param program a script that is no module
 * @param node an executable of Node of the running version and machine
 * @throws PublishError NODE_UNSUITABLE
 */
export function makeExecutable(program: Uint8Array, node: string): Buffer {
  demandLinux();
  const file = readNode(node);
  const folder = mkdtempSync(join(tmpdir(), "themis-sea-"));
  try {
    // Names stand in the blob; these are the same everywhere.
    writeFileSync(join(folder, "themis-fetch.js"), program);
    const config = {
      ...{ main: "themis-fetch.js", output: "blob", disableExperimentalSEAWarning: true },
      ...{ useCodeCache: false, useSnapshot: false, execArgvExtension: "none" },
    };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    execFileSync(node, ["--experimental-sea-config", "config.json"], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env.PATH ?? "" },
    });
    return withElfNote(withFuseSet(file), NOTE, readFileSync(join(folder, "blob")));
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    throw unsuitable("it does not write the blob of a single executable", cause);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws PublishError NODE_UNSUITABLE */
function demandLinux(): void {
  if (process.platform === "linux" && MACHINES[process.arch] !== undefined) return;
  throw unsuitable(
    `--sea makes executables for Linux on x64 and arm64, and this is ${process.platform} on ${process.arch}`,
  );
}

function readNode(node: string): Buffer {
  let file: Buffer;
  let version: string;
  try {
    file = readWhole(node);
    if (elfMachine(file) !== MACHINES[process.arch]) throw unsuitable(`it is not for ${process.arch}`);
    version = execFileSync(node, ["--version"], { encoding: "utf8", env: {} }).trim();
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    throw unsuitable(`${node} cannot be read, or does not run here`, cause);
  }
  if (version === process.version) return file;
  throw unsuitable(
    `it is ${version.slice(0, 40)}, and a blob for it is written by that version; this one is ${process.version}`,
  );
}

/** What is no file is not waited for. */
function readWhole(path: string): Buffer {
  const { file } = openRegularFileSync(path);
  try {
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** `…:0` becomes `…:1`, at its one place. */
function withFuseSet(file: Buffer): Buffer {
  const at = file.indexOf(`${FUSE}:`);
  const isOnce = at !== -1 && file.indexOf(`${FUSE}:`, at + 1) === -1;
  const value = file[at + FUSE.length + 1];
  if (!isOnce || value !== 0x30)
    throw unsuitable("it has no fuse for a single executable, or one that is set");
  const set = Buffer.from(file);
  set[at + FUSE.length + 1] = 0x31;
  return set;
}

function unsuitable(what: string, cause?: unknown): PublishError {
  return new PublishError("NODE_UNSUITABLE", `no executable can be made: ${what}`, {
    ...(cause !== undefined && { cause }),
    hint: "name Node's own build for this machine, of the version that runs, by --node; or leave out --sea",
  });
}
