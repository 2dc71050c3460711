/** A device that demands a transparency log, through the programs: what it takes, what it refuses and then leaves untouched. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeviceState } from "../../src/fetch/state.ts";
import { openBundle } from "../../src/publish/bundle.ts";
import { appendRelease, createLog } from "../../src/publish/log/append.ts";
import { openLogKey } from "../../src/publish/log/log-key.ts";
import { proveRelease } from "../../src/publish/log/prove.ts";
import { proveBundle } from "../../src/publish/prove-bundle.ts";
import { publishToFolder } from "../../src/publish/upload/folder-page.ts";
import { makeReleaseLine, type ReleaseLine } from "../kit/release-line.ts";
import { ok, run, snapshot } from "../kit/world.ts";

const PROOF = "manifest.json.tlog-proof";

const folder = mkdtempSync(join(tmpdir(), "themis-tlog-"));
const at = (...names: string[]): string => join(folder, ...names);
let line: ReleaseLine;
let key: string;
let devices = 0;

beforeAll(async () => {
  line = await makeReleaseLine(["1.0.0", "1.1.0", "1.2.0"]);
  await ok("themis-bundle", "log", "keygen", "--name", "example.com/app", "--out", at("keys"));
  await ok("themis-bundle", "log", "keygen", "--name", "example.org/app", "--out", at("others"));
  key = readFileSync(at("keys/log-key.pub"), "utf8").trim();
  // The honest world: each release is logged, proven and published when it is made.
  await logAndPublish("log", "page", [0, 1, 2]);
  // The same key keeps another history: in it 1.0.0 never was.
  await logAndPublish("forked-log", "forked-page", [1, 2]);
});

afterAll(() => {
  line.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Copies of the bundles, so that each world has proofs of its own. In this process: test/publish/log/ has the commands. */
async function logAndPublish(
  log: string,
  page: string,
  numbers: readonly number[],
  keys = "keys",
): Promise<void> {
  const signer = await openLogKey(at(keys, "log-key.txt"));
  await createLog(at(log), signer);
  for (const number of numbers) {
    const bundle = at(`${page}-bundle-${number}`);
    cpSync(line.bundles[number]!, bundle, { recursive: true });
    await appendRelease(at(log), await openBundle(bundle), signer);
    await proveRelease(at(log), await openBundle(bundle), signer.key);
    const policy = { anchors: line.anchors, logKeys: [signer.key] };
    const proven = await proveBundle(await openBundle(bundle), { policy, now: new Date() });
    await publishToFolder(proven.bundle, at(page));
  }
}

function device(from?: string): string {
  const root = at(`device-${devices++}`);
  if (from) cpSync(from, root, { recursive: true, verbatimSymlinks: true });
  else mkdirSync(root);
  return root;
}

function updateArgs(root: string, source: string, ...more: string[]): string[] {
  return ["update", "--source", source, "--root", root, "--trust-anchor", line.anchor, ...more];
}

async function update(root: string, page: string, ...more: string[]): Promise<Record<string, unknown>> {
  return ok("themis-fetch", ...updateArgs(root, at(page), "--log-key", key, ...more));
}

async function refused(...args: string[]): Promise<{ code: string; facts?: unknown }> {
  const { status, stdout } = await run("themis-fetch", ...args, "--json");
  expect(status).toBe(4);
  return (JSON.parse(stdout) as { error: { code: string } }).error;
}

/** Everything of a root, its records too; SQLite's lock file apart, which holds nothing. */
function whole(root: string): Record<string, string> {
  const records = join(root, ".themis");
  const files = existsSync(records)
    ? readdirSync(records, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    : [];
  return {
    ...snapshot(root),
    ...Object.fromEntries(
      files.map(({ parentPath, name }) => [
        join(parentPath, name),
        readFileSync(join(parentPath, name), "base64"),
      ]),
    ),
  };
}

function remembered(root: string): Record<string, unknown>[] {
  const state = DeviceState.read(join(root, ".themis"))!;
  try {
    return (state.trusted().logs ?? []).map(({ origin, size }) => ({ origin, size }));
  } finally {
    state.close();
  }
}

describe("a device with a log key", () => {
  it("installs what is in the log, remembers the checkpoint, and goes on when the log has grown", async () => {
    const root = device();
    await update(root, "page", "--version", "1.0.0");
    expect(remembered(root)).toEqual([{ origin: "example.com/app", size: 1 }]);
    expect(await update(root, "page")).toMatchObject({ to: "1.2.0" });
    expect(remembered(root)).toEqual([{ origin: "example.com/app", size: 3 }]);
    expect(snapshot(root)).toEqual(snapshot(line.trees[2]!));
    expect(await update(root, "page")).toMatchObject({ kind: "nothing-to-do" });
  });

  it("refuses the other history of a log that has two, shows both checkpoints, and nothing is written", async () => {
    const root = device();
    await update(root, "page", "--version", "1.0.0");
    const before = whole(root);
    const error = await refused(...updateArgs(root, at("forked-page"), "--log-key", key));
    expect(error).toMatchObject({ code: "LOG_FORKED" });
    expect(whole(root)).toEqual(before);
  });

  it("refuses a fork of the very size that it remembers", async () => {
    const root = device();
    await logAndPublish("same-size-log", "same-size-page", [1]);
    await update(root, "page", "--version", "1.0.0");
    expect(await refused(...updateArgs(root, at("same-size-page"), "--log-key", key))).toMatchObject({
      code: "LOG_FORKED",
    });
  });

  it("refuses a log that is smaller than it was", async () => {
    const root = device();
    await update(root, "page", "--version", "1.1.0");
    const before = whole(root);
    await logAndPublish("short-log", "short-page", [2]);
    expect(await refused(...updateArgs(root, at("short-page"), "--log-key", key))).toMatchObject({
      code: "LOG_ROLLED_BACK",
    });
    expect(whole(root)).toEqual(before);
  });

  it("refuses a release without a proof, and leaves an empty root empty", async () => {
    const root = device();
    const args = updateArgs(root, line.bundles[0]!, "--log-key", key);
    expect(await refused(...args)).toMatchObject({ code: "LOG_PROOF_MISSING" });
    expect(readdirSync(root)).toEqual([]);
    expect(await ok("themis-fetch", ...updateArgs(root, line.bundles[0]!))).toMatchObject({ to: "1.0.0" });
  });

  it("refuses the proof of another release, and one by a log that it does not trust", async () => {
    const swapped = at("swapped");
    cpSync(line.bundles[2]!, swapped, { recursive: true });
    cpSync(at("page/1.0.0", PROOF), join(swapped, PROOF));
    const root = device();
    expect(await refused(...updateArgs(root, swapped, "--log-key", key))).toMatchObject({
      code: "LOG_PROOF_INVALID",
    });
    const other = at("others/log-key.pub");
    expect(await refused(...updateArgs(root, at("page"), "--log-key", other))).toMatchObject({
      code: "LOG_KEY_UNKNOWN",
    });
    expect(readdirSync(root)).toEqual([]);
    expect(await update(root, "page", "--log-key", other)).toMatchObject({ to: "1.2.0" });
  });

  it("takes no checkpoint on its word when the key's signature is not over it", async () => {
    const forged = at("forged-checkpoint");
    cpSync(at("page/1.2.0"), forged, { recursive: true });
    const text = readFileSync(join(forged, PROOF), "utf8");
    const other = readFileSync(at("forked-page/1.2.0", PROOF), "utf8");
    writeFileSync(
      join(forged, PROOF),
      text.slice(0, text.indexOf("\n\n—")) + other.slice(other.indexOf("\n\n—")),
    );
    const root = device();
    expect(await refused(...updateArgs(root, forged, "--log-key", key))).toMatchObject({
      code: "LOG_CHECKPOINT_INVALID",
    });
    expect(readdirSync(root)).toEqual([]);
  });

  it("remembers a log that is demanded for the first time, though there is nothing to do", async () => {
    const root = device();
    await ok("themis-fetch", ...updateArgs(root, at("page"), "--version", "1.1.0"));
    expect(remembered(root)).toEqual([]);
    await update(root, "page", "--version", "1.1.0");
    expect(remembered(root)).toEqual([{ origin: "example.com/app", size: 2 }]);
    await ok("themis-fetch", ...updateArgs(root, at("page")));
    expect(remembered(root)).toEqual([{ origin: "example.com/app", size: 2 }]);
  });

  it("repairs the installed release by the proof of its own time, and forgets nothing by that", async () => {
    const older = device();
    await update(older, "page", "--version", "1.1.0");
    await update(older, "page");
    await ok("themis-fetch", "rollback", "--root", older);
    rmSync(join(older, "etc/app.conf"));
    const args = ["--source", at("page"), "--root", older, "--trust-anchor", line.anchor, "--log-key", key];
    await ok("themis-fetch", "repair", ...args);
    expect(snapshot(older)).toEqual(snapshot(line.trees[1]!));
    expect(remembered(older)).toEqual([{ origin: "example.com/app", size: 3 }]);
  });
});

it("what a device has seen is told by status, and the log's keeper can be asked about it", async () => {
  const root = device();
  await update(root, "page", "--version", "1.1.0");
  const { logs } = (await ok("themis-fetch", "status", "--root", root)) as {
    logs: { size: number; note: string }[];
  };
  expect(logs.map(({ size }) => size)).toEqual([2]);
  writeFileSync(at("from-status"), logs[0]!.note);
  const since = ["--key", key, "--since", at("from-status")];
  expect(await ok("themis-bundle", "log", "verify", at("log"), ...since)).toMatchObject({ size: 3 });
  const { status, stdout } = await run(
    "themis-bundle",
    "log",
    "verify",
    at("forked-log"),
    ...since,
    "--json",
  );
  expect([status, JSON.parse(stdout)]).toMatchObject([4, { error: { code: "LOG_FORKED" } }]);
});

describe("offline", () => {
  it("one file carries the proof and the way back to what the device saw, and a fork in it is refused", async () => {
    const from = (page: string, out: string) =>
      ok("themis-fetch", "bundle", "--source", at(page), "--trust-anchor", line.anchor, "--out", at(out));
    await from("page", "honest.tar");
    await from("forked-page", "forked.tar");
    const root = device();
    await update(root, "page", "--version", "1.0.0");
    const offline = (tar: string) => [
      ...["update", "--offline", at(tar), "--root", root],
      ...["--trust-anchor", line.anchor, "--log-key", at("keys/log-key.pub")],
    ];
    const before = whole(root);
    expect(await refused(...offline("forked.tar"))).toMatchObject({ code: "LOG_FORKED" });
    expect(whole(root)).toEqual(before);
    expect(await ok("themis-fetch", ...offline("honest.tar"))).toMatchObject({ to: "1.2.0" });
    expect(remembered(root)).toEqual([{ origin: "example.com/app", size: 3 }]);
  });
});

describe("the publisher", () => {
  it("verifies a bundle against its log, and does not publish the proof of another manifest", async () => {
    const verify = ["verify", at("page-bundle-1"), "--trust-anchor", line.anchor, "--log-key", key];
    expect(await ok("themis-bundle", ...verify)).toMatchObject({
      log: { origin: "example.com/app", size: 2 },
    });
    const wrong = at("wrong-bundle");
    cpSync(line.bundles[2]!, wrong, { recursive: true });
    cpSync(at("page-bundle-1", PROOF), join(wrong, PROOF));
    const { status, stdout } = await run(
      "themis-bundle",
      "publish",
      wrong,
      "--to",
      `file:${at("wrong-page")}`,
      "--json",
    );
    expect(status).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "LOG_PROOF_INVALID" } });
    expect(existsSync(at("wrong-page"))).toBe(false);
  });

  it("replaces a proof on the page by one of the grown log, and never by one of a smaller", async () => {
    const page = at("grown-page");
    const publish = (bundle: string) => ok("themis-bundle", "publish", bundle, "--to", `file:${page}`);
    const old = at("old-proof");
    cpSync(at("page-bundle-0"), old, { recursive: true });
    await publish(old);
    await ok("themis-bundle", "log", "prove", at("log"), at("page-bundle-0"));
    expect(await publish(at("page-bundle-0"))).toMatchObject({ changed: true });
    const grown = readFileSync(join(page, "1.0.0", PROOF));
    expect(await publish(old)).toMatchObject({ changed: false });
    expect(readFileSync(join(page, "1.0.0", PROOF)).equals(grown)).toBe(true);
  });

  it("themis-fetch verify asks for the proof beside the manifest, and says the log", async () => {
    const of = (name: string) => at("page/1.1.0", name);
    const args = [
      "--trust-anchor",
      line.anchor,
      "--manifest",
      of("manifest.json"),
      "--signature",
      of("manifest.json.p7s"),
    ];
    expect(await ok("themis-fetch", "verify", ...args, "--log-key", key)).toMatchObject({ log: { size: 2 } });
    const without = ["--log-proof", at("page/1.0.0", PROOF), "--log-key", key];
    expect(await refused("verify", ...args, ...without)).toMatchObject({ code: "LOG_PROOF_INVALID" });
  });
});

it("a key in themis.yml is demanded by every command, and a file in it is found beside it", async () => {
  const root = device();
  const config = at("keys/themis.yml");
  writeFileSync(
    config,
    `checker: { source: ${line.bundles[0]}, trustAnchor: ${line.anchor}, logKey: [log-key.pub] }\nhotReload: { root: ${root} }\n`,
  );
  expect(await refused("update", "--config", config)).toMatchObject({ code: "LOG_PROOF_MISSING" });
  expect(await ok("themis-fetch", "update", "--config", config, "--source", at("page"))).toMatchObject({
    to: "1.2.0",
  });
});
