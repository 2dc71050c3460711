/** What lies in the publisher's way: swapped signatures, damaged pages, pipes in place of files, slips of the hand. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { saved } from "../../src/bin/units.ts";
import { makeWorld, ok, run, start, type World } from "../kit/world.ts";

let world: World;
let count = 0;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

async function refusal(...args: string[]) {
  const { status, stdout } = await run("themis-bundle", ...args, "--json");
  const { error } = JSON.parse(stdout) as {
    error?: { code: string; message: string; hint?: string };
  };
  return { status, code: error?.code, message: error?.message ?? "", hint: error?.hint };
}

/** A copy of a bundle and of the page, to be damaged. */
function copies(version = "1.1.0") {
  count++;
  const bundle = world.at(`copy-${count}`);
  const page = world.at(`page-${count}`);
  cpSync(world.at(`bundle-${version}`), bundle, { recursive: true });
  cpSync(world.page, page, { recursive: true, verbatimSymlinks: true });
  return { bundle, page, to: `file:${page}` };
}

function pack(folder: string): string {
  return readdirSync(folder).find((name) => name.endsWith(".pack"))!;
}

async function build(version: string, out: string, ...more: string[]) {
  await ok(
    "themis-bundle",
    "build",
    world.old,
    "--product",
    "app",
    "--version",
    version,
    "--out",
    out,
    ...more,
  );
  const [key, chain] = [world.at("pki/signer-key.pem"), world.at("pki/signer.pem")];
  await ok("themis-bundle", "sign", out, "--key", key, "--certificates", chain);
}

describe("publish refuses", () => {
  it.each([
    {
      why: "the signature of another release",
      bytes: () => readFileSync(world.at("bundle-1.0.0/manifest.json.p7s")),
      code: "DIGEST_MISMATCH",
    },
    { why: "garbage for a signature", bytes: () => Buffer.from("garbage"), code: "SIGNATURE_MALFORMED" },
    { why: "an empty signature", bytes: () => Buffer.alloc(0), code: "SIGNATURE_MALFORMED" },
  ])("$why, and keeps the published one", async ({ bytes, code }) => {
    const { bundle, page, to } = copies();
    writeFileSync(join(bundle, "manifest.json.p7s"), bytes());
    const answer = await refusal("publish", bundle, "--to", to);
    expect(answer).toMatchObject({ status: 4, code, hint: expect.stringContaining("sign") });
    const good = readFileSync(world.at("bundle-1.1.0/manifest.json.p7s"));
    expect(readFileSync(join(page, "1.1.0/manifest.json.p7s")).equals(good)).toBe(true);
    expect(await refusal("publish", bundle, "--to", `file:${world.at("empty-page")}`)).toMatchObject({
      code,
    });
    expect(existsSync(world.at("empty-page"))).toBe(false);
  });

  it("a signer that the given anchor did not issue", async () => {
    await ok("themis-bundle", "keygen", "--out", world.at("other-pki"));
    const { bundle, to } = copies();
    expect(
      await refusal("publish", bundle, "--to", to, "--trust-anchor", world.at("other-pki/root.pem")),
    ).toMatchObject({ status: 4, code: "CHAIN_UNTRUSTED" });
    await ok("themis-bundle", "publish", bundle, "--to", to, "--trust-anchor", world.anchor);
  });

  it("another product on the page, and names both", async () => {
    const out = world.at("other-product");
    await ok("themis-bundle", "build", world.old, "--product", "gadget", "--version", "3.0.0", "--out", out);
    await ok(
      "themis-bundle",
      "sign",
      out,
      "--key",
      world.at("pki/signer-key.pem"),
      "--certificates",
      world.at("pki/signer.pem"),
    );
    const answer = await refusal("publish", out, "--to", `file:${world.page}`);
    expect(answer).toMatchObject({ status: 4, code: "PAGE_CONFLICT" });
    expect(answer.message).toMatch(/app.*gadget/);
  });

  it("an expired manifest, as verify does, with the date", async () => {
    const out = world.at("expired");
    await build("0.9.0", out, "--expires", "2020-01-31");
    for (const answer of [
      await refusal("publish", out, "--to", `file:${world.page}`),
      await refusal("verify", out, "--trust-anchor", world.anchor),
    ]) {
      expect(answer).toMatchObject({
        status: 4,
        code: "MANIFEST_EXPIRED",
        message: expect.stringContaining("2020-01-31"),
      });
    }
  });

  it("a manifest that is no JSON, with a next step", async () => {
    const { bundle, to } = copies();
    writeFileSync(join(bundle, "manifest.json"), "{");
    expect(await refusal("publish", bundle, "--to", to)).toMatchObject({
      status: 4,
      code: "JSON_MALFORMED",
      hint: expect.stringContaining("build it again"),
    });
  });

  it.each(["file:", "file://", "http://x"])("--to %s as usage", async (to) => {
    expect(await refusal("publish", world.at("bundle-1.1.0"), "--to", to)).toMatchObject({
      status: 2,
      code: "USAGE",
    });
  });
});

describe("a page that was damaged", () => {
  it.each([
    { why: "a truncated pack", damage: (path: string) => truncateSync(path, 10) },
    { why: "a missing pack", damage: (path: string) => rmSync(path) },
    {
      why: "a pack with one other byte",
      damage: (path: string) => {
        const bytes = readFileSync(path);
        bytes[5]! ^= 1;
        writeFileSync(path, bytes);
      },
    },
  ])("gets $why back from the bundle, which says so", async ({ damage }) => {
    const { bundle, page, to } = copies();
    const name = pack(bundle);
    damage(join(page, "1.1.0", name));
    expect(await ok("themis-bundle", "publish", bundle, "--to", to)).toMatchObject({
      changed: true,
      repaired: [name],
    });
    expect(readFileSync(join(page, "1.1.0", name)).equals(readFileSync(join(bundle, name)))).toBe(true);
    expect(await ok("themis-bundle", "publish", bundle, "--to", to)).toMatchObject({
      changed: false,
      repaired: [],
    });
  });

  it("without a manifest is an error that says so", async () => {
    const { bundle, page, to } = copies();
    rmSync(join(page, "1.1.0/manifest.json"));
    expect(await refusal("publish", bundle, "--to", to)).toMatchObject({
      code: "PAGE_CONFLICT",
      message: expect.stringContaining("manifest.json"),
    });
  });

  it("keeps latest at the highest sequence when an older release is published and latest is missing", async () => {
    const { bundle, page, to } = copies("1.0.0");
    rmSync(join(page, "latest"));
    rmSync(join(page, "1.0.0"), { recursive: true });
    expect(await ok("themis-bundle", "publish", bundle, "--to", to)).toMatchObject({ latest: "1.1.0" });
    expect(readlinkSync(join(page, "latest"))).toBe("1.1.0");
  });
});

describe("in place of a file,", () => {
  const fifo = (path: string): void => {
    rmSync(path, { force: true });
    execFileSync("mkfifo", [path]);
  };
  const zero = (path: string): void => {
    rmSync(path, { force: true });
    symlinkSync("/dev/zero", path);
  };
  const rows = [
    { what: "a pipe", put: fifo },
    { what: "/dev/zero", put: zero },
  ];

  it.each(rows)("$what is refused in a bundle", async ({ put }) => {
    for (const name of ["manifest.json", "manifest.json.p7s", pack(world.at("bundle-1.1.0"))]) {
      const { bundle, to } = copies();
      put(join(bundle, name));
      const answer = await refusal("publish", bundle, "--to", to);
      expect(answer).toMatchObject({ status: 4, code: "BUNDLE_INCOMPLETE" });
      expect(answer.message).toContain(`${name} is not a regular file`);
    }
  });

  it.each(rows)("$what is refused as anchor, certificate, key and delta source", async ({ what, put }) => {
    const path = world.at(`special-${what.replaceAll("/", "")}`);
    put(path);
    const { bundle } = copies();
    const [key, chain] = [world.at("pki/signer-key.pem"), world.at("pki/signer.pem")];
    for (const args of [
      ["verify", bundle, "--trust-anchor", path],
      ["sign", bundle, "--key", key, "--certificates", path],
      ["sign", bundle, "--key", path, "--certificates", chain],
      ["delta", "create", path, chain, world.at("no-patch")],
      ["delta", "info", path],
    ]) {
      const answer = await refusal(...args);
      expect(answer).toMatchObject({ status: 2 });
      expect(answer.message).toContain("not a regular file");
    }
  });

  it("a document above its bound is refused with its own words", async () => {
    const { bundle, to } = copies();
    closeSync(openSync(join(bundle, "manifest.json.p7s"), "w"));
    truncateSync(join(bundle, "manifest.json.p7s"), 1 << 20);
    const answer = await refusal("publish", bundle, "--to", to);
    expect(answer).toMatchObject({ status: 4, code: "BUNDLE_INCOMPLETE" });
    expect(answer.message).toBe("manifest.json.p7s has more than 65536 bytes");
    mkdirSync(world.at("huge"));
    closeSync(openSync(world.at("huge/manifest.json"), "w"));
    truncateSync(world.at("huge/manifest.json"), 1 << 30);
    expect(await refusal("inspect", world.at("huge"))).toMatchObject({
      status: 4,
      code: "BUNDLE_INCOMPLETE",
    });
  });
});

describe("build", () => {
  const make = (tree: string, out: string, ...more: string[]) =>
    refusal("build", tree, "--product", "app", "--version", "4.0.0", "--out", out, ...more);

  it("refuses an output inside one of its trees, also through a link", async () => {
    symlinkSync(world.new, world.at("link-to-new"));
    for (const [tree, out, ...more] of [
      [world.new, join(world.new, "sub")],
      [world.new, join(world.new, "not/yet/there")],
      [world.new, join(world.at("link-to-new"), "sub")],
      [world.at("link-to-new"), join(world.new, "sub")],
      [world.new, join(world.old, "sub"), "--from", `1.0.0=${world.old}`],
    ] as const) {
      expect(await make(tree, out, ...more)).toMatchObject({ status: 2, code: "OUTPUT_IN_TREE" });
    }
    expect(existsSync(join(world.new, "sub"))).toBe(false);
  });

  it("fills the empty folder that it stands in", () => {
    mkdirSync(world.at("here"));
    const program = resolve(import.meta.dirname, "../../src/bin/themis-bundle.ts");
    const words = ["build", world.old, "--product", "app", "--version", "4.0.0", "--out", "."];
    execFileSync(process.execPath, [program, ...words], { cwd: world.at("here") });
    expect(readdirSync(world.at("here"))).toContain("manifest.json");
    expect(readdirSync(world.folder).filter((name) => name.startsWith(".here"))).toEqual([]);
  });

  it.each([
    { words: ["--tag", "v1..2"], said: "--tag" },
    { words: ["--tag", "a tag"], said: "--tag" },
    { words: ["--dependency", "storage"], said: "--dependency" },
    { words: ["--min-upgrade-from", "4.0.1"], said: "--min-upgrade-from" },
    { words: ["--from", "4.0.0=old"], said: "--from" },
    { words: ["--product", "other"], said: "--product" },
    { words: ["--version", "4.0.1"], said: "--version" },
    { words: ["--out", "elsewhere"], said: "--out" },
  ])("refuses $words", async ({ words, said }) => {
    const answer = await make(world.old, world.at("never"), ...words);
    expect(answer).toMatchObject({ status: 2, message: expect.stringContaining(said) });
    expect(existsSync(world.at("never"))).toBe(false);
  });

  it("takes tags, dependencies and --min-upgrade-from that are well said", async () => {
    const words = ["--tag", "release/v4.0.0", "--dependency", "themis-storage >=1.4.0,<2.0.0"];
    const answer = await make(
      world.old,
      world.at("well"),
      ...words,
      "--min-upgrade-from",
      "3.9.12",
      "--dry-run",
    );
    expect(answer).toMatchObject({ status: 0 });
  });

  it("says with a hint what a tree may not hold", async () => {
    mkdirSync(world.at("odd"));
    execFileSync("mkfifo", [world.at("odd/pipe")]);
    expect(await make(world.at("odd"), world.at("never"))).toMatchObject({
      code: "TREE_UNSUPPORTED",
      hint: expect.any(String),
    });
    mkdirSync(world.at("named"));
    writeFileSync(world.at("named/a:b"), "");
    expect(await make(world.at("named"), world.at("never"))).toMatchObject({
      code: "PATH_UNSAFE",
      hint: expect.any(String),
    });
  });
});

describe("keys", () => {
  it("given as an argument are never repeated", async () => {
    const pem = readFileSync(world.at("pki/signer-key.pem"), "utf8");
    const bundle = world.at("bundle-1.1.0");
    for (const key of [pem, pem.split("\n").slice(1).join("\n"), pem.replaceAll("\n", " ")]) {
      const { status, stdout, stderr } = await run(
        "themis-bundle",
        "sign",
        bundle,
        "--certificates",
        world.at("pki/signer.pem"),
        "--key",
        key,
      );
      expect(status).toBe(2);
      expect(stderr).toContain("KEY_UNREADABLE");
      expect(stdout + stderr).not.toContain(pem.split("\n")[1]);
    }
  });

  it("given twice are refused by name", async () => {
    const answer = await refusal(
      "sign",
      world.at("bundle-1.1.0"),
      "--key",
      "a",
      "--key",
      "b",
      "--certificates",
      "c",
    );
    expect(answer).toMatchObject({
      status: 2,
      code: "USAGE",
      message: expect.stringContaining("--key is given twice"),
    });
  });

  it("that may be given twice are, such as authorities that stamp", async () => {
    const twice = ["--timestamp", "http://127.0.0.1:1/a", "--timestamp", "http://127.0.0.1:1/b"];
    const key = ["--key", "none.pem", "--certificates", "none.pem"];
    expect(await refusal("sign", world.at("bundle-1.1.0"), ...key, ...twice)).toMatchObject({
      code: "FILE_UNREADABLE",
    });
  });

  it("that outlive their root are not made", async () => {
    const days = ["--root-days", "30", "--signer-days", "31"];
    expect(await refusal("keygen", "--out", world.at("short"), ...days)).toMatchObject({
      status: 2,
      code: "SIGNER_OUTLIVES_ROOT",
    });
    expect(await refusal("keygen", "--out", world.at("short"), "--root-days", "30")).toMatchObject({
      status: 0,
    });
  });

  it("are all there or none is, when the disk is full", () => {
    const program = resolve(import.meta.dirname, "../../src/bin/themis-bundle.ts");
    // A limit of 0 blocks per file is as full as a disk gets; SIGXFSZ ignored, writing answers EFBIG.
    const line = `trap "" XFSZ; ulimit -f 0; exec "$0" "$1" keygen --out "$2" 2>&1 | cat`;
    execFileSync("sh", ["-c", line, process.execPath, program, world.at("full")]);
    expect(readdirSync(world.at("full"))).toEqual([]);
  });
});

describe("words", () => {
  it.each([[], ["keys"], ["delta"], ["help"], ["--help"]])(
    "%s --json is one error document",
    async (...words) => {
      const { status, stdout, stderr } = await run("themis-bundle", ...words, "--json");
      expect({ status, stderr }).toEqual({ status: 2, stderr: "" });
      expect(JSON.parse(stdout).error.code).toBe("USAGE");
    },
  );

  it.skipIf(!existsSync("/dev/full"))("a full stdout is one line and exit 6", () => {
    const program = resolve(import.meta.dirname, "../../src/bin/themis-bundle.ts");
    for (const more of [[], ["--json"]]) {
      const full = openSync("/dev/full", "w");
      const { status, stderr } = spawnSync(
        process.execPath,
        [program, "inspect", world.at("bundle-1.0.0"), ...more],
        { stdio: ["ignore", full, "pipe"], encoding: "utf8" },
      );
      closeSync(full);
      expect({ status, stderr }).toEqual({
        status: 6,
        stderr: "themis-bundle: OUTPUT_FAILED: stdout cannot be written (ENOSPC)\n",
      });
    }
  });

  it("a second Ctrl-C with --json is one document too", async () => {
    const { child, done } = start(
      "themis-bundle",
      "build",
      world.new,
      "--product",
      "app",
      "--version",
      "9.0.0",
      "--out",
      world.at("twice"),
      "--from",
      `1.0.0=${world.old}`,
      "--json",
    );
    while (!readdirSync(world.folder).some((name) => name.startsWith(".twice.part-")))
      await new Promise((next) => setTimeout(next, 5));
    child.kill("SIGINT");
    child.kill("SIGTERM");
    const { status, stdout } = await done;
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 130, code: "INTERRUPTED" });
  });

  it("--quiet silences what acts and not what shows", async () => {
    const { to, bundle } = copies();
    expect((await run("themis-bundle", "publish", bundle, "--to", to, "--quiet")).stdout).toBe("");
    expect((await run("themis-bundle", "inspect", bundle, "--quiet")).stdout).toContain("bin/appd");
  });
});

it.each([
  [1, 4, "75.0 %"],
  [4, 4, "nothing"],
  [5_000, 4, "nothing"],
  [0, 0, "nothing"],
  [9, 0, "nothing"],
])("%i bytes of %i save %s", (part, whole, words) => {
  expect(saved(part, whole)).toBe(words);
});
