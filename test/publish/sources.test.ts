/** What a changed file is compared with, and that what did not change costs nothing. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { decodeDeltaManifest } from "../../src/format/manifest/delta-manifest.ts";
import { build } from "../../src/publish/build.ts";
import { chooseSources } from "../../src/publish/sources.ts";
import { indexTree } from "../../src/publish/tree.ts";
import { noise } from "../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-sources-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let trees = 0;

function treeOf(files: Readonly<Record<string, Uint8Array>>): string {
  const root = join(folder, String(trees++));
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  return root;
}

async function chosen(old: Record<string, Uint8Array>, now: Record<string, Uint8Array>) {
  const sources = await chooseSources(await indexTree(treeOf(old)), await indexTree(treeOf(now)));
  return sources.map(({ target, source, reason }) => [target.path, source.path, reason]);
}

/** The same with some bytes changed in the middle. */
function edited(bytes: Uint8Array, seed: number): Buffer {
  const copy = Buffer.from(bytes);
  noise(300, seed).copy(copy, copy.length >> 1);
  return copy;
}

const a = noise(100_000, 51);
const b = noise(120_000, 52);

it.each([
  {
    why: "the file of its path, when that is what it was made from",
    old: { a, b },
    now: { a: edited(a, 1), b: edited(b, 2) },
    expected: [
      ["a", "a", "same-path"],
      ["b", "b", "same-path"],
    ],
  },
  {
    why: "the other file, when two swapped their names and changed on the way",
    old: { a, b },
    now: { a: edited(b, 1), b: edited(a, 2) },
    expected: [
      ["a", "b", "similar"],
      ["b", "a", "similar"],
    ],
  },
  {
    why: "the file of its path, when nothing is more like it",
    old: { a, b },
    now: { a: noise(90_000, 53), b },
    expected: [["a", "a", "same-path"]],
  },
  {
    why: "a similar one, when the path is new",
    old: { a, b },
    now: { a, b, c: edited(b, 3), d: noise(50_000, 54) },
    expected: [["c", "b", "similar"]],
  },
  {
    why: "nothing, when two only swapped their names: a device copies them",
    old: { a, b },
    now: { a: b, b: a },
    expected: [],
  },
  { why: "nothing, when it only moved", old: { a }, now: { c: a }, expected: [] },
  { why: "nothing, when it is empty", old: { a, b }, now: { a: new Uint8Array(), b }, expected: [] },
])("compares a file with $why", async ({ old, now, expected }) => {
  expect(await chosen(old, now)).toEqual(expected);
});

it("an unchanged file costs nothing: no delta, no candidate, no byte of a pack, no word", async () => {
  const root = treeOf({ a: edited(a, 4), b, "moved/b": b });
  const result = await build({
    root,
    from: [{ version: "1.0.0", root: treeOf({ a, b }) }],
    out: join(folder, "bundle"),
    algorithms: ["ZSTD_DICT"],
    diff: {},
    jobs: 1,
    release: {
      product: "app",
      version: "1.1.0",
      channel: "stable",
      sequence: 1,
      expires: "",
      releaseDate: "",
      releaseNotes: "",
      tagName: "",
      isCritical: false,
      platform: "",
      architecture: "",
      buildCommit: "",
      buildDate: "",
      compilerVersion: "",
      dependencies: [],
      minUpgradeFrom: "",
    },
  });
  expect(result.outcomes.map(({ path }) => path)).toEqual(["a"]);
  const { deltas } = decodeDeltaManifest(readFileSync(join(folder, "bundle/delta-1.0.0.json")));
  expect(deltas.map(({ path }) => path)).toEqual(["a"]);
  const pack = result.manifest.packs.find(({ asset }) => asset === "delta-1.0.0-0.pack")!;
  expect(pack.size_bytes).toBeLessThan(4096);
  expect(readFileSync(join(folder, "bundle/report-1.0.0.json"), "utf8")).not.toContain('"b"');
});
