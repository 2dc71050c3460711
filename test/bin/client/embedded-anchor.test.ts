/**
 * A client with an anchor in it: the whole way by its one file, and every way to talk it into another anchor.
 *
 * Another publisher, whose root is none of ours, has signed a release of the same product. Whatever is tried, that
 * release must not be installed, and the root stays as it was.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientSays, makeClientFile, runClient, startClient } from "../../kit/client.ts";
import { makeWorld, ok, snapshot, type World } from "../../kit/world.ts";

let world: World;
let client: string;
/** A page of the same product, signed by another root. */
let foreignPage: string;
let foreignAnchor: string;

beforeAll(async () => {
  world = await makeWorld();
  mkdirSync(world.at("alone"));
  client = await makeClientFile(world.at("alone/themis-fetch.mjs"), {
    anchor: world.anchor,
    source: world.page,
  });
  [foreignPage, foreignAnchor] = [world.at("foreign"), world.at("foreign-pki/root.pem")];
  await ok("themis-bundle", "keygen", "--out", world.at("foreign-pki"));
  cpSync(world.at("bundle-1.1.0"), foreignPage, { recursive: true });
  rmSync(join(foreignPage, "manifest.json.p7s"));
  const key = [world.at("foreign-pki/signer-key.pem"), world.at("foreign-pki/signer.pem")] as const;
  await ok("themis-bundle", "sign", foreignPage, "--key", key[0], "--certificates", key[1]);
});
afterAll(() => world.remove());

describe("the whole way by one file, in a folder without node_modules", () => {
  it("updates by delta and in threads, verifies, bundles, rolls back and looks", async () => {
    expect(readdirSync(world.at("alone"))).toEqual(["themis-fetch.mjs"]);
    const root = world.device("whole");
    const first = await clientSays(client, ["update", "--root", root, "--version", "1.0.0"]);
    expect(first).toMatchObject({ status: 0, said: { to: "1.0.0" } });
    expect(snapshot(root)).toEqual(snapshot(world.old));
    const plan = await clientSays(client, ["plan", "--root", root]);
    expect(JSON.stringify(plan.said.steps)).toContain("ZSTD_DICT");
    const second = await clientSays(client, ["update", "--root", root]);
    expect(second).toMatchObject({ status: 0, said: { to: "1.1.0", fellBack: [] } });
    expect(snapshot(root)).toEqual(snapshot(world.new));

    const bundle = world.at("bundle-1.1.0");
    const documents = ["--manifest", `${bundle}/manifest.json`, "--signature", `${bundle}/manifest.json.p7s`];
    expect((await clientSays(client, ["verify", ...documents])).status).toBe(0);
    expect((await clientSays(client, ["check", "--root", root, "--exit-code"])).status).toBe(5);
    expect((await clientSays(client, ["rollback", "--root", root])).said).toMatchObject({ to: "1.0.0" });
    expect(snapshot(root)).toEqual(snapshot(world.old));

    const tar = world.at("offline.tar");
    expect((await clientSays(client, ["bundle", "--out", tar])).status).toBe(0);
    expect((await clientSays(client, ["update", "--root", root, "--offline", tar])).said).toMatchObject({
      to: "1.1.0",
    });
    writeFileSync(join(root, "bin/appd"), "rotten");
    expect((await clientSays(client, ["repair", "--root", root])).status).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.new));
    const look = await runClient(client, ["watch", "--once", "--root", root]);
    expect(look.status, look.stderr).toBe(0);
    for (const name of ["status", "history", "restore-points"])
      expect((await clientSays(client, [name, "--root", root])).status, name).toBe(0);
  });

  it("keeps a service running", async () => {
    const root = world.device("supervised");
    await clientSays(client, ["update", "--root", root]);
    const child = startClient(client, [
      "supervise",
      "--root",
      root,
      "--",
      "/bin/sh",
      "-c",
      "echo up; exec sleep 60",
    ]);
    const ended = new Promise((settle) => child.on("close", settle));
    let said = "";
    for await (const text of child.stdout) {
      said += text;
      if (said.includes("up\n")) break;
    }
    child.kill("SIGTERM");
    await ended;
    expect(said).toContain("up\n");
  });

  it("takes another source when it is told one", async () => {
    const root = world.device("elsewhere");
    const elsewhere = world.at("bundle-1.0.0");
    expect((await clientSays(client, ["update", "--root", root, "--source", elsewhere])).said).toMatchObject({
      to: "1.0.0",
    });
  });
});

describe("another anchor is not believed", () => {
  const attempts: {
    readonly by: string;
    readonly code?: string;
    readonly args?: () => string[];
    readonly env?: () => Record<string, string>;
    readonly files?: () => Record<string, string>;
  }[] = [
    { by: "a flag", args: () => ["--trust-anchor", foreignAnchor] },
    { by: "a flag that names the very anchor", args: () => ["--trust-anchor", world.anchor] },
    { by: "the environment", env: () => ({ THEMIS_CHECKER_TRUST_ANCHOR: foreignAnchor }) },
    {
      by: "a themis.yml beside it",
      files: () => ({ "themis.yml": `checker: { trustAnchor: ${foreignAnchor} }\n` }),
    },
    {
      by: "a file named by THEMIS_CONFIG",
      env: () => ({ THEMIS_CONFIG: world.at("other.yml") }),
      files: () => ({ "../other.yml": `checker: { trustAnchor: ${foreignAnchor} }\n` }),
    },
    {
      by: "a file named by --config",
      args: () => ["--config", world.at("other.yml")],
      files: () => ({ "../other.yml": `checker: { trustAnchor: ${foreignAnchor} }\n` }),
    },
    {
      by: "__proto__ in themis.yml",
      code: "CONFIG_INVALID",
      files: () => ({ "themis.yml": `__proto__: { checker: { trustAnchor: ${foreignAnchor} } }\n` }),
    },
    {
      by: "a polluted section of themis.yml",
      code: "CONFIG_INVALID",
      files: () => ({ "themis.yml": `checker: { __proto__: { trustAnchor: ${foreignAnchor} } }\n` }),
    },
    {
      by: "a constructor in themis.yml",
      code: "CONFIG_INVALID",
      files: () => ({ "themis.yml": `constructor: { prototype: { trustAnchor: ${foreignAnchor} } }\n` }),
    },
    {
      by: "a configuration written as JSON",
      files: () => ({ "themis.yml": JSON.stringify({ checker: { trustAnchor: foreignAnchor } }) }),
    },
    { by: "nothing but its source", code: "CHAIN_UNTRUSTED", args: () => ["--source", foreignPage] },
  ];

  it.each(attempts)("by $by", async ({ code = "ANCHOR_COMPILED_IN", args, env, files }) => {
    const root = mkdir(world.at("attempt"));
    rmSync(world.at("attempt-cwd"), { recursive: true, force: true });
    const folder = mkdir(world.at("attempt-cwd"));
    for (const [name, text] of Object.entries(files?.() ?? {})) writeFileSync(join(folder, name), text);
    const source = args?.().includes("--source") ? [] : ["--source", foreignPage];
    const { status, said } = await clientSays(
      client,
      ["update", "--root", root, ...source, ...(args?.() ?? [])],
      {
        cwd: folder,
        ...(env && { env: env() }),
      },
    );
    expect({ status, code: said.code }).toEqual({ status: code === "CONFIG_INVALID" ? 2 : 4, code });
    expect(readdirSync(root)).toEqual([]);
  });

  it.each(["verify", "verify-chain", "bundle", "watch"])("by a flag of %s", async (name) => {
    const bundle = world.at("bundle-1.1.0");
    const more: Record<string, string[]> = {
      verify: ["--manifest", `${bundle}/manifest.json`, "--signature", `${bundle}/manifest.json.p7s`],
      "verify-chain": [world.at("pki/signer.pem")],
      bundle: ["--out", world.at("never.tar")],
      watch: ["--once", "--root", world.old],
    };
    const { status, said } = await clientSays(client, [
      name,
      ...more[name]!,
      "--trust-anchor",
      foreignAnchor,
    ]);
    expect({ status, code: said.code }).toEqual({ status: 4, code: "ANCHOR_COMPILED_IN" });
    expect(existsSync(world.at("never.tar"))).toBe(false);
  });

  it("and its own anchor is the one of verify-chain", async () => {
    expect((await clientSays(client, ["verify-chain", world.at("pki/signer.pem")])).status).toBe(0);
    const foreign = await clientSays(client, ["verify-chain", world.at("foreign-pki/signer.pem")]);
    expect(foreign).toMatchObject({ status: 4, said: { code: "CHAIN_UNTRUSTED" } });
  });

  it("and a release of another product is refused, on a new device too", async () => {
    const other = world.at("other-bundle");
    await ok("themis-bundle", "build", world.old, "--product", "other", "--version", "9.0.0", "--out", other);
    const key = [world.at("pki/signer-key.pem"), world.at("pki/signer.pem")] as const;
    await ok("themis-bundle", "sign", other, "--key", key[0], "--certificates", key[1]);
    const root = mkdir(world.at("other-device"));
    const { status, said } = await clientSays(client, ["update", "--root", root, "--source", other]);
    expect({ status, code: said.code }).toEqual({ status: 4, code: "PRODUCT_MISMATCH" });
    expect(readdirSync(root)).toEqual([]);
  });

  it("and a channel that is compiled in is the only one", async () => {
    const beta = await makeClientFile(
      join(mkdir(world.at("beta")), "themis-fetch.mjs"),
      { anchor: world.anchor, source: world.page },
      ...["--channel", "beta"],
    );
    const root = mkdir(world.at("beta-device"));
    expect((await clientSays(beta, ["update", "--root", root])).said).toMatchObject({
      code: "CHANNEL_MISMATCH",
    });
    writeFileSync(world.at("beta/themis.yml"), "checker: { channel: stable }\n");
    const { status, said } = await clientSays(beta, ["update", "--root", root]);
    expect({ status, code: said.code }).toEqual({ status: 4, code: "SETTING_COMPILED_IN" });
  });
});

describe("a threshold that is compiled in", () => {
  it("is not lowered by a flag, the environment or a file, and holds without them", async () => {
    const folder = mkdir(world.at("two"));
    const two = await makeClientFile(
      join(folder, "themis-fetch.mjs"),
      { anchor: world.anchor, source: world.page },
      ...["--threshold", "2"],
    );
    const root = mkdir(world.at("two-device"));
    const ask = async (args: readonly string[] = [], env: Record<string, string> = {}) => {
      const { status, said } = await clientSays(two, ["update", "--root", root, ...args], { env });
      return { status, code: said.code };
    };
    const lowered = { status: 4, code: "SETTING_COMPILED_IN" };
    expect(await ask()).toEqual({ status: 4, code: "THRESHOLD_NOT_MET" });
    expect(await ask(["--threshold", "1"])).toEqual(lowered);
    expect(await ask([], { THEMIS_CHECKER_THRESHOLD: "1" })).toEqual(lowered);
    expect(await ask(["--threshold", "3"])).toEqual({ status: 4, code: "THRESHOLD_NOT_MET" });
    writeFileSync(join(folder, "themis.yml"), "checker: { threshold: 1 }\n");
    expect(await ask()).toEqual(lowered);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe("code that is not its own", () => {
  /** Loaded before the client, it would answer each look at its own traces as one without them. */
  const EVIL = `
    import { createRequire } from "node:module";
    process.execArgv.length = 0;
    for (const name of Object.keys(process.env)) if (name.startsWith("NODE_")) delete process.env[name];
    Object.prototype.trustAnchor = "x";`;

  it.each([
    { by: "--import", node: () => ["--import", evil("evil.mjs", EVIL)] },
    { by: "--import=", node: () => [`--import=${evil("evil.mjs", EVIL)}`] },
    { by: "--require", node: () => ["--require", evil("evil.cjs", "process.execArgv.length = 0")] },
    { by: "-r", node: () => ["-r", evil("evil.cjs", "process.execArgv.length = 0")] },
    { by: "--loader", node: () => ["--no-warnings", "--experimental-loader", evil("evil.mjs", EVIL)] },
    { by: "--inspect", node: () => ["--inspect=127.0.0.1:0"] },
    { by: "--openssl-config", node: () => [`--openssl-config=${evil("openssl.cnf", "")}`] },
    { by: "an option that nobody knows", node: () => ["--stack-size=2000"] },
    { by: "NODE_OPTIONS with --import", env: () => ({ NODE_OPTIONS: `--import=${evil("evil.mjs", EVIL)}` }) },
    {
      by: "NODE_OPTIONS with --require among harmless ones",
      env: () => ({ NODE_OPTIONS: `--no-warnings  --require "${evil("evil.cjs", "")}"` }),
    },
    { by: "OPENSSL_CONF", env: () => ({ OPENSSL_CONF: evil("openssl.cnf", "") }) },
    { by: "NODE_COMPILE_CACHE", env: () => ({ NODE_COMPILE_CACHE: world.at("cache") }) },
  ])(
    "is refused by $by",
    async ({ node, env }: { node?: () => string[]; env?: () => Record<string, string> }) => {
      const root = mkdir(world.at("tampered"));
      const { status, said } = await clientSays(client, ["update", "--root", root], {
        ...(node && { node: node() }),
        ...(env && { env: env() }),
      });
      expect({ status, code: said.code }).toEqual({ status: 4, code: "PROCESS_TAMPERED" });
      expect(readdirSync(root)).toEqual([]);
    },
  );

  it("is refused when it loads the client, whatever it does to prototypes and to argv", async () => {
    const root = mkdir(world.at("tampered"));
    const loader = evil(
      "loads.mjs",
      `Object.prototype.anchors = [];
       process.argv.splice(1, process.argv.length, ${JSON.stringify(client)}, "update", "--root", ${JSON.stringify(root)}, "--json");
       await import(${JSON.stringify(client)});`,
    );
    const { status, stdout } = await runClient(loader, []);
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 4, code: "PROCESS_TAMPERED" });
    expect(readdirSync(root)).toEqual([]);
  });

  it("is not what limits and words are: those are taken", async () => {
    const how = {
      node: ["--max-old-space-size=300", "--no-warnings"],
      env: { NODE_OPTIONS: "--use-system-ca --stack-trace-limit=50" },
    };
    expect((await clientSays(client, ["status", "--root", world.old], how)).status).toBe(0);
  });

  function evil(name: string, text: string): string {
    const file = join(mkdir(world.at("evil")), name);
    writeFileSync(file, text);
    return file;
  }
});

it("a client whose anchor was edited, or that was cut, does nothing", async () => {
  const text = readFileSync(client, "latin1");
  const root = mkdir(world.at("edited-device"));
  const literal = /__THEMIS_COMPILED_IN__ = (".*?");\n/.exec(text)![1]!;
  const known = JSON.parse(JSON.parse(literal) as string) as Record<string, unknown>;
  const edited = [
    { ...known, anchors: [] },
    { ...known, anchors: ["AAAA"] },
    { ...known, product: undefined },
    { ...known, more: true },
    { ...known, schema_version: 2 },
  ];
  for (const value of edited) {
    const file = join(mkdir(world.at("edited")), "themis-fetch.mjs");
    writeFileSync(
      file,
      text.replace(literal, () => JSON.stringify(JSON.stringify(value))),
    );
    const { status, said } = await clientSays(file, ["update", "--root", root]);
    expect(status, JSON.stringify(said)).toBe(4);
    writeFileSync(file, text.slice(0, text.length - 5000));
    expect((await runClient(file, ["update", "--root", root])).status).not.toBe(0);
  }
  expect(readdirSync(root)).toEqual([]);
});

function mkdir(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

it("lies alone in its folder at the end, too", () => {
  expect(readdirSync(dirname(client))).toEqual(["themis-fetch.mjs"]);
});
