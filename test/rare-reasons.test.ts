/** Failures that no other test comes upon, each by its code (reasons.test.ts). */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readRegularFile } from "../src/base/input-file.ts";
import { takeObject } from "../src/fetch/store/store-object.ts";
import { decodeCertificate } from "../src/format/cms/certificate.ts";
import { decodeCrl } from "../src/format/cms/crl.ts";
import { decodeSignedData } from "../src/format/cms/signed-data.ts";
import { encodeNote } from "../src/format/log/signed-note.ts";
import { createByAddon } from "../src/publish/diff/bsdiff-addon.ts";
import { MAX_LOG_ENTRIES, openLog } from "../src/publish/log/log-folder.ts";
import { openLogKey } from "../src/publish/log/log-key.ts";
import { localMakers } from "../src/publish/makers.ts";
import { attachCrls } from "../src/publish/sign/attach-crls.ts";
import { indexTree } from "../src/publish/tree.ts";
import { preFlight } from "../src/publish/upload/github/pre-flight.ts";
import { seeds } from "./fuzz/seeds.ts";
import { makeWorld, ok, run, snapshot, type World } from "./kit/world.ts";
import { der, names, oid, sequence } from "./trust/craft.ts";
import { extension, forgeList, newKey, revokedEntry } from "./trust/forge.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-reasons-"));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const withCode = (code: string) => expect.objectContaining({ code });

describe("a reader says", () => {
  it("CMS_MALFORMED of DER that is no message", () => {
    const message = sequence(oid(names.data), der(0xa0, sequence()));
    expect(() => decodeSignedData(message)).toThrow(withCode("CMS_MALFORMED"));
  });

  it("FILE_TOO_LARGE of a file beyond its bound", async () => {
    writeFileSync(at("large"), "four");
    await expect(readRegularFile(at("large"), 3)).rejects.toThrow(withCode("FILE_TOO_LARGE"));
  });

  it("SIGNATURE_FULL of lists that would make a signature larger than devices read", () => {
    const { subject } = decodeCertificate(Buffer.from(seeds.ca, "base64"));
    const [message] = Object.values(seeds.messages);
    const entries = Array.from({ length: 127 }, (_, i) =>
      revokedEntry(i + 1, extension("1.2.3", der(0x04, Buffer.alloc(600)))),
    );
    const list = forgeList({ issuer: Buffer.from(subject.der), by: newKey(), entries });
    expect(() => attachCrls(Buffer.from(message!, "base64"), [decodeCrl(list)])).toThrow(
      withCode("SIGNATURE_FULL"),
    );
  });

  it("STORE_OBJECT_UNUSABLE of an object that is gone", async () => {
    const wanted = { sha256: createHash("sha256").digest("hex"), sizeBytes: 0, mode: 0o644 };
    mkdirSync(at("store"));
    await expect(takeObject({ store: at("store"), outPath: at("out"), ...wanted })).rejects.toThrow(
      withCode("STORE_OBJECT_UNUSABLE"),
    );
  });

  it("TREE_CHANGED of a file that is another one than when the build began", async () => {
    mkdirSync(at("tree"));
    writeFileSync(at("tree/app"), "before");
    const tree = await indexTree(at("tree"));
    writeFileSync(at("tree/app"), "behind");
    const makers = localMakers({ algorithms: [], diff: {} as never, jobs: 1 });
    await expect(makers.compress(tree, tree.entries[0]!)).rejects.toThrow(withCode("TREE_CHANGED"));
    await makers.close();
  });

  it("RELEASE_LIMIT of more assets than a release on GitHub may have", async () => {
    const assets = Array.from({ length: 1001 }, (_, i) => ({ name: `${i}`, sizeBytes: 1 }));
    // Said before anything is asked.
    await expect(preFlight({} as never, assets as never, { tag: "v1", target: "" })).rejects.toThrow(
      withCode("RELEASE_LIMIT"),
    );
  });
});

describe("a program says", () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld();
    await ok("themis-bundle", "log", "keygen", "--name", "example.com/log", "--out", at("keys"));
    await ok("themis-bundle", "log", "create", at("log"), "--key", at("keys/log-key.txt"));
    mkdirSync(at("empty"));
    writeFileSync(at("no-certificate.pem"), "nothing\n");
  });
  afterAll(() => world?.remove());

  const build = (tree: string, version: string, ...more: string[]): string[] => [
    ...["build", tree, "--product", "app", "--version", version, "--out", at("never"), ...more],
  ];

  it.each<{ code: string; status: number; args: () => Parameters<typeof run> }>([
    { code: "TREE_EMPTY", status: 2, args: () => ["themis-bundle", ...build(at("empty"), "1.0.0")] },
    { code: "RELEASE_INVALID", status: 2, args: () => ["themis-bundle", ...build(world.old, "one two")] },
    {
      code: "FROM_VERSION",
      status: 2,
      args: () => ["themis-bundle", ...build(world.new, "1.0.0", "--from", `1.0.0=${world.old}`)],
    },
    {
      code: "BUNDLE_MISSING",
      status: 2,
      args: () => ["themis-bundle", "verify", at("empty"), "--trust-anchor", world.anchor],
    },
    {
      code: "CHANNEL_UNREADABLE",
      status: 2,
      args: () => ["themis-bundle", "channel", "hold", at("no-channel.json"), "--reason", "x"],
    },
    {
      code: "CA_UNREADABLE",
      status: 2,
      args: () => [
        ...([
          "themis-fetch",
          "check",
          "--source",
          "https://127.0.0.1:9/page",
          "--root",
          world.device("ca"),
        ] as const),
        ...["--trust-anchor", world.anchor, "--ca", at("no-certificate.pem")],
      ],
    },
  ])("$code", async ({ code, status, args }) => {
    const answer = await run(...args(), "--json");
    expect(JSON.parse(answer.stdout)).toMatchObject({ error: { code } });
    expect(answer.status).toBe(status);
  });

  it("LOG_FULL of a log with more entries than are read", async () => {
    const signer = await openLogKey(at("keys/log-key.txt"));
    mkdirSync(at("full"));
    const checkpoint = signer.sign({ size: MAX_LOG_ENTRIES + 1, root: new Uint8Array(32) });
    writeFileSync(at("full/checkpoint"), encodeNote(checkpoint));
    await expect(openLog(at("full"), undefined)).rejects.toThrow(withCode("LOG_FULL"));
  });

  it("LOG_UNWRITABLE of a log that it cannot lock", async () => {
    rmSync(at("log/.lock.db"), { force: true });
    mkdirSync(at("log/.lock.db"));
    const args = ["log", "append", at("log"), world.at("bundle-1.1.0"), "--key", at("keys/log-key.txt")];
    const { stdout } = await run("themis-bundle", ...args, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "LOG_UNWRITABLE" } });
  });

  const hook = resolve(import.meta.dirname, "kit/without-package.ts");
  /** In an environment of its own. */
  const runWith = (environment: Readonly<Record<string, string>>, ...args: string[]): unknown => {
    const script = resolve(import.meta.dirname, "../src/bin/themis-bundle.ts");
    const { stdout } = spawnSync(process.execPath, [script, ...args, "--json"], {
      env: { ...process.env, NODE_OPTIONS: `--import=${hook}`, ...environment },
      encoding: "utf8",
    });
    return JSON.parse(stdout);
  };

  it("ADDON_MISSING where the package for tokens is not there", () => {
    expect(
      runWith({ THEMIS_WITHOUT: "graphene-pk11" }, "keys", "list", "pkcs11:?module-path=/lib/none.so"),
    ).toMatchObject({ error: { code: "ADDON_MISSING" } });
  });

  it("DIFF_ENGINE_MISSING where the addon of bsdiff is not there", async () => {
    const [sourcePath, targetPath] = [join(world.old, "same.dat"), join(world.new, "same.dat")];
    vi.stubEnv("NODE_OPTIONS", `--import=${hook}`);
    vi.stubEnv("THEMIS_WITHOUT", "bsdiff-node");
    try {
      await expect(createByAddon({ sourcePath, targetPath })).rejects.toThrow(
        withCode("DIFF_ENGINE_MISSING"),
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  /** Where Node itself comes to its end is not ours to say; somewhere above that it is. */
  it("TOO_MANY_FILES where the system opens no more, and the root stays as it was", () => {
    const script = resolve(import.meta.dirname, "../src/bin/themis-fetch.ts");
    const codes = Array.from({ length: 12 }, (_, i) => {
      const root = world.device(`few-files-${i}`);
      const args = ["update", "--source", world.at("bundle-1.1.0"), "--root", root];
      const command = [process.execPath, script, ...args, "--trust-anchor", world.anchor, "--json"];
      const { stdout } = spawnSync("sh", ["-c", `ulimit -n ${36 + 2 * i}; exec "$@"`, "sh", ...command], {
        encoding: "utf8",
      });
      const code = /"code": "(\w+)"/.exec(stdout)?.[1];
      expect([{}, snapshot(world.new)]).toContainEqual(snapshot(root));
      return code;
    });
    expect(codes).toContain("TOO_MANY_FILES");
  });

  it("API_UNREACHABLE where nobody answers", () => {
    const nobody = { GITHUB_API_URL: "http://127.0.0.1:9", GITHUB_TOKEN: "none" };
    const args = ["publish", world.at("bundle-1.1.0"), "--to", "github:owner/repository"];
    expect(runWith(nobody, ...args)).toMatchObject({ error: { code: "API_UNREACHABLE" } });
  });
});
