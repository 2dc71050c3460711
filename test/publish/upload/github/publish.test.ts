/** Onto a release page of GitHub, by the command: what it leaves there, what it mends, and what it refuses. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../../../src/base/digest.ts";
import { LOG_PROOF } from "../../../../src/format/log/log-proof.ts";
import { decodeManifest } from "../../../../src/format/manifest/manifest.ts";
import { assetNames, openBundle } from "../../../../src/publish/bundle.ts";
import { appendRelease, createLog } from "../../../../src/publish/log/append.ts";
import { generateLogKey, openLogKey } from "../../../../src/publish/log/log-key.ts";
import { proveRelease } from "../../../../src/publish/log/prove.ts";
import { uploadUrl } from "../../../../src/publish/upload/github/open-github.ts";
import type { FakeRelease } from "../../../kit/github/state.ts";
import { makeSmallWorld, type SmallWorld } from "../../../kit/small-world.ts";
import { ok, run, snapshot } from "../../../kit/world.ts";
import { makePage, openSigned, type Page, publishHere, shown, TOKEN } from "./kit.ts";

let world: SmallWorld;
beforeAll(async () => {
  world = await makeSmallWorld();
});
afterAll(() => world.remove());

let page: Page;
beforeEach(async () => {
  page = await makePage();
});
afterEach(() => page.github.close());

const only = (): FakeRelease => {
  expect(page.repository.releases).toHaveLength(1);
  return page.repository.releases[0]!;
};

function expectBundle(release: FakeRelease, folder: string): void {
  const names = assetNames(decodeManifest(readFileSync(join(folder, "manifest.json"))));
  for (const name of names) {
    const digest = `sha256:${sha256(readFileSync(join(folder, name)))}`;
    const found = release.assets.filter((asset) => asset.name === name);
    expect(found).toMatchObject([{ state: "uploaded", digest }]);
  }
}

/** A bundle of the new tree, signed, with more options. */
async function otherBundle(name: string, ...more: string[]): Promise<string> {
  const out = world.at(name);
  const facts = ["--product", "app", "--version", "1.1.0", "--out", out];
  await ok("themis-bundle", "build", world.new, ...facts, ...more);
  return sign(out);
}

async function sign(bundle: string): Promise<string> {
  const key = ["--key", world.at("pki/signer-key.pem"), "--certificates", world.at("pki/signer.pem")];
  await ok("themis-bundle", "sign", bundle, ...key);
  return bundle;
}

function changes(from: number): string[] {
  return page.github.heard
    .slice(from)
    .map(({ operation }) => operation)
    .filter((operation) => !operation.startsWith("GET"));
}

const failed = ({ status, stdout }: { status: number | null; stdout: string }) => ({
  status,
  code: JSON.parse(stdout).error?.code,
});

describe("a bundle", () => {
  it("is published with every asset, and then there is nothing to do", async () => {
    const first = JSON.parse((await page.publish(world.newBundle)).stdout);
    expect(first).toMatchObject({
      schema: "themis-bundle/publish-github/1",
      state: "published",
      changed: true,
    });
    expect(only()).toMatchObject({ tag: "v1.1.0", draft: false });
    expectBundle(only(), world.newBundle);
    const [before, calls] = [shown(only()), page.github.heard.length];
    const { stdout, stderr } = await page.publish(world.newBundle);
    expect(JSON.parse(stdout)).toMatchObject({ changed: false, uploaded: [], state: "published" });
    expect(stderr).toBe("");
    expect([shown(only()), changes(calls)]).toEqual([before, []]);
    const words = page.run(["publish", world.newBundle, "--to", "github:acme/app"]);
    expect((await words.done).stdout).toMatch(/1\.1\.0 is already published at .*; nothing to do/);
  });

  it.each([{ ghes: false }, { ghes: true }])("reaches devices by the same page, %o", async (options) => {
    const own = await makePage(options);
    const root = world.at(`device-${options.ghes}`);
    mkdirSync(root);
    const update = async (): Promise<Record<string, unknown>> => {
      Object.assign(process.env, own.github.environment);
      const source = ["--source", "github:acme/app", "--root", root, "--trust-anchor", world.anchor];
      try {
        return await ok("themis-fetch", "update", ...source);
      } finally {
        for (const name of Object.keys(own.github.environment)) delete process.env[name];
      }
    };
    expect(await own.publish(world.oldBundle)).toMatchObject({ status: 0 });
    await update();
    expect(snapshot(root)).toEqual(snapshot(world.old));
    expect(await own.publish(world.newBundle)).toMatchObject({ status: 0 });
    const { fellBack } = await update();
    expect(snapshot(root)).toEqual(snapshot(world.new));
    expect(fellBack).toEqual([]);
    expect(own.github.heard.map(({ path }) => path)).toContain(
      "/acme/app/releases/download/v1.1.0/delta-1.0.0-0.pack",
    );
    await own.github.close();
  });

  it.each(["--no-publish", "--publish=false"])(
    "stays a complete draft with %s, and is published later",
    async (option) => {
      const { status, stdout } = await page.publish(world.newBundle, option);
      const said = JSON.parse(stdout);
      expect({ status, state: said.state }).toEqual({ status: 0, state: "draft" });
      expect(said.location).toContain("untagged-");
      expect(only().draft).toBe(true);
      expectBundle(only(), world.newBundle);
      const calls = page.github.heard.length;
      expect(JSON.parse((await page.publish(world.newBundle)).stdout)).toMatchObject({
        uploaded: [],
        changed: true,
      });
      expect(changes(calls)).toEqual(["PATCH /repos/{owner}/{repo}/releases/{release_id}"]);
      expect(only().draft).toBe(false);
    },
  );

  it("is put into a draft that a person began, whose words stay, and whose wreckage goes", async () => {
    const draft = page.repository.addRelease("v1.1.0", { draft: true, name: "One", body: "by hand" });
    page.repository.addAsset(draft, "installer.exe", Buffer.from("of somebody else"));
    page.repository.addAsset(draft, "targets-0.pack", Buffer.alloc(0), "starter");
    page.repository.addAsset(draft, "manifest.json", Buffer.from("{}"));
    page.repository.addAsset(draft, "delta-0.9.0-0.pack", Buffer.from("of an earlier build"));
    const said = JSON.parse((await page.publish(world.newBundle)).stdout);
    expect(said.removed.toSorted()).toEqual(["delta-0.9.0-0.pack", "manifest.json", "targets-0.pack"]);
    expect(only()).toMatchObject({ id: draft.id, name: "One", body: "by hand", draft: false });
    expectBundle(only(), world.newBundle);
    expect(only().assets.map(({ name }) => name)).toContain("installer.exe");
  });

  it("is published where deleted assets linger", async () => {
    page.github.settings.deleteLag = 2;
    const draft = page.repository.addRelease("v1.1.0", { draft: true });
    page.repository.addAsset(draft, "targets-0.pack", Buffer.from("other bytes"));
    expect(await page.publish(world.newBundle)).toMatchObject({ status: 0 });
    expectBundle(only(), world.newBundle);
  });

  it("is proven by reading it back where the server tells no digests", async () => {
    page.github.settings.digests = false;
    const bundle = await openSigned(world.newBundle);
    let flipped = false;
    page.github.settings.interfere = ({ operation, when }) => {
      const asset = page.repository.releases[0]?.assets.find(({ name }) => name === "targets-0.pack");
      if (when !== "before" || flipped || asset?.state !== "uploaded" || !operation.startsWith("GET"))
        return undefined;
      // Storage that rots: one byte of what was taken is another one.
      asset.bytes = Buffer.from(asset.bytes);
      asset.bytes[100]! ^= 1;
      flipped = true;
      return undefined;
    };
    const { removed } = await publishHere(page, bundle);
    expect({ flipped, removed }).toEqual({ flipped: true, removed: ["targets-0.pack"] });
    for (const { name, bytes } of only().assets)
      expect(sha256(bytes)).toBe(sha256(readFileSync(join(world.newBundle, name))));
  });

  it("does not become the latest when one with a higher sequence is", async () => {
    await page.publish(world.newBundle);
    const said = JSON.parse((await page.publish(world.oldBundle)).stdout);
    expect(said).toMatchObject({ state: "published", latest: "1.1.0" });
    expect(page.repository.latest()!.tag).toBe("v1.1.0");
    expect(page.repository.releases.map(({ tag }) => tag)).toEqual(["v1.1.0", "v1.0.0"]);
  });

  it("is uploaded again when an upload stalls, and when no answer comes", async () => {
    const bundle = await openSigned(world.newBundle);
    let stalls = 2;
    page.github.settings.interfere = async ({ when, operation }) => {
      if (!operation.endsWith("/assets") || operation.startsWith("GET") || when !== "during")
        return undefined;
      if (stalls-- > 0) await new Promise((resolve) => setTimeout(resolve, 900));
      return undefined;
    };
    const { state } = await publishHere(page, bundle, { limits: { stallMs: 300, answerMs: 300 } });
    expect({ state, stalls: stalls < 0 }).toEqual({ state: "published", stalls: true });
    expectBundle(only(), world.newBundle);
  });
});

describe("what is published already", () => {
  it("is refused with other content, and stays as it is", async () => {
    await page.publish(world.newBundle);
    const before = shown(only());
    const other = await otherBundle("other", "--release-notes", "another one");
    const [answer, calls] = [await page.publish(other), page.github.heard.length];
    expect(failed(answer)).toEqual({ status: 4, code: "PAGE_CONFLICT" });
    expect([shown(only()), changes(calls)]).toEqual([before, []]);
  });

  it("is refused when it holds no bundle", async () => {
    page.repository.addRelease("v1.1.0");
    expect(failed(await page.publish(world.newBundle))).toEqual({ status: 4, code: "PAGE_CONFLICT" });
    expect(only().assets).toEqual([]);
  });

  it("is left alone with an earlier signature over the same manifest", async () => {
    await page.publish(world.newBundle);
    const again = world.at("signed-again");
    cpSync(world.newBundle, again, { recursive: true });
    await sign(again);
    const { stdout, stderr } = await page.publish(again);
    expect(JSON.parse(stdout)).toMatchObject({ changed: false });
    expect(stderr).toMatch(/an earlier manifest\.json\.p7s/);
    expectBundle(only(), world.newBundle);
  });

  it("gets the signature of whom devices trust in place of a stranger's", async () => {
    await page.publish(world.newBundle);
    const strange = world.at("signed-by-a-stranger");
    cpSync(world.newBundle, strange, { recursive: true });
    await ok("themis-bundle", "keygen", "--out", world.at("pki-strange"));
    const key = ["--key", world.at("pki-strange/signer-key.pem")];
    await ok("themis-bundle", "sign", strange, ...key, "--certificates", world.at("pki-strange/signer.pem"));
    page.repository.replaceAsset(
      only(),
      "manifest.json.p7s",
      readFileSync(join(strange, "manifest.json.p7s")),
    );
    const said = JSON.parse((await page.publish(world.newBundle, "--trust-anchor", world.anchor)).stdout);
    expect(said).toMatchObject({ changed: true, uploaded: ["manifest.json.p7s"] });
    expectBundle(only(), world.newBundle);
  });

  it("bears the proof of a transparency log, is left alone with that of a larger one, and gets it in place of a smaller", async () => {
    const [log, bundle, grown] = [world.at("log"), world.at("logged"), world.at("logged-again")];
    const { secret } = await generateLogKey("example.com/app", world.at("log-keys"));
    const signer = await openLogKey(secret);
    await createLog(log, signer);
    const prove = async (folder: string) => proveRelease(log, await openBundle(folder), signer.key);
    cpSync(world.newBundle, bundle, { recursive: true });
    await appendRelease(log, await openBundle(bundle), signer);
    await prove(bundle);
    cpSync(bundle, grown, { recursive: true });
    const other = ["--product", "other", "--version", "1.0.0", "--out", world.at("grows-the-log")];
    await ok("themis-bundle", "build", world.new, ...other);
    await appendRelease(log, await openBundle(world.at("grows-the-log")), signer);
    await prove(grown);
    const proofThere = () => only().assets.find(({ name }) => name === LOG_PROOF)!.bytes;
    const proofIn = (folder: string) => readFileSync(join(folder, LOG_PROOF));
    await page.publish(bundle);
    expect(proofThere()).toEqual(proofIn(bundle));
    expect(JSON.parse((await page.publish(grown)).stdout)).toMatchObject({
      changed: true,
      uploaded: [LOG_PROOF],
    });
    expect(proofThere()).toEqual(proofIn(grown));
    expect(JSON.parse((await page.publish(bundle)).stdout)).toMatchObject({ changed: false });
    expect(proofThere()).toEqual(proofIn(grown));
  });

  it("gets a signature that was damaged there anew", async () => {
    await page.publish(world.newBundle);
    page.repository.replaceAsset(only(), "manifest.json.p7s", Buffer.from("no signature"));
    expect(JSON.parse((await page.publish(world.newBundle)).stdout)).toMatchObject({
      changed: true,
      uploaded: ["manifest.json.p7s"],
    });
    expectBundle(only(), world.newBundle);
  });

  it("is mended when an asset is gone, and refused where it is immutable", async () => {
    await page.publish(world.newBundle);
    page.repository.removeAsset(only(), "targets-0.pack");
    only().immutable = true;
    expect(failed(await page.publish(world.newBundle))).toEqual({ status: 4, code: "RELEASE_IMMUTABLE" });
    only().immutable = false;
    expect(JSON.parse((await page.publish(world.newBundle)).stdout).uploaded).toEqual(["targets-0.pack"]);
    expectBundle(only(), world.newBundle);
  });

  it("of another product keeps the page for itself", async () => {
    await page.publish(world.newBundle);
    const out = world.at("other-product");
    await ok("themis-bundle", "build", world.new, "--product", "tool", "--version", "2.0.0", "--out", out);
    expect(failed(await page.publish(await sign(out)))).toEqual({ status: 4, code: "PAGE_CONFLICT" });
    expect(only().tag).toBe("v1.1.0");
  });
});

describe("immutable releases", () => {
  beforeEach(() => {
    page.repository.immutable = true;
  });

  it("are complete before they are for ever", async () => {
    expect(JSON.parse((await page.publish(world.newBundle)).stdout)).toMatchObject({ isImmutable: true });
    expectBundle(only(), world.newBundle);
    expect(JSON.parse((await page.publish(world.newBundle)).stdout)).toMatchObject({ changed: false });
  });

  it("burn their tag, which is told", async () => {
    page.repository.burned.add("v1.1.0");
    const answer = await page.publish(world.newBundle);
    expect(failed(answer)).toEqual({ status: 4, code: "TAG_BURNED" });
    expect(page.repository.releases).toEqual([]);
  });
});

describe("what stands in the way is told, and nothing is published", () => {
  it.each([
    { why: "no token", token: "", code: "TOKEN_MISSING", status: 2, says: /GH_TOKEN/ },
    { why: "an unknown token", token: "ghp_other", code: "TOKEN_REFUSED", status: 3, says: /401/ },
    {
      why: "a token that may only read",
      token: "ghp_reader",
      code: "TOKEN_INSUFFICIENT",
      status: 3,
      says: /permissions:\n {2}contents: write/,
    },
  ])("$why", async ({ token, code, status, says }) => {
    page.github.state.addToken("ghp_reader", { "acme/app": "contents: read" });
    const env = { GH_TOKEN: token };
    const answer = await page.run(["publish", world.newBundle, "--to", "github:acme/app", "--json"], env)
      .done;
    expect(failed(answer)).toEqual({ status, code });
    const { message, hint } = JSON.parse(answer.stdout).error;
    expect(`${message}\n${hint}`).toMatch(says);
    expect(page.repository.releases).toEqual([]);
  });

  it("a repository that is not there, or hidden", async () => {
    const answer = await page.run(["publish", world.newBundle, "--to", "github:acme/nothing", "--json"]).done;
    expect(failed(answer)).toEqual({ status: 3, code: "REPOSITORY_ABSENT" });
  });

  it("an archived repository", async () => {
    page.repository.isArchived = true;
    expect(failed(await page.publish(world.newBundle))).toEqual({ status: 4, code: "REPOSITORY_ARCHIVED" });
  });

  it("a commit that changes workflows, and a tag that stands elsewhere", async () => {
    const commit = "0123456789abcdef0123456789abcdef01234567";
    const bundle = await otherBundle("of-a-commit", "--build-commit", commit);
    page.repository.workflowCommits.add(commit);
    const answer = await page.publish(bundle);
    expect(failed(answer)).toEqual({ status: 3, code: "TOKEN_INSUFFICIENT" });
    expect(JSON.parse(answer.stdout).error.hint).toMatch(/workflows: write/);
    page.repository.workflowCommits.clear();
    page.repository.tags.set("v1.1.0", commit.replaceAll("0", "f"));
    expect(failed(await page.publish(bundle))).toEqual({ status: 4, code: "PAGE_CONFLICT" });
    expect(page.repository.releases).toEqual([]);
    page.repository.tags.clear();
    await page.publish(bundle);
    expect(only()).toMatchObject({ target: commit, draft: false });
  });

  it("an asset that the server gives another name, and the draft can be gone on with", async () => {
    page.github.settings.rename = (name) => name.replace("targets", "renamed");
    const answer = await page.publish(world.newBundle);
    expect(failed(answer)).toEqual({ status: 4, code: "ASSET_RENAMED" });
    expect(only().draft).toBe(true);
    expect(only().assets.map(({ name }) => name)).not.toContain("renamed-0.pack");
    page.github.settings.rename = (name) => name;
    expect(await page.publish(world.newBundle)).toMatchObject({ status: 0 });
    expectBundle(only(), world.newBundle);
  });

  it("a limit of calls that ends too late", async () => {
    page.github.limits.remaining = 0;
    page.github.limits.resetSeconds = 3600;
    expect(failed(await page.publish(world.newBundle))).toEqual({ status: 3, code: "API_RATE_LIMITED" });
  });

  it("a server that repeats the token: it stands in no message", async () => {
    const { jsonAnswer } = await import("../../../kit/misbehaving-server/answer.ts");
    page.github.settings.interfere = () => jsonAnswer(418, { message: `no teapot for ${TOKEN}` });
    const { status, stdout } = await page.publish(world.newBundle, "--debug");
    expect(status).toBe(3);
    expect(stdout).toContain("no teapot for ***");
  });

  it("bytes that changed since the bundle was proven", async () => {
    const changed = world.at("changed");
    cpSync(world.newBundle, changed, { recursive: true });
    const bundle = await openSigned(changed);
    const pack = join(changed, "targets-0.pack");
    const bytes = readFileSync(pack);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(pack, bytes);
    await expect(publishHere(page, bundle)).rejects.toMatchObject({ code: "BUNDLE_INCOMPLETE" });
    expect(only().draft).toBe(true);
    expect(only().assets.filter(({ state }) => state === "uploaded")).toEqual([]);
  });

  it.each([["--prerelease"], ["--no-publish"], ["--publish=false"], ["--token-file", "x"]])(
    "%s for a folder",
    async (...more) => {
      const { status, stderr } = await run(
        "themis-bundle",
        "publish",
        world.newBundle,
        "--to",
        "file:x",
        ...more,
      );
      expect({ status, stderr }).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/is for github:/),
      });
    },
  );
});

const template = (url: string) => ({ uploadUrl: url }) as Parameters<typeof uploadUrl>[1];

it.each([
  ["https://api.github.com/", "https://uploads.github.com/repos/a/b/releases/1/assets"],
  ["https://api.acme.ghe.com/", "https://uploads.acme.ghe.com/repos/a/b/releases/1/assets"],
  ["https://git.example.org/api/v3", "https://git.example.org/api/uploads/repos/a/b/releases/1/assets"],
])("of the API %s uploads go to %s", (base, url) => {
  expect(uploadUrl(new URL(base), template(url), "a b.pack").href).toBe(`${url}?name=a+b.pack`);
});

it.each([
  ["https://api.github.com/", "https://uploads.github.com.evil.org/x"],
  ["https://api.github.com/", "http://uploads.github.com/x"],
  ["https://api.github.com/", "https://user:x@uploads.github.com/x"],
  ["https://git.example.org/api/v3", "https://uploads.git.example.org/x"],
  ["https://api.github.com/", "no URL"],
])("of the API %s the token does not go to %s", (base, url) => {
  expect(() => uploadUrl(new URL(base), template(url), "x")).toThrow(
    expect.objectContaining({ code: "API_ANSWER_INVALID" }),
  );
});
