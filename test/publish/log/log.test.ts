/** A log of releases, kept by the program: what it holds, what it refuses, and what a cut leaves. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCheckpoint } from "../../../src/format/log/checkpoint.ts";
import { decodeNote } from "../../../src/format/log/signed-note.ts";
import { openBundle } from "../../../src/publish/bundle.ts";
import { type Appended, appendRelease, createLog } from "../../../src/publish/log/append.ts";
import { openLog } from "../../../src/publish/log/log-folder.ts";
import { openLogKey } from "../../../src/publish/log/log-key.ts";
import { hasStrace } from "../../kit/sweep/strace.ts";
import { ok, run } from "../../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-log-"));
const at = (...names: string[]): string => join(folder, ...names);
const KEY = at("keys/log-key.txt");
const PUBLIC = at("keys/log-key.pub");

beforeAll(async () => {
  mkdirSync(at("tree"));
  writeFileSync(at("tree/app"), "an app\n");
  for (const [version, sequence] of [
    ["1.0.0", 1],
    ["1.1.0", 2],
    ["1.2.0", 3],
  ] as const)
    await bundle(at(version), version, sequence);
  await ok("themis-bundle", "log", "keygen", "--name", "example.com/releases", "--out", at("keys"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function bundle(out: string, version: string, sequence: number, ...more: string[]): Promise<void> {
  const release = ["--product", "app", "--version", version, "--sequence", `${sequence}`, "--out", out];
  await ok("themis-bundle", "build", at("tree"), ...release, ...more);
}

async function logOf(name: string, ...versions: string[]): Promise<string> {
  await createLog(at(name), await openLogKey(KEY));
  for (const version of versions) await append(at(name), at(version));
  return at(name);
}

/** In this process, as the command does it: a process for each step would take a minute. */
async function append(log: string, of: string): Promise<Appended> {
  return appendRelease(log, await openBundle(of), await openLogKey(KEY));
}

async function sizeOf(log: string): Promise<number> {
  return (await openLog(log, (await openLogKey(KEY)).key)).checkpoint.size;
}

async function refusal(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout } = await run("themis-bundle", ...args, "--json");
  return { status, ...(JSON.parse(stdout) as { error: { code: string } }).error };
}

describe("the key", () => {
  it("is written once, the secret for its owner alone, and never shown", async () => {
    const secret = readFileSync(KEY, "utf8").trim();
    expect(statSync(KEY).mode & 0o777).toBe(0o600);
    const { status, stdout, stderr } = await run(
      ...(["themis-bundle", "log", "keygen", "--name", "other", "--out", at("other"), "--json"] as const),
    );
    expect(status).toBe(0);
    const own = readFileSync(at("other/log-key.txt"), "utf8").trim();
    expect(`${stdout}${stderr}`).not.toContain(own.split("+").slice(4).join("+"));
    const again = await refusal("log", "keygen", "--name", "example.com/releases", "--out", at("keys"));
    expect(again).toMatchObject({ status: 2, code: "LOG_EXISTS" });
    expect(readFileSync(KEY, "utf8").trim()).toBe(secret);
  });

  it("on a command line is refused before it is used, and not repeated", async () => {
    const secret = readFileSync(KEY, "utf8").trim();
    const { status, stdout, stderr } = await run("themis-bundle", "log", "verify", at("x"), "--key", secret);
    expect(status).toBe(2);
    expect(`${stdout}${stderr}`).not.toContain(secret);
  });

  it("of a name that no note can have is refused", async () => {
    const found = await refusal("log", "keygen", "--name", "two words", "--out", at("none"));
    expect(found).toMatchObject({ status: 4, code: "LOG_KEY_MALFORMED" });
    expect(existsSync(at("none"))).toBe(false);
  });
});

describe("a log", () => {
  it("grows by releases, is proven whole, and gives a proof that anybody can check", async () => {
    const log = await logOf("grows", "1.0.0", "1.1.0");
    const first = readFileSync(join(log, "checkpoint"));
    writeFileSync(at("since"), first);
    const args = ["log", "append", log, at("1.2.0"), "--key", KEY];
    expect(await ok("themis-bundle", ...args)).toMatchObject({ index: 2, size: 3, changed: true });
    const proven = await ok("themis-bundle", "log", "verify", log, "--key", PUBLIC, "--since", at("since"));
    expect(proven).toMatchObject({ origin: "example.com/releases", size: 3 });
    expect((proven.releases as { version: string }[]).map(({ version }) => version)).toEqual([
      "1.0.0",
      "1.1.0",
      "1.2.0",
    ]);
    await ok("themis-bundle", "log", "prove", log, at("1.1.0"));
    const lines = readFileSync(at("1.1.0/manifest.json.tlog-proof"), "utf8").split("\n");
    expect(lines[0]).toBe("c2sp.org/tlog-proof@v1");
    expect(lines[2]).toBe("index 1");
    // By hand: the entry of the manifest, its two siblings, the root.
    const manifest = readFileSync(at("1.1.0/manifest.json"));
    const entry = `{"manifest_sha256":"${digest(manifest).toString("hex")}","manifest_size":${manifest.length},"product":"app","schema_version":1,"sequence":2,"version":"1.1.0"}`;
    const [before, after] = [lines[3]!, lines[4]!].map((line) => Buffer.from(line, "base64"));
    const node = (left: Buffer, right: Buffer) => digest(Buffer.concat([Buffer.of(1), left, right]));
    const leaf = digest(Buffer.concat([Buffer.of(0), Buffer.from(entry)]));
    expect(node(node(before!, leaf), after!).toString("base64")).toBe(proven.root);
  });

  it("takes the same release twice and stays byte for byte", async () => {
    const log = await logOf("twice", "1.0.0", "1.1.0");
    const before = contents(log);
    expect(await append(log, at("1.0.0"))).toMatchObject({ index: 0, size: 2, changed: false });
    expect(contents(log)).toEqual(before);
  });

  it("refuses another manifest of a version, and a sequence that does not grow", async () => {
    const log = await logOf("conflict", "1.1.0");
    await bundle(at("forged"), "1.1.0", 9, "--release-notes", "another");
    const before = contents(log);
    for (const of of [at("forged"), at("1.0.0")]) {
      const found = await refusal("log", "append", log, of, "--key", KEY);
      expect(found).toMatchObject({ status: 4, code: "LOG_CONFLICT" });
    }
    expect(contents(log)).toEqual(before);
  });

  it("gives no proof of a release that it does not hold", async () => {
    const log = await logOf("lacks", "1.0.0");
    expect(await refusal("log", "prove", log, at("1.2.0"))).toMatchObject({ code: "LOG_ENTRY_MISSING" });
    expect(existsSync(at("1.2.0/manifest.json.tlog-proof"))).toBe(false);
  });

  it("never begins anew in a folder that holds something, and is not made where none is", async () => {
    const log = await logOf("anew", "1.0.0");
    expect(await refusal("log", "create", log, "--key", KEY)).toMatchObject({ code: "LOG_EXISTS" });
    expect(await refusal("log", "append", at("nowhere"), at("1.0.0"), "--key", KEY)).toMatchObject({
      code: "LOG_MISSING",
    });
    expect(existsSync(at("nowhere"))).toBe(false);
  });

  it("is not continued by another key", async () => {
    const log = await logOf("stolen", "1.0.0");
    await ok("themis-bundle", "log", "keygen", "--name", "example.com/releases", "--out", at("keys2"));
    const found = await refusal("log", "append", log, at("1.1.0"), "--key", at("keys2/log-key.txt"));
    expect(found).toMatchObject({ status: 4, code: "LOG_KEY_MISMATCH" });
  });

  it("that has another history since a kept checkpoint is found by whoever watches it", async () => {
    const one = await logOf("history-one", "1.0.0", "1.1.0");
    const other = await logOf("history-other", "1.0.0", "1.2.0");
    copyFileSync(join(one, "checkpoint"), at("kept"));
    const verify = ["--key", PUBLIC, "--since", at("kept")];
    expect(await refusal("log", "verify", other, ...verify)).toMatchObject({ status: 4, code: "LOG_FORKED" });
    const short = await logOf("history-short", "1.0.0");
    expect(await refusal("log", "verify", short, ...verify)).toMatchObject({ code: "LOG_ROLLED_BACK" });
  });

  it.each([
    { what: "an entry was rewritten", file: "tile/entries/000.p/2", damage: flip },
    { what: "a tile was rewritten", file: "tile/0/000.p/2", damage: flip },
    { what: "a tile was cut", file: "tile/0/000.p/2", damage: (path: string) => truncateSync(path, 32) },
    { what: "a tile is gone", file: "tile/0/000.p/2", damage: (path: string) => rmSync(path) },
    {
      what: "the entries are cut",
      file: "tile/entries/000.p/2",
      damage: (path: string) => truncateSync(path, 99),
    },
  ])("in which $what is refused, and nothing is appended to it", async ({ what, file, damage }) => {
    const log = await logOf(`damaged ${what}`, "1.0.0", "1.1.0");
    damage(join(log, file));
    const before = contents(log);
    expect(await refusal("log", "verify", log, "--key", PUBLIC)).toMatchObject({
      status: 4,
      code: "LOG_DAMAGED",
    });
    expect(await refusal("log", "append", log, at("1.2.0"), "--key", KEY)).toMatchObject({
      code: "LOG_DAMAGED",
    });
    expect(contents(log)).toEqual(before);
  });

  it("whose checkpoint was rewritten is refused", async () => {
    const log = await logOf("rewritten", "1.0.0");
    const path = join(log, "checkpoint");
    writeFileSync(path, readFileSync(path, "utf8").replace("\n1\n", "\n2\n"));
    expect(await refusal("log", "verify", log, "--key", PUBLIC)).toMatchObject({
      code: "LOG_CHECKPOINT_INVALID",
    });
  });
});

describe("two and a cut", () => {
  it("of two appends at once each is in the log or says that another one was at it", async () => {
    const log = await logOf("race", "1.0.0");
    const both = await Promise.all(
      [1, 2].map(() => run("themis-bundle", "log", "append", log, at("1.1.0"), "--key", KEY, "--json")),
    );
    const codes = both.map(({ status, stdout }) =>
      status === 0 ? "done" : (JSON.parse(stdout) as { error: { code: string } }).error.code,
    );
    expect(codes).toContain("done");
    expect(codes.filter((code) => code !== "done" && code !== "LOG_BUSY")).toEqual([]);
    expect(await sizeOf(log)).toBe(2);
  });

  it("whatever an append had written before its checkpoint, the next one makes the log whole", async () => {
    // Every state that a cut can leave: some of the new files, the old checkpoint, half a file under a name of its own.
    const old = await logOf("cut-old", "1.0.0");
    cpSync(old, at("cut-new"), { recursive: true });
    await append(at("cut-new"), at("1.1.0"));
    const added = Object.keys(contents(at("cut-new"))).filter((name) => !(name in contents(old)));
    expect(added.length).toBeGreaterThan(1);
    for (let written = 0; written <= added.length; written++) {
      const log = at(`cut-${written}`);
      cpSync(old, log, { recursive: true });
      // What was cut was an append of another release: its files have the names of the next one's.
      for (const name of added.slice(0, written)) {
        mkdirSync(join(log, name, ".."), { recursive: true });
        copyFileSync(at("cut-new", name), join(log, name));
      }
      writeFileSync(join(log, "checkpoint.part-1-00"), "half");
      expect(await sizeOf(log)).toBe(1);
      expect(await append(log, at("1.2.0"))).toMatchObject({ size: 2, changed: true });
      expect(await sizeOf(log)).toBe(2);
    }
  });

  it.skipIf(!hasStrace())(
    "killed at any call that changes the disk, the log is the old one or the new one, and the next append ends it",
    async () => {
      const old = await logOf("kill-old");
      const sizes = new Set<number>();
      let kills = 0;
      for (const call of ["mkdir", "fsync", "rename"]) {
        for (let count = 1, isKilled = true; isKilled; count++) {
          const log = at(`kill-${call}-${count}`);
          cpSync(old, log, { recursive: true });
          isKilled = await appendKilledAt(log, call, count);
          const size = await sizeOf(log);
          sizes.add(size);
          if (isKilled) kills++;
          expect([0, 1]).toContain(size);
          if (!isKilled) expect(size).toBe(1);
          await append(log, at("1.1.0"));
          expect(await sizeOf(log)).toBe(1);
        }
      }
      expect(sizes).toEqual(new Set([0, 1]));
      expect(kills).toBeGreaterThan(9);
    },
  );
});

/** By strace, at the entry of the call, in each thread at its own. @returns false when there is no such call any more */
async function appendKilledAt(log: string, call: string, count: number): Promise<boolean> {
  const program = join(import.meta.dirname, "../../../src/bin/themis-bundle.ts");
  const strace = [
    ...["-f", "-qq", "-o", "/dev/null", "-e", `trace=?${call}`],
    ...["-e", `inject=?${call}:signal=SIGKILL:when=${count}`],
  ];
  const append = [process.execPath, program, "log", "append", log, at("1.1.0"), "--key", KEY];
  const env = { ...process.env, UV_THREADPOOL_SIZE: "1" };
  const { signal, status } = spawnSync("strace", [...strace, ...append], { env });
  if (signal !== "SIGKILL") expect(status).toBe(0);
  return signal === "SIGKILL";
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[40]! ^= 1;
  writeFileSync(path, bytes);
}

function digest(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function contents(log: string): Record<string, string> {
  const files = readdirSync(log, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.includes(".lock.db"))
      .map((path) => [path.slice(log.length + 1), readFileSync(path).toString("hex")]),
  );
}

it("a checkpoint is what C2SP says, by its text", async () => {
  const log = await logOf("text", "1.0.0");
  const { origin, size } = decodeCheckpoint(decodeNote(readFileSync(join(log, "checkpoint"))).text);
  expect({ origin, size }).toEqual({ origin: "example.com/releases", size: 1 });
});
