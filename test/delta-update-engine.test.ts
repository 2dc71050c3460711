/** The public face of deltas, both halves: what another program can rely on. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../src/base/digest.ts";
import { DeltaUpdateEngine } from "../src/delta-update-engine.ts";
import { encodeVcdiffHeader } from "../src/format/delta/vcdiff/encode.ts";
import type { Delta } from "../src/format/manifest/delta-manifest.ts";
import type { GeneratedPatch } from "../src/publish/diff/generate.ts";
import { noise } from "./kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-engine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

const old = noise(400_000, 61);
const now = Buffer.concat([old.subarray(0, 200_000), Buffer.from("new words"), old.subarray(200_100)]);
const engine = new DeltaUpdateEngine();
let made: GeneratedPatch;
const heard: unknown[] = [];

beforeAll(async () => {
  writeFileSync(at("old"), old);
  writeFileSync(at("new"), now);
  writeFileSync(at("stranger"), noise(400_000, 62));
  made = await engine.generate({
    source: at("old"),
    target: at("new"),
    patch: at("patch"),
    progress: (event) => heard.push(event),
  });
});

const files = { source: at("old"), patch: at("patch") };
const refused = (code: string) => expect.objectContaining({ code, kind: "refused" });

describe("generate", () => {
  it("says what it made, of what, and what else was tried", () => {
    expect(made).toMatchObject({
      sourceBytes: old.length,
      sourceSha256: sha256(old),
      targetBytes: now.length,
      targetSha256: sha256(now),
      patchBytes: statSync(at("patch")).size,
      patchSha256: sha256(readFileSync(at("patch"))),
      applyMemory: expect.any(Number),
      applySeconds: expect.any(Number),
    });
    expect(made.candidates.map(({ algorithm }) => algorithm)).toEqual([
      "THEMIS",
      "BSDIFF",
      "VCDIFF",
      "ZSTD_DICT",
    ]);
    expect(heard).toEqual([1, 2, 3, 4].map((done) => ({ phase: "generating", done, total: 4 })));
  });

  it("obeys the engine's memory, an algorithm that is asked for, and a bound on the patch", async () => {
    const request = { source: at("old"), target: at("new"), patch: at("none") };
    const none = expect.objectContaining({ code: "DELTA_NONE", kind: "failed" });
    await expect(new DeltaUpdateEngine({ applyMemory: 1 << 20 }).generate(request)).rejects.toEqual(none);
    await expect(engine.generate({ ...request, maxBytes: 20 })).rejects.toEqual(none);
    expect(existsSync(at("none"))).toBe(false);
    expect((await engine.generate({ ...request, algorithms: ["VCDIFF"] })).algorithm).toBe("VCDIFF");
  });

  it("does not take a target or a source for the patch's place, nor what is no algorithm", async () => {
    const request = { source: at("old"), target: at("new") };
    const usage = expect.objectContaining({ code: "USAGE", kind: "usage" });
    for (const patch of [at("old"), at("new")])
      await expect(engine.generate({ ...request, patch })).rejects.toEqual(usage);
    for (const algorithms of [[], ["FOO"], "BSDIFF"] as never[])
      await expect(engine.generate({ ...request, patch: at("none"), algorithms })).rejects.toEqual(usage);
    expect([old, now].map((bytes, i) => bytes.equals(readFileSync(at(["old", "new"][i]!))))).toEqual([
      true,
      true,
    ]);
  });

  it.each(["own", "this"] as const)(
    "by %s thread fails with what its listener throws, and when a file changes meanwhile",
    async (thread) => {
      writeFileSync(at("changing"), old);
      const request = { source: at("changing"), target: at("new"), patch: at(`by-${thread}`), thread };
      const progress = (): void => {
        throw new Error("listener");
      };
      await expect(engine.generate({ ...request, progress })).rejects.toThrow("listener");
      const change = (): void => writeFileSync(at("changing"), old.subarray(1));
      await expect(engine.generate({ ...request, progress: change })).rejects.toMatchObject({
        code: "DIFF_FAILED",
        message: expect.stringContaining("changed meanwhile"),
      });
      expect(existsSync(request.patch)).toBe(false);
    },
  );

  it("stops when it is told to, with the reason", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const request = { source: at("old"), target: at("new"), patch: at("never"), signal };
    await expect(engine.generate(request)).rejects.toBe(reason);
  });
});

describe("apply and verify", () => {
  it("are whole for each of several that make one target at once", async () => {
    const target = at("common");
    await Promise.all([1, 2, 3].map(() => engine.apply({ ...files, target, sha256: sha256(now) })));
    expect(readFileSync(target).equals(now)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith("common"))).toEqual(["common"]);
  });

  it("leave the patch where it is, and a program its rights", async () => {
    const usage = expect.objectContaining({ code: "USAGE" });
    await expect(engine.apply({ ...files, target: at("patch") })).rejects.toEqual(usage);
    await expect(engine.apply({ ...files, target: at("x"), maxBytes: Number.NaN })).rejects.toEqual(usage);
    writeFileSync(at("program"), old, { mode: 0o755 });
    await engine.apply({ ...files, source: at("program"), target: at("program") });
    expect(readFileSync(at("program")).equals(now)).toBe(true);
    expect(statSync(at("program")).mode & 0o777).toBe(0o755);
  });

  it("make and name the target, and verify writes nothing", async () => {
    const before = readdirSync(folder).sort();
    const expected = {
      algorithm: made.algorithm,
      patchBytes: made.patchBytes,
      targetBytes: now.length,
      sha256: sha256(now),
      applyMemory: made.applyMemory,
    };
    expect(await engine.verify({ ...files, sourceSha256: sha256(old), target: at("new") })).toEqual(expected);
    expect(await engine.verify({ ...files, sha256: sha256(now).toUpperCase() })).toEqual(expected);
    expect(readdirSync(folder).sort()).toEqual(before);
    const done: number[] = [];
    const request = {
      ...files,
      target: at("made"),
      progress: (event: { done: number }) => done.push(event.done),
    };
    expect(await engine.apply(request)).toEqual(expected);
    expect(readFileSync(at("made")).equals(now)).toBe(true);
    expect(done.at(-1)).toBe(now.length);
  });

  it.each([
    {
      why: "another source, when its digest is known",
      change: { source: at("stranger"), sourceSha256: sha256(old) },
      code: "SOURCE_DIGEST_MISMATCH",
    },
    { why: "another result", change: { sha256: sha256(old) }, code: "TARGET_DIGEST_MISMATCH" },
    { why: "a larger result than allowed", change: { maxBytes: 1000 }, code: "DELTA_SIZE" },
    { why: "what is no patch", change: { patch: at("stranger") }, code: "DELTA_MAGIC" },
  ])("refuse $why, and leave no file", async ({ change, code }) => {
    const before = readdirSync(folder).sort();
    await expect(engine.verify({ ...files, ...change })).rejects.toEqual(refused(code));
    await expect(engine.apply({ ...files, target: at("not-made"), ...change })).rejects.toEqual(
      refused(code),
    );
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it("refuse a digest that is none, a patch that needs more memory than there is, and stop when told", async () => {
    await expect(engine.verify({ ...files, sha256: "4ce0" })).rejects.toMatchObject({ kind: "usage" });
    const small = new DeltaUpdateEngine({ applyMemory: 1 << 20 });
    await expect(small.verify(files)).rejects.toMatchObject({ code: "APPLY_MEMORY", kind: "failed" });
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(engine.apply({ ...files, target: at("stopped"), signal })).rejects.toBe(reason);
    expect(existsSync(at("stopped"))).toBe(false);
  });

  it("read back the target for the patches that copy from it, and verify leaves nothing of it", async () => {
    // Window 1: ADD "abcd". Window 2, VCD_TARGET of 4 bytes at 0: COPY 4 from 0 (RFC 3284, section 5.4).
    const windows = [0, 10, 4, 0, 4, 1, 0, 0x61, 0x62, 0x63, 0x64, 5, 2, 4, 0, 7, 4, 0, 0, 1, 1, 20, 0];
    writeFileSync(at("reads-target"), Buffer.concat([encodeVcdiffHeader(), Buffer.from(windows)]));
    const request = { source: at("old"), patch: at("reads-target"), sha256: sha256(Buffer.from("abcdabcd")) };
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("themis-verify-"));
    expect((await engine.verify(request)).targetBytes).toBe(8);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("themis-verify-"))).toEqual(before);
    await engine.apply({ ...request, target: at("read-back") });
    expect(readFileSync(at("read-back"), "utf8")).toBe("abcdabcd");
  });
});

describe("applyDelta", () => {
  const delta = (changes: Partial<Delta> = {}): Delta => ({
    path: "app",
    base_path: "app",
    base_hash: sha256(old),
    base_size: old.length,
    target_hash: sha256(now),
    target_size: now.length,
    patch_size: made.patchBytes,
    algorithm: made.algorithm,
    apply_memory: made.applyMemory,
    blob: { pack: "p", offset: 0, length: made.patchBytes, encoding: "identity" },
    ...changes,
  });
  /** Answers with these bytes and remembers why it was asked. */
  const wholeOf = (bytes: Uint8Array, asked: string[] = []) => ({
    asked,
    whole: async (_: Delta, why: string) => {
      asked.push(why);
      return [bytes.subarray(0, 1000), bytes.subarray(1000)];
    },
  });

  it("finds the delta for what is installed, applies it, and never asks for the whole", async () => {
    const found = engine.findDelta({
      path: "app",
      sha256: sha256(now),
      installed: new Map([["app", sha256(old)]]),
      deltas: [delta()],
    });
    if (found.kind !== "found") throw new Error(found.kind);
    const { whole, asked } = wholeOf(now);
    const request = { delta: found.delta, ...files, target: at("updated"), mode: 0o755, whole };
    expect(await engine.applyDelta(request)).toEqual({ kind: "delta", why: "" });
    expect(readFileSync(at("updated")).equals(now)).toBe(true);
    expect(statSync(at("updated")).mode & 0o777).toBe(0o755);
    expect(asked).toEqual([]);
  });

  it("reads the patch from its place in a pack", async () => {
    writeFileSync(at("pack"), Buffer.concat([noise(512, 63), readFileSync(at("patch")), noise(512, 64)]));
    const patch = { path: at("pack"), offset: 512, length: made.patchBytes };
    const request = { delta: delta(), source: at("old"), patch, target: at("from-pack"), ...wholeOf(now) };
    expect((await engine.applyDelta(request)).kind).toBe("delta");
  });

  it.each([
    { why: "a changed source", change: () => ({ source: at("stranger") }), said: /has the digest/ },
    {
      why: "a source that is gone",
      change: () => ({ source: at("gone") }),
      said: /cannot be read \(ENOENT\)/,
    },
    { why: "a damaged patch", change: () => ({ patch: at("stranger") }), said: /./ },
    {
      why: "a patch that is cut",
      change: () => ({ patch: { path: at("patch"), offset: 0, length: made.patchBytes + 1 } }),
      said: /ends before/,
    },
    {
      why: "a patch of another target",
      change: () => ({ delta: delta({ target_hash: sha256(Buffer.of(1)) }) }),
      said: /expected/,
      fails: true,
    },
    {
      why: "too little memory",
      engine: new DeltaUpdateEngine({ applyMemory: 1 << 20 }),
      change: () => ({}),
      said: /bytes of memory/,
    },
  ])("falls back to the whole over $why, asked once, and says why once", async (row) => {
    const { whole, asked } = wholeOf(now);
    const request = { delta: delta(), ...files, target: at("fallen"), whole, ...row.change() };
    rmSync(at("fallen"), { force: true });
    const applied = (row.engine ?? engine).applyDelta(request);
    if (row.fails) await expect(applied).rejects.toEqual(refused("TARGET_DIGEST_MISMATCH"));
    else {
      expect(await applied).toEqual({ kind: "whole", why: expect.stringMatching(row.said) });
      expect(readFileSync(at("fallen")).equals(now)).toBe(true);
    }
    expect(asked).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it.each([
    { why: "other bytes", bytes: noise(now.length, 65) },
    { why: "fewer bytes", bytes: now.subarray(0, 5000) },
    { why: "more bytes", bytes: Buffer.concat([now, Buffer.of(0)]) },
  ])("believes a whole target of $why no more than a delta: the old file stays", async ({ bytes }) => {
    writeFileSync(at("kept"), "old");
    const request = {
      delta: delta(),
      source: at("gone"),
      patch: at("patch"),
      target: at("kept"),
      ...wholeOf(bytes),
    };
    await expect(engine.applyDelta(request)).rejects.toEqual(refused("TARGET_DIGEST_MISMATCH"));
    expect(readFileSync(at("kept"), "utf8")).toBe("old");
  });

  it("does not take a failure of the world for one of the delta", async () => {
    const { whole, asked } = wholeOf(now);
    const target = at("no/such/folder");
    await expect(engine.applyDelta({ delta: delta(), ...files, target, whole })).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
    });
    const signal = AbortSignal.abort(new Error("enough"));
    const stopped = engine.applyDelta({ delta: delta(), ...files, target: at("x"), whole, signal });
    await expect(stopped).rejects.toThrow("enough");
    expect(asked).toEqual([]);
  });
});
