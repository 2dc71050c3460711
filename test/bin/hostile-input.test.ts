/** What a publisher's commands are given by mistake or by malice: refused in a sentence, nothing lost, nothing endless. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { saved } from "../../src/bin/units.ts";
import { makeWorld, ok, run, snapshot, type World } from "../kit/world.ts";

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

/** A copy of the newer bundle, and of the page it is on. */
function copies(name: string): { bundle: string; page: string } {
  const [bundle, page] = [world.at(`${name}-bundle`), world.at(`${name}-page`)];
  cpSync(world.at("bundle-1.1.0"), bundle, { recursive: true });
  cpSync(world.page, page, { recursive: true, verbatimSymlinks: true });
  return { bundle, page };
}

async function refused(program: "themis-bundle" | "themis-fetch", ...args: string[]) {
  const { status, stdout } = await run(program, ...args, "--json");
  return { status, ...JSON.parse(stdout).error };
}

const build = (tree: string, version: string, out: string, ...more: string[]): string[] => [
  "build",
  tree,
  "--product",
  "app",
  "--version",
  version,
  "--out",
  out,
  ...more,
];

async function sign(bundle: string): Promise<void> {
  const key = ["--key", world.at("pki/signer-key.pem"), "--certificates", world.at("pki/signer.pem")];
  await ok("themis-bundle", "sign", bundle, ...key);
}

describe("publish", () => {
  it.each([
    {
      why: "another bundle's",
      make: () => readFileSync(world.at("bundle-1.0.0/manifest.json.p7s")),
      code: "DIGEST_MISMATCH",
    },
    { why: "an empty", make: () => Buffer.alloc(0), code: "SIGNATURE_MALFORMED" },
    { why: "a senseless", make: () => Buffer.from("signature"), code: "SIGNATURE_MALFORMED" },
  ])("refuses $why signature and leaves the page's own", async ({ why, make, code }) => {
    const { bundle, page } = copies(`signature-${why.replaceAll(/\W/g, "")}`);
    const before = snapshot(page);
    writeFileSync(join(bundle, "manifest.json.p7s"), make());
    expect(await refused("themis-bundle", "publish", bundle, "--to", `file:${page}`)).toMatchObject({
      status: 4,
      code,
    });
    expect(snapshot(page)).toEqual(before);
  });

  it("proves the certification path too when it is given an anchor", async () => {
    const { bundle, page } = copies("anchor");
    await ok("themis-bundle", "keygen", "--out", world.at("other-pki"));
    const to = ["--to", `file:${page}`];
    await ok("themis-bundle", "publish", bundle, ...to, "--trust-anchor", world.anchor);
    expect(
      await refused(
        "themis-bundle",
        "publish",
        bundle,
        ...to,
        "--trust-anchor",
        world.at("other-pki/root.pem"),
      ),
    ).toMatchObject({ status: 4 });
  });

  it("puts back what the page has lost, and says nothing to do only when it is whole", async () => {
    const { bundle, page } = copies("damaged");
    const whole = snapshot(page);
    truncateSync(join(page, "1.1.0/targets-0.pack"), 10);
    rmSync(join(page, "1.1.0/delta-1.0.0.json"));
    expect(await ok("themis-bundle", "publish", bundle, "--to", `file:${page}`)).toMatchObject({
      changed: true,
    });
    expect(snapshot(page)).toEqual(whole);
    expect(await ok("themis-bundle", "publish", bundle, "--to", `file:${page}`)).toMatchObject({
      changed: false,
    });
  });

  it("never offers an older release, even where nothing was offered", async () => {
    const { page } = copies("older");
    rmSync(join(page, "latest"));
    await ok("themis-bundle", "publish", world.at("bundle-1.0.0"), "--to", `file:${page}`);
    expect(readlinkSync(join(page, "latest"))).toBe("1.1.0");
  });

  it("refuses another product, and a manifest that has expired", async () => {
    const { page } = copies("mixed");
    const other = world.at("other-product");
    await ok("themis-bundle", "build", world.new, "--product", "other", "--version", "2.0.0", "--out", other);
    await sign(other);
    expect(await refused("themis-bundle", "publish", other, "--to", `file:${page}`)).toMatchObject({
      status: 4,
      code: "PAGE_CONFLICT",
      message: expect.stringMatching(/app.*other/),
    });
    const expired = world.at("expired");
    await ok("themis-bundle", ...build(world.new, "1.2.0", expired, "--expires", "2020-01-01"));
    await sign(expired);
    for (const command of [
      ["publish", expired, "--to", `file:${page}`],
      ["verify", expired, "--trust-anchor", world.anchor],
    ]) {
      expect(await refused("themis-bundle", ...command)).toMatchObject({
        status: 4,
        code: "MANIFEST_EXPIRED",
      });
    }
  });
});

describe("build", () => {
  it("refuses an output inside of a tree, behind a symlink too", async () => {
    const tree = world.at("inside");
    cpSync(world.new, tree, { recursive: true, verbatimSymlinks: true });
    symlinkSync(tree, world.at("way-inside"));
    const before = snapshot(tree);
    for (const out of [join(tree, "out"), world.at("way-inside/deep/out"), tree]) {
      expect(await refused("themis-bundle", ...build(tree, "1.2.0", out)), out).toMatchObject({ status: 2 });
    }
    expect(snapshot(tree)).toEqual(before);
  });

  it("fills the empty folder it stands in", async () => {
    mkdirSync(world.at("here"));
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, "../../src/bin/themis-bundle.ts"), ...build(world.new, "1.2.0", ".")],
      { cwd: world.at("here"), encoding: "utf8" },
    );
    expect(status, stderr).toBe(0);
    expect(readFileSync(world.at("here/manifest.json")).length).toBeGreaterThan(100);
  });
});

describe("files that are no files", () => {
  it.skipIf(process.platform === "win32")("are refused and not waited for", async () => {
    for (const [name, replace] of [
      ["fifo", (path: string) => execFileSync("mkfifo", [path])],
      ["endless", (path: string) => symlinkSync("/dev/zero", path)],
    ] as const) {
      for (const asset of ["manifest.json", "manifest.json.p7s", "targets-0.pack"]) {
        const { bundle } = copies(`${name}-${asset}`);
        rmSync(join(bundle, asset));
        replace(join(bundle, asset));
        expect(
          await refused("themis-bundle", "verify", bundle, "--trust-anchor", world.anchor),
          asset,
        ).toMatchObject({
          status: 4,
          code: "BUNDLE_INCOMPLETE",
        });
      }
      const special = world.at(`special-${name}`);
      replace(special);
      expect(
        await refused("themis-bundle", "verify", world.at("bundle-1.1.0"), "--trust-anchor", special),
      ).toMatchObject({ status: 2, code: "FILE_UNREADABLE" });
      const key = ["--key", special, "--certificates", world.at("pki/signer.pem")];
      expect(await refused("themis-bundle", "sign", world.at("bundle-1.1.0"), ...key)).toMatchObject({
        code: "KEY_UNREADABLE",
      });
    }
  });

  it("a document that has grown is refused as such", async () => {
    const { bundle } = copies("grown");
    appendFileSync(join(bundle, "delta-1.0.0.json"), Buffer.alloc(5000));
    expect(await refused("themis-bundle", "verify", bundle, "--trust-anchor", world.anchor)).toMatchObject({
      status: 4,
      code: "BUNDLE_INCOMPLETE",
    });
  });
});

it("a private key given in place of its file is never printed", async () => {
  const pem = readFileSync(world.at("pki/signer-key.pem"), "utf8");
  const key = ["--key", pem, "--certificates", world.at("pki/signer.pem")];
  const { status, stdout, stderr } = await run("themis-bundle", "sign", world.at("bundle-1.1.0"), ...key);
  expect(status).toBe(2);
  expect(stdout + stderr).not.toContain(pem.split("\n")[1]);
});

it("a missing command is one JSON document too", async () => {
  for (const args of [[], ["keys"], ["delta"]])
    expect(await refused("themis-bundle", ...args), args.join(" ")).toMatchObject({
      status: 2,
      code: "USAGE",
    });
});

it.skipIf(process.platform !== "linux")("a result that cannot be printed is one line and exit 6", () => {
  const script = join(import.meta.dirname, "../../src/bin/themis-bundle.ts");
  const { status, stderr } = spawnSync(
    "sh",
    ["-c", 'exec "$@" > /dev/full', "sh", process.execPath, script, "inspect", world.at("bundle-1.1.0")],
    { encoding: "utf8" },
  );
  expect(status).toBe(6);
  expect(stderr).toMatch(/^OUTPUT_FAILED: [^\n]+\n$/);
});

it("what is saved is a share, or nothing", () => {
  expect([saved(1, 4), saved(4, 4), saved(9, 4), saved(0, 0)]).toEqual([
    "75.0 %",
    "nothing",
    "nothing",
    "nothing",
  ]);
});
