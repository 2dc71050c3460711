/** What was made before is not made again, and whatever somebody put into the cache, the bytes are the same. */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/base/digest.ts";
import { cachedResultKind } from "../../src/format/manifest/build-part.ts";
import { decodeDocument, encodeDocument } from "../../src/format/manifest/document.ts";
import { build } from "../../src/publish/build.ts";
import type { BuildRequest } from "../../src/publish/build-request.ts";
import { buildShard } from "../../src/publish/shard/build-shard.ts";
import { makeReleaseLine, type ReleaseLine } from "../kit/release-line.ts";
import { ok } from "../kit/world.ts";

let line: ReleaseLine;
let request: Omit<BuildRequest, "out">;
let expected: Record<string, string>;
/** A cache as one build left it. */
let template: string;
let cache: string;
let names = 0;

beforeAll(async () => {
  line = await makeReleaseLine(["1.0.0", "1.1.0"]);
  request = {
    root: line.trees[1]!,
    release: {
      ...{ product: "app", version: "1.1.0", channel: "stable", sequence: undefined, expires: "" },
      ...{
        releaseDate: "",
        releaseNotes: "",
        tagName: "",
        isCritical: false,
        platform: "",
        architecture: "",
      },
      ...{ buildCommit: "", buildDate: "", compilerVersion: "", dependencies: [], minUpgradeFrom: "" },
    },
    from: [{ version: "1.0.0", root: line.trees[0]! }],
    algorithms: ["BSDIFF", "ZSTD_DICT"],
    diff: { budget: { applyMemory: 64 << 20 } },
    jobs: 2,
  };
  expected = contents((await build({ ...request, out: next() })).out);
  template = next();
  expect(await cached(template)).toEqual(expected);
});
afterAll(() => line.remove());
beforeEach(() => {
  cache = next();
  cpSync(template, cache, { recursive: true });
});

const next = (): string => line.at(`made-${names++}`);

async function cached(folder: string, more: Partial<BuildRequest> = {}): Promise<Record<string, string>> {
  const out = next();
  await build({ ...request, ...more, out, cache: { folder, program: "test" } });
  return contents(out);
}

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, sha256(readFileSync(join(folder, name)))]),
  );
}

function stored(suffix: string): string[] {
  return readdirSync(cache, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(cache, name));
}

function change(suffix: string, changed: (bytes: Buffer) => Uint8Array): void {
  for (const file of stored(suffix)) writeFileSync(file, changed(readFileSync(file)));
}

/** The document before the zero byte, changed, and the patch. */
function withDocument(
  bytes: Buffer,
  changes: object,
  patch = bytes.subarray(bytes.indexOf(0) + 1),
): Uint8Array {
  const document = decodeDocument(cachedResultKind, bytes.subarray(0, bytes.indexOf(0)));
  return Buffer.concat([encodeDocument(cachedResultKind, { ...document, ...changes }), Buffer.of(0), patch]);
}

const WHOLE = { winner: "WHOLE", blob: "", patch_size: 0, apply_memory: 0, apply_time_ms: 0 };

it("has every target and every comparison, and is asked", async () => {
  expect(stored(".target").length).toBeGreaterThan(5);
  expect(stored(".delta").length).toBeGreaterThan(2);
  const before = [...stored(".target"), ...stored(".delta")];
  expect(await cached(cache)).toEqual(expected);
  expect([...stored(".target"), ...stored(".delta")]).toEqual(before);
  // That no delta pays is the one thing that nobody can prove: who writes it there sees that it was read.
  change(".delta", (bytes) => withDocument(bytes, WHOLE, Buffer.alloc(0)));
  expect(await cached(cache)).not.toHaveProperty("delta-1.0.0-0.pack");
});

describe("is not believed", () => {
  it.each([
    { why: "a byte is another one", suffix: ".target", changed: (bytes: Buffer) => flipped(bytes) },
    { why: "a byte is another one", suffix: ".delta", changed: (bytes: Buffer) => flipped(bytes) },
    { why: "the end is missing", suffix: ".target", changed: (bytes: Buffer) => bytes.subarray(0, -3) },
    { why: "the end is missing", suffix: ".delta", changed: (bytes: Buffer) => bytes.subarray(0, -3) },
    { why: "it is empty", suffix: ".target", changed: () => Buffer.alloc(0) },
    { why: "it is empty", suffix: ".delta", changed: () => Buffer.alloc(0) },
    { why: "it is another file", suffix: ".target", changed: () => Buffer.from("ia file of somebody else") },
    {
      why: "it promises less memory than a device needs",
      suffix: ".delta",
      changed: (bytes: Buffer) =>
        bytes.includes('"winner":"WHOLE"') ? bytes : withDocument(bytes, { apply_memory: 1 }),
    },
    { why: "it is no document", suffix: ".delta", changed: () => Buffer.from("{}\0patch") },
  ])("where $why ($suffix)", async ({ suffix, changed }) => {
    change(suffix, changed);
    expect(await cached(cache)).toEqual(expected);
    // And it is mended.
    for (const file of stored(suffix)) {
      const name = file.slice(cache.length);
      expect(readFileSync(file).equals(readFileSync(join(template, name)))).toBe(true);
    }
  });

  function flipped(bytes: Buffer): Buffer {
    const other = Buffer.from(bytes);
    other[other.length - 2]! ^= 0x10;
    return other;
  }
});

it("is of these settings and this program, and of no other", async () => {
  const count = stored(".delta").length;
  const other = { algorithms: ["ZSTD_DICT"] as const };
  const out = next();
  await build({ ...request, ...other, out });
  expect(await cached(cache, other)).toEqual(contents(out));
  expect(stored(".delta").length).toBe(2 * count);
  await build({ ...request, out: next(), cache: { folder: cache, program: "another" } });
  expect(stored(".delta").length).toBe(3 * count);
});

it("that cannot be written to costs nothing but time", async () => {
  const file = next();
  writeFileSync(file, "no folder");
  expect(await cached(file)).toEqual(expected);
});

it("serves shards too, and is an option of build", async () => {
  const shard = { shard: 1, shards: 1, program: "test", cache: { folder: next(), program: "test" } };
  await buildShard({ ...request, ...shard, out: next() });
  expect(await cached(shard.cache.folder)).toEqual(expected);
  const folder = next();
  const from = ["--from", `1.0.0=${line.trees[0]}`];
  await ok(
    "themis-bundle",
    "build",
    request.root,
    ...from,
    "--product",
    "app",
    "--version",
    "1.1.0",
    "--out",
    next(),
    "--cache",
    folder,
  );
  expect(existsSync(join(folder, "1"))).toBe(true);
});
