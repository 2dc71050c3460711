/** What a device keeps of a release is not fetched again: an unchanged channel, the next manifest, and all that can be wrong with both. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readRelease } from "../../src/fetch/read-release.ts";
import { folderSource } from "../../src/fetch/transfer/folder-source.ts";
import type { Source } from "../../src/fetch/transfer/source.ts";
import { planOnly, update } from "../../src/fetch/update.ts";
import { applyManifestPatch, manifestPatchName } from "../../src/format/manifest/manifest-patch.ts";
import { openBundle } from "../../src/publish/bundle.ts";
import { generatePatch } from "../../src/publish/diff/generate.ts";
import { proveBundle } from "../../src/publish/prove-bundle.ts";
import { type FolderPublication, publishToFolder } from "../../src/publish/upload/folder-page.ts";
import { readTrustAnchors, type TrustAnchor } from "../../src/trust/anchor.ts";
import { type Nginx, startNginx } from "../kit/nginx.ts";
import { hasTool } from "../kit/tools.ts";
import { noise, ok, release, snapshot } from "../kit/world.ts";

const FILES = 120;
const folder = mkdtempSync(join(tmpdir(), "themis-incremental-"));
const at = (...names: string[]): string => join(folder, ...names);
let anchors: readonly TrustAnchor[];
let devices = 0;

beforeAll(async () => {
  for (let i = 0; i < FILES; i++) write("old", i, 1);
  cpSync(at("old"), at("new"), { recursive: true });
  write("new", 17, 2);
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  anchors = readTrustAnchors(readFileSync(at("pki/root.pem")));
  await release({ at }, at("old"), "1.0.0", at("bundle-1.0.0"), "--sequence", "1");
  await release(
    { at },
    at("new"),
    "1.1.0",
    at("bundle-1.1.0"),
    "--sequence",
    "2",
    "--from",
    `1.0.0=${at("old")}`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(tree: string, file: number, generation: number): void {
  mkdirSync(at(tree, "lib"), { recursive: true });
  writeFileSync(at(tree, "lib", `file-${file}`), noise(600 + file, file * 7 + generation).toString("base64"));
}

/** A page of its own with both releases, `latest` naming the older. */
async function publishedPage(...bundles: string[]): Promise<string> {
  const page = at(`page-${devices++}`);
  for (const bundle of bundles) await publish(bundle, page);
  return page;
}

/** In this process, which is quick. */
async function publish(name: string, page: string): Promise<FolderPublication> {
  const { bundle } = await proveBundle(await openBundle(at(name)), { policy: { anchors }, now: new Date() });
  return publishToFolder(bundle, page);
}

function device(): string {
  const root = at(`device-${devices++}`);
  mkdirSync(root);
  return root;
}

const tools = { now: () => new Date() };
const run = (source: string, root: string) =>
  update({ source, root, anchors, version: "", connections: 2 }, tools);
const check = (source: string, root: string) =>
  planOnly({ source, root, anchors, version: "", connections: 2 }, tools);

/** What the server answered since the last time it was asked. */
function listener(nginx: Nginx): () => ReturnType<Nginx["log"]> {
  let heard = 0;
  return () => {
    const all = nginx.log();
    const since = all.slice(heard);
    heard = all.length;
    return since;
  };
}

it.runIf(hasTool("nginx"))("asks an unchanged channel one small question", async () => {
  const page = await publishedPage("bundle-1.0.0");
  const nginx = await startNginx(page);
  try {
    const root = device();
    settled(page);
    await run(nginx.url, root);
    const answered = listener(nginx);
    answered();
    for (const again of [check, run]) {
      await again(nginx.url, root);
      const answers = answered();
      expect(answers.map(({ path, status }) => `${status} ${path}`)).toEqual([
        "304 /latest/manifest.json.p7s",
      ]);
      expect(answers[0]!.bytes).toBe(0);
    }
  } finally {
    await nginx.close();
  }
});

it.runIf(hasTool("nginx"))("fetches the next manifest as a patch of the one it keeps", async () => {
  const page = await publishedPage("bundle-1.0.0");
  const nginx = await startNginx(page);
  try {
    const root = device();
    await run(nginx.url, root);
    await publish("bundle-1.1.0", page);
    const answered = listener(nginx);
    answered();
    expect(await run(nginx.url, root)).toMatchObject({ kind: "updated", from: "1.0.0", to: "1.1.0" });
    expect(snapshot(root)).toEqual(snapshot(at("new")));
    const answers = answered();
    const ofManifest = answers.filter(({ path }) => path.includes("/manifest"));
    expect(ofManifest.map(({ path }) => path)).toEqual([
      "/latest/manifest.json.p7s",
      `/latest/${manifestPatchName(readFileSync(at("bundle-1.0.0/manifest.json")))}`,
    ]);
    const whole = readFileSync(at("bundle-1.1.0/manifest.json")).length;
    expect(ofManifest[1]!.bytes).toBeLessThan(whole / 10);
  } finally {
    await nginx.close();
  }
});

/** nginx names a file's state by second and size: what is younger is not believed to be named. */
function settled(page: string): void {
  const before = new Date(Date.now() - 60_000);
  for (const name of readdirSync(join(page, "latest")))
    utimesSync(join(page, "latest", name), before, before);
}

const patchName = () => manifestPatchName(readFileSync(at("bundle-1.0.0/manifest.json")));

it.each<{ why: string; spoil: (patch: Buffer) => Uint8Array | undefined }>([
  { why: "is missing", spoil: () => undefined },
  { why: "is empty", spoil: () => new Uint8Array() },
  { why: "is cut", spoil: (patch) => patch.subarray(0, patch.length - 5) },
  {
    why: "has a flipped bit",
    spoil: (patch) => {
      patch[patch.length >> 1]! ^= 4;
      return patch;
    },
  },
  { why: "is of another format", spoil: () => Buffer.from("(\xb5/\xfd and so on", "latin1") },
  {
    why: "promises a manifest of exabytes",
    spoil: (patch) => {
      patch.writeBigInt64LE(2n ** 60n, 24);
      return patch;
    },
  },
  {
    why: "makes another manifest",
    spoil: () => readFileSync(at("wrong.patch")),
  },
])("fetches the whole manifest when the patch $why", async ({ spoil }) => {
  const other = readFileSync(at("bundle-1.1.0/manifest.json"), "utf8").replace('"1.1.0"', '"9.9.9"');
  writeFileSync(at("other.json"), other);
  await generatePatch({
    source: at("bundle-1.0.0/manifest.json"),
    target: at("other.json"),
    patch: at("wrong.patch"),
    algorithms: ["BSDIFF"],
  });

  const page = await publishedPage("bundle-1.0.0");
  const root = device();
  await run(page, root);
  await publish("bundle-1.1.0", page);
  const path = join(page, "1.1.0", patchName());
  const spoiled = spoil(readFileSync(path));
  rmSync(path);
  if (spoiled) writeFileSync(path, spoiled);
  expect(await run(page, root)).toMatchObject({ kind: "updated", to: "1.1.0" });
  expect(snapshot(root)).toEqual(snapshot(at("new")));
});

it("refuses what a patch makes when its signature is not there for it", async () => {
  const page = await publishedPage("bundle-1.0.0");
  const root = device();
  await run(page, root);
  const before = snapshot(root);
  await publish("bundle-1.1.0", page);
  // The signature of the older release: the kept manifest is what it signed, and that is what the device believes.
  cpSync(at("bundle-1.0.0/manifest.json.p7s"), join(page, "1.1.0/manifest.json.p7s"));
  expect(await run(page, root)).toMatchObject({ kind: "nothing-to-do", to: "1.0.0" });
  const signature = readFileSync(at("bundle-1.1.0/manifest.json.p7s"));
  signature[signature.length - 3]! ^= 1;
  writeFileSync(join(page, "1.1.0/manifest.json.p7s"), signature);
  await expect(run(page, root)).rejects.toMatchObject({ code: expect.stringMatching(/^SIGNATURE_/) });
  expect(snapshot(root)).toEqual(before);
});

it("makes patches of the releases before it once, and the same again", async () => {
  const page = await publishedPage("bundle-1.0.0");
  expect(await publish("bundle-1.1.0", page)).toMatchObject({ changed: true });
  const patch = join(page, "1.1.0", patchName());
  const bytes = readFileSync(patch);
  const made = await applyManifestPatch(readFileSync(at("bundle-1.0.0/manifest.json")), bytes);
  expect(Buffer.compare(made, readFileSync(at("bundle-1.1.0/manifest.json")))).toBe(0);
  expect(await publish("bundle-1.1.0", page)).toMatchObject({ changed: false });
  rmSync(patch);
  expect(await publish("bundle-1.1.0", page)).toMatchObject({ changed: true });
  expect(readFileSync(patch).equals(bytes)).toBe(true);
});

it.each(["manifest", "signature", "sha256"])(
  "fetches again what is damaged in its own records: %s",
  async (column) => {
    const page = await publishedPage("bundle-1.0.0");
    const root = device();
    await run(page, root);
    const database = new DatabaseSync(join(root, ".themis/state.db"));
    const value = column === "sha256" ? "'0'" : `zeroblob(length(${column}))`;
    database.exec(`UPDATE kept_release SET ${column} = ${value}`);
    database.close();
    expect(await run(page, root)).toMatchObject({ kind: "nothing-to-do" });
    await publish("bundle-1.1.0", page);
    expect(await run(page, root)).toMatchObject({ kind: "updated", to: "1.1.0" });
  },
);

it("reads both documents again when the page is switched between them", async () => {
  const page = await publishedPage("bundle-1.0.0", "bundle-1.1.0");
  const switchTo = (version: string): void => {
    rmSync(join(page, "latest"));
    symlinkSync(version, join(page, "latest"));
  };
  switchTo("1.0.0");
  const asked: string[] = [];
  const real = folderSource(join(page, "latest"));
  const moving: Source = {
    ...real,
    readAll: async (asset, maxBytes, asking) => {
      asked.push(asset);
      const found = await real.readAll(asset, maxBytes, asking);
      if (asked.length === 1) switchTo("1.1.0");
      return found;
    },
  };
  const read = await readRelease(moving, { kept: undefined, etag: "" });
  expect(asked).toEqual(["manifest.json.p7s", "manifest.json", "manifest.json.p7s", "manifest.json"]);
  expect(read).toMatchObject({
    manifest: readFileSync(at("bundle-1.1.0/manifest.json")),
    signature: readFileSync(at("bundle-1.1.0/manifest.json.p7s")),
  });
});

it("does not take 304 for an answer that was not asked for", async () => {
  const real = folderSource(at("bundle-1.0.0"));
  const wrong: Source = { ...real, readAll: async () => "unchanged" };
  await expect(readRelease(wrong, { kept: undefined, etag: "" })).rejects.toMatchObject({
    code: "SOURCE_STATUS",
  });
});
