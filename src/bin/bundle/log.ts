import type { Command } from "commander";
import { systemCode, ThemisError } from "../../base/error.ts";
import type { NoteKey } from "../../format/log/note-key.ts";
import { openBundle } from "../../publish/bundle.ts";
import { appendRelease, createLog } from "../../publish/log/append.ts";
import { checkSince } from "../../publish/log/audit.ts";
import { openLog } from "../../publish/log/log-folder.ts";
import { generateLogKey, type LogSigner, openLogKey } from "../../publish/log/log-key.ts";
import { proveRelease } from "../../publish/log/prove.ts";
import { loadLogKeys } from "../log-keys.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";

const SECRET = "the log's private key, a file of themis-bundle log keygen";
const PUBLIC = "the log's public key: NAME+ID+KEY, or a file with it";

export function logCommand(tools: Tools): Command {
  const log = command(
    "log",
    "a transparency log: every release, for everybody to see, in files that only grow",
  );
  for (const make of [keygenCommand, createCommand, appendCommand, proveCommand, verifyCommand])
    log.addCommand(make(tools));
  return log;
}

function keygenCommand({ say }: Tools): Command {
  return command("keygen", "make the key of a log", [
    "themis-bundle log keygen --name example.com/releases --out log-keys",
  ])
    .requiredOption("--name <name>", "what the log is called for good, such as example.com/releases")
    .requiredOption("--out <folder>", "gets log-key.txt, which is secret, and log-key.pub")
    .action(async ({ name, out }: { name: string; out: string }) => {
      const files = await generateLogKey(name, out);
      say.result(
        { schema: "themis-bundle/log-keygen/1", ...files },
        `${files.public}  devices are given it by --log-key: ${files.key}\n${files.secret}  signs the log: keep it secret`,
      );
    });
}

function createCommand({ say }: Tools): Command {
  return command("create", "begin a log in an empty folder", [
    "themis-bundle log create /srv/log --key log-keys/log-key.txt",
  ])
    .argument("<folder>", "which any web server can serve")
    .requiredOption("--key <file>", SECRET)
    .action(async (folder: string, { key }: { key: string }) => {
      const signer = await secret(key);
      await createLog(folder, signer);
      const { name: origin } = signer.key;
      say.result({ schema: "themis-bundle/log-create/1", folder, origin }, `${folder} is the log ${origin}`);
    });
}

function appendCommand({ say }: Tools): Command {
  return command("append", "put a release into the log; again changes nothing", [
    "themis-bundle log append /srv/log bundle --key log-keys/log-key.txt",
  ])
    .argument("<folder>", "the log")
    .argument("<bundle>", "its manifest will not change any more")
    .requiredOption("--key <file>", SECRET)
    .action(async (folder: string, bundleFolder: string, { key }: { key: string }) => {
      const bundle = await openBundle(bundleFolder);
      const appended = await appendRelease(folder, bundle, await secret(key));
      const { product, version } = bundle.manifest;
      const { index, size, changed } = appended;
      say.result(
        { schema: "themis-bundle/log-append/1", product, version, ...appended },
        changed
          ? `${product} ${version} is entry ${index} of the log, which has ${size} now`
          : `${product} ${version} is entry ${index} of the log's ${size} already; nothing to do`,
      );
    });
}

function proveCommand({ say }: Tools): Command {
  return command("prove", "write the proof that a release is in the log beside its manifest", [
    "themis-bundle log prove /srv/log bundle",
  ])
    .argument("<folder>", "the log")
    .argument("<bundle>", "gets manifest.json.tlog-proof")
    .option("--key <key>", `${PUBLIC}; then its signature is verified too`)
    .action(async (folder: string, bundleFolder: string, { key }: { key?: string }) => {
      const bundle = await openBundle(bundleFolder);
      const proof = await proveRelease(folder, bundle, key === undefined ? undefined : await onlyKey(key));
      say.result(
        { schema: "themis-bundle/log-prove/1", ...proof },
        `${proof.path} proves entry ${proof.index} of the log's ${proof.size} (${proof.bytes} bytes)`,
      );
    });
}

function verifyCommand({ say }: Tools): Command {
  return command("verify", "prove a whole log: every entry, every tile, the root, the signature", [
    "themis-bundle log verify /srv/log --key log-keys/log-key.pub",
  ])
    .argument("<folder>", "the log")
    .requiredOption("--key <key>", PUBLIC)
    .option(
      "--since <checkpoint>",
      "an older checkpoint, a file: also prove that the log has only grown since",
    )
    .action(async (folder: string, { key, since }: { key: string; since?: string }) => {
      const publicKey = await onlyKey(key);
      const opened = await openLog(folder, publicKey);
      if (since !== undefined) checkSince(opened, await readInput(since), publicKey);
      const { checkpoint, releases } = opened;
      const { origin, size } = checkpoint;
      const root = Buffer.from(checkpoint.root).toString("base64");
      say.result(
        { schema: "themis-bundle/log-verify/1", origin, size, root, releases },
        [
          `the log ${origin} is proven: ${size} entries, root ${root}`,
          ...releases.map(
            ({ product, version, sequence, manifest_sha256 }, index) =>
              `${index}  ${product} ${version}  sequence ${sequence}  ${manifest_sha256}`,
          ),
        ].join("\n"),
      );
    });
}

/** @throws LogError LOG_KEY_MALFORMED; ThemisError FILE_UNREADABLE, USAGE */
async function onlyKey(name: string): Promise<NoteKey> {
  const [key, ...more] = await loadLogKeys([name]);
  if (key && more.length === 0) return key;
  throw new ThemisError("USAGE", "usage", `${name} holds several keys, and a log has one`);
}

/** @throws LogError LOG_KEY_MALFORMED; ThemisError FILE_UNREADABLE */
async function secret(path: string): Promise<LogSigner> {
  try {
    return await openLogKey(path);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new ThemisError("FILE_UNREADABLE", "usage", `the key file ${path} cannot be read (${code})`, {
      cause,
    });
  }
}
