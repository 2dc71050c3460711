/**
 * A client replaces itself: by delta, proven by the anchor in it, whole at every moment, and back again.
 *
 * Releases of the client are ordinary bundles; 1.0.0 is the client that is there, 1.1.0 one with another source in it.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { clientSays, makeClientFile, runClient } from "../../kit/client.ts";
import { ok } from "../../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-self-"));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NAME = "themis-fetch.mjs";
const client = at("bin", NAME);
const bytesOf = (version: string): Buffer => readFileSync(at(`tree-${version}`, NAME));
const now = (): Buffer => readFileSync(client);

beforeAll(async () => {
  for (const pki of ["pki", "other-pki"]) await ok("themis-bundle", "keygen", "--out", at(pki));
  const own = { anchor: at("pki/root.pem"), source: "https://example.org/app" };
  const pages = ["--client-source", at("page")];
  for (const version of ["1.0.0", "1.1.0"]) {
    mkdirSync(at(`tree-${version}`));
    await makeClientFile(
      at(`tree-${version}`, NAME),
      { ...own, source: `https://example.org/${version}` },
      ...pages,
    );
  }
  await release("3.0.0", "pki");
  await release("1.1.0", "pki", "--from", `1.0.0=${at("tree-1.0.0")}`, "--algorithm", "zstd-dict");
});

beforeEach(() => {
  rmSync(at("bin"), { recursive: true, force: true });
  rmSync(at("page"), { recursive: true, force: true });
  mkdirSync(at("bin"));
  cpSync(at("tree-1.0.0", NAME), client);
  chmodSync(client, 0o755);
  cpSync(at("bundle-1.1.0"), at("page"), { recursive: true });
});

describe("self-update", () => {
  it("puts the newer client into its place by a delta, with the rights of the one before, and goes back", async () => {
    chmodSync(client, 0o750);
    const plan = await clientSays(client, ["self-update", "--dry-run"]);
    expect(plan).toMatchObject({ status: 0, said: { to: "1.1.0", upToDate: false } });
    expect(now().equals(bytesOf("1.0.0"))).toBe(true);
    const done = await clientSays(client, ["self-update"]);
    expect(done).toMatchObject({ status: 0, said: { switched: true, to: "1.1.0" } });
    // What a delta of one changed word costs, and the documents.
    expect(done.said.bytesFetched).toBeLessThan(20_000);
    expect(now().equals(bytesOf("1.1.0"))).toBe(true);
    expect(statSync(client).mode & 0o777).toBe(0o750);
    const about = await clientSays(client, ["about"]);
    expect(about.said).toMatchObject({ product: "app", source: "https://example.org/1.1.0" });

    expect((await runClient(client, ["self-update", "--exit-code"])).status).toBe(5);
    const back = await clientSays(client, ["self-update", "--rollback"]);
    expect(back).toMatchObject({ status: 0, said: { switched: true } });
    expect(now().equals(bytesOf("1.0.0"))).toBe(true);
    const nothing = await clientSays(client, ["self-update", "--rollback"]);
    expect(nothing).toMatchObject({ status: 2, said: { code: "RESTORE_POINT_NOT_FOUND" } });
    expect(now().equals(bytesOf("1.0.0"))).toBe(true);
    expect((await clientSays(client, ["self-update"])).said).toMatchObject({ switched: true });
    expect(readdirSync(at("bin")).sort()).toEqual([`.${NAME}.self`, NAME]);
  });

  it("replaces the file that a link leads to, and leaves the link", async () => {
    mkdirSync(at("links"), { recursive: true });
    rmSync(at("links/tf.mjs"), { force: true });
    symlinkSync(client, at("links/tf.mjs"));
    expect((await clientSays(at("links/tf.mjs"), ["self-update"])).said).toMatchObject({ switched: true });
    expect(now().equals(bytesOf("1.1.0"))).toBe(true);
    expect(readdirSync(at("links"))).toEqual(["tf.mjs"]);
  });

  it("goes on from a client that was put there by hand", async () => {
    await clientSays(client, ["self-update"]);
    cpSync(at("tree-1.0.0", NAME), client);
    writeFileSync(client, `${readFileSync(client, "latin1")}// by hand\n`);
    expect((await clientSays(client, ["self-update"])).said).toMatchObject({ switched: true });
    expect(now().equals(bytesOf("1.1.0"))).toBe(true);
  });

  it("is no command of the stock program, which says so", async () => {
    const stock = join(import.meta.dirname, "../../../src/bin/themis-fetch.ts");
    const { status } = await runClient(stock, ["self-update"], { cwd: folder });
    expect(status).toBe(2);
  });
});

describe("a newer client is refused, and the one before stays", () => {
  it.each([
    { why: "signed by another root", pki: "other-pki", code: "CHAIN_UNTRUSTED" },
    { why: "of another product", product: "others-client", code: "PRODUCT_MISMATCH" },
    { why: "without the client's file", file: "other.mjs", code: "CLIENT_UNFIT" },
    { why: "that does not start", text: () => "throw new Error('no');\n", code: "CLIENT_UNFIT" },
    { why: "that is no program", text: () => "\u0000\u0001", code: "CLIENT_UNFIT" },
    { why: "that says nothing", text: () => "process.exit(0);\n", code: "CLIENT_UNFIT" },
    {
      why: "that was cut",
      text: () => bytesOf("1.1.0").subarray(0, 300_000).toString("latin1"),
      code: "CLIENT_UNFIT",
    },
    { why: "made for another product", made: { product: "other" }, code: "CLIENT_UNFIT" },
    { why: "with none of its anchors", made: { anchor: "other-pki/root.pem" }, code: "CLIENT_UNFIT" },
    {
      why: "that is older",
      text: () => aboutOnly({ version: "0.0.0" }),
      code: "CLIENT_UNFIT",
    },
  ] as {
    why: string;
    pki?: string;
    product?: string;
    file?: string;
    text?: () => string;
    made?: { product?: string; anchor?: string };
    code: string;
  }[])("$why", async ({ pki = "pki", product = "app-client", file = NAME, text, made, code }) => {
    rmSync(at("tree-2.0.0"), { recursive: true, force: true });
    mkdirSync(at("tree-2.0.0"));
    const target = at("tree-2.0.0", file);
    if (text) writeFileSync(target, text(), "latin1");
    else {
      const { anchor = "pki/root.pem", product: of = "app" } = made ?? {};
      const facts = { anchor: at(anchor), product: of, source: "https://example.org/2" };
      await makeClientFile(target, facts, "--client-product", "app-client");
    }
    rmSync(at("page"), { recursive: true });
    cpSync(await release("2.0.0", pki, "--product", product), at("page"), { recursive: true });
    for (const _ of ["first", "again"]) {
      const { status, said } = await clientSays(client, ["self-update"]);
      expect({ status, code: said.code }).toEqual({ status: 4, code });
      expect(now().equals(bytesOf("1.0.0"))).toBe(true);
    }
    // And a right one is taken afterwards.
    rmSync(at("page"), { recursive: true });
    cpSync(at("bundle-3.0.0"), at("page"), { recursive: true });
    expect((await clientSays(client, ["self-update"])).said).toMatchObject({ switched: true });
    expect(now().equals(bytesOf("3.0.0"))).toBe(true);
  });

  it("but anchors are exchanged by one that has the old and the new", async () => {
    const both = ["pki", "other-pki"].map((pki) => readFileSync(at(pki, "root.pem"), "utf8"));
    writeFileSync(at("both.pem"), both.join(""));
    const page = ["--client-source", at("page")];
    for (const [version, anchor, pki] of [
      ["4.0.0", "both.pem", "pki"],
      ["5.0.0", "other-pki/root.pem", "pki"],
      ["6.0.0", "other-pki/root.pem", "other-pki"],
    ] as const) {
      mkdirSync(at(`tree-${version}`));
      const facts = { anchor: at(anchor), source: `https://example.org/${version}` };
      await makeClientFile(at(`tree-${version}`, NAME), facts, ...page);
      rmSync(at("page"), { recursive: true });
      cpSync(await release(version, pki), at("page"), { recursive: true });
      expect((await clientSays(client, ["self-update"])).said).toMatchObject({ switched: true });
      expect(now().equals(bytesOf(version))).toBe(true);
    }
  });

  it("takes no anchor from the command line, nor a place where none is compiled in", async () => {
    const { status, said } = await clientSays(client, ["self-update"], {
      env: { THEMIS_CHECKER_TRUST_ANCHOR: at("other-pki/root.pem"), THEMIS_CHECKER_SOURCE: at("nowhere") },
    });
    // Its releases are no settings of the product's.
    expect({ status, to: said.to }).toEqual({ status: 0, to: "1.1.0" });
    expect(
      (await runClient(client, ["self-update", "--trust-anchor", at("other-pki/root.pem")])).status,
    ).toBe(2);
    await makeClientFile(client, { anchor: at("pki/root.pem"), source: "https://example.org/app" });
    expect((await clientSays(client, ["self-update"])).said).toMatchObject({ code: "CLIENT_SOURCE_MISSING" });
  });

  it("says that its folder cannot be written, and a folder of ours that is a link is not followed", async () => {
    mkdirSync(at("elsewhere"), { recursive: true });
    symlinkSync(at("elsewhere"), at("bin", `.${NAME}.self`));
    const { status, said } = await clientSays(client, ["self-update"]);
    expect({ status, code: said.code }).toEqual({ status: 4, code: "ROOT_UNSAFE" });
    expect(readdirSync(at("elsewhere"))).toEqual([]);
    if (process.getuid?.() === 0) return;
    rmSync(at("bin", `.${NAME}.self`));
    chmodSync(at("bin"), 0o555);
    expect((await clientSays(client, ["self-update"])).said).toMatchObject({ code: "CLIENT_UNWRITABLE" });
    chmodSync(at("bin"), 0o755);
  });
});

describe("killed", () => {
  const die = (action: string, point: string): void => {
    const script = join(import.meta.dirname, "../../kit/self-update-and-die.ts");
    const args = [script, action, client, at("page"), at("pki/root.pem"), point];
    const { signal, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(signal, stderr).toBe("SIGKILL");
  };
  const POINTS = ["seeded", "recorded", "updated", "asked", "switched"] as const;

  it.each(POINTS)(
    "when it was %s, the next self-update ends with the new one, and a rollback with the old",
    async (point) => {
      die("update", point);
      expect(now().equals(bytesOf(point === "switched" ? "1.1.0" : "1.0.0"))).toBe(true);
      expect((await clientSays(client, ["self-update"])).status).toBe(0);
      expect(now().equals(bytesOf("1.1.0"))).toBe(true);
      expect((await clientSays(client, ["self-update", "--rollback"])).status).toBe(0);
      expect(now().equals(bytesOf("1.0.0"))).toBe(true);
    },
  );

  it.each(POINTS.filter((point) => point !== "seeded" && point !== "asked"))(
    "when a rollback was %s, asked again it goes back once",
    async (point) => {
      await clientSays(client, ["self-update"]);
      die("rollback", point);
      const { status } = await clientSays(client, ["self-update", "--rollback"]);
      // Where the file was back already, there is nothing before it.
      expect(status).toBe(point === "switched" ? 2 : 0);
      expect(now().equals(bytesOf("1.0.0"))).toBe(true);
    },
  );

  it.each(["updated", "asked"])(
    "when it was %s, a rollback takes the new one back, which never ran",
    async (point) => {
      die("update", point);
      expect((await clientSays(client, ["self-update", "--rollback"])).status).toBe(0);
      expect(now().equals(bytesOf("1.0.0"))).toBe(true);
      expect(existsSync(at("bin", `.${NAME}.self`, "tree", NAME))).toBe(true);
    },
  );
});

/** @returns the signed bundle of tree-VERSION */
async function release(version: string, pki: string, ...more: string[]): Promise<string> {
  const [tree, bundle] = [at(`tree-${version}`), at(`bundle-${version}`)];
  if (!existsSync(tree)) {
    mkdirSync(tree);
    const facts = { anchor: at("pki/root.pem"), source: `https://example.org/${version}` };
    await makeClientFile(join(tree, NAME), facts, "--client-source", at("page"));
  }
  rmSync(bundle, { recursive: true, force: true });
  const product = more.includes("--product") ? [] : ["--product", "app-client"];
  await ok("themis-bundle", "build", tree, ...product, "--version", version, "--out", bundle, ...more);
  const key = [at(pki, "signer-key.pem"), at(pki, "signer.pem")] as const;
  await ok("themis-bundle", "sign", bundle, "--key", key[0], "--certificates", key[1]);
  return bundle;
}

/** A program that says what a client says, and is none. */
function aboutOnly(more: Record<string, unknown>): string {
  const about = {
    ...{ schema: "themis-fetch/about/1", version: "9.9.9", product: "app", clientProduct: "app-client" },
    anchors: [{ fingerprintSha256: fingerprintIn(now()) }],
    ...more,
  };
  return `console.log(${JSON.stringify(JSON.stringify(about))});\n`;
}

function fingerprintIn(bytes: Buffer): string {
  return /^\/\/ anchor ([0-9a-f]{64})$/m.exec(bytes.toString("latin1"))![1]!;
}
