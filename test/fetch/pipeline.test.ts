/** Files are rebuilt while others are on their way, by threads of their own; what nothing can mend ends both. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, expect, it } from "vitest";
import { sha256 } from "../../src/base/digest.ts";
import type { PlanStep } from "../../src/fetch/plan.ts";
import { type RebuildRequest, rebuild } from "../../src/fetch/rebuild.ts";
import { partPath } from "../../src/fetch/transfer/part-file.ts";
import { update } from "../../src/fetch/update.ts";
import type { Delta } from "../../src/format/manifest/delta-manifest.ts";
import type { Target } from "../../src/format/manifest/manifest.ts";
import { generatePatch } from "../../src/publish/diff/generate.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { markVerified } from "../../src/trust/verified.ts";
import { makeSmallWorld, tryUpdate } from "../kit/small-world.ts";
import { noise, ok, release, snapshot } from "../kit/world.ts";
import { packOf } from "./transfer/downloads.ts";

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), "themis-pipeline-"));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("rebuilds a file while the server still holds back the next one", async () => {
  mkdirSync(at("tree"));
  writeFileSync(at("tree/a"), noise(1_200_000, 1));
  writeFileSync(at("tree/b"), noise(2_500_000, 2));
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  await release({ at }, at("tree"), "1.0.0", at("bundle"));
  const root = at("device");
  mkdirSync(root);
  let isHeldBack = false;
  const server = createServer((request, response) => {
    const path = at("bundle", decodeURIComponent(request.url!.slice(1)));
    if (!existsSync(path)) return void response.writeHead(404).end();
    const bytes = readFileSync(path);
    response.writeHead(200, { "content-length": bytes.length });
    if (!path.endsWith(".pack")) return void response.end(bytes);
    // The pieces of the first file, and then nothing until it has been rebuilt.
    response.write(bytes.subarray(0, 2 * MIB));
    const look = setInterval(() => {
      const staged = join(root, ".themis/staged/0");
      if (!existsSync(staged) || statSync(staged).size !== 1_200_000) return;
      isHeldBack = true;
      clearInterval(look);
      response.end(bytes.subarray(2 * MIB));
    }, 10);
    response.on("close", () => clearInterval(look));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    const source = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const anchors = readTrustAnchors(readFileSync(at("pki/root.pem")));
    await update({ source, root, anchors, version: "", connections: 1 }, { now: () => new Date() });
    expect(isHeldBack).toBe(true);
    expect(snapshot(root)).toEqual(snapshot(at("tree")));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

/** One target, whole in a pack of its own that is already here. */
function place(path: string, bytes: Uint8Array, promised = sha256(bytes)) {
  const pack = packOf(bytes, `${path}.pack`);
  mkdirSync(at("transfer"), { recursive: true });
  writeFileSync(partPath(at("transfer"), pack), bytes);
  const target = markVerified<Target>({
    path,
    type: "data",
    sha256_hash: promised,
    size_bytes: bytes.length,
    permissions: "0644",
    platform: "",
    architecture: "",
    download_url: "",
    link_target: "",
    blob: { pack: pack.asset, offset: 0, length: bytes.length, encoding: "identity" },
  });
  return { pack, target, step: { kind: "download", target, why: "" } satisfies PlanStep };
}

function request(places: readonly ReturnType<typeof place>[], more: Partial<RebuildRequest>): RebuildRequest {
  return {
    root: folder,
    staged: at("staged"),
    transferred: at("transfer"),
    packs: places.map(({ pack }) => pack),
    steps: places.map(({ step }) => step),
    bring: async () => {},
    progress: () => {},
    ...more,
  };
}

it("stops the transfer as soon as a file cannot be made, and says which", async () => {
  const wrong = place("wrong", noise(1000, 4), sha256(noise(1000, 5)));
  const never = place("never", noise(1000, 6));
  let stopped: unknown;
  const bring: RebuildRequest["bring"] = (_, { arrived, signal }) =>
    new Promise((_resolve, reject) => {
      signal!.addEventListener("abort", () => {
        stopped = signal!.reason;
        reject(signal!.reason);
      });
      arrived!(wrong.pack, 0);
    });
  await expect(rebuild(request([wrong, never], { bring }))).rejects.toMatchObject({
    code: "TARGET_DIGEST_MISMATCH",
    facts: { path: "wrong" },
  });
  expect(stopped).toMatchObject({ code: "TARGET_DIGEST_MISMATCH" });
  expect(readdirSync(at("staged"))).toEqual([]);
  expect(readFileSync(partPath(at("transfer"), never.pack)).equals(noise(1000, 6))).toBe(true);
});

it.each([1000, 8 * MIB])(
  "says that what was fetched is gone, when somebody removed it: files of %d bytes",
  async (bytes) => {
    const places = Array.from({ length: 6 }, (_, i) => place(`lost-${bytes}-${i}`, noise(bytes, i + 20)));
    const bring: RebuildRequest["bring"] = async (_, { arrived }) => {
      for (const { pack } of places) {
        rmSync(partPath(at("transfer"), pack));
        for (let piece = 0; piece < pack.pieces.length; piece++) arrived!(pack, piece);
      }
    };
    await expect(rebuild(request(places, { bring }))).rejects.toMatchObject({ code: "PARTS_LOST" });
  },
);

it.each(["a small one", "a large one"])(
  "ends with the signal's reason, whatever is under way: %s",
  async (size) => {
    const one = place("one", noise(size === "a small one" ? 1000 : 8 * MIB, 9));
    const abort = new AbortController();
    const bring: RebuildRequest["bring"] = async (_, { arrived }) => {
      for (let piece = 0; piece < one.pack.pieces.length; piece++) arrived!(one.pack, piece);
      abort.abort(new Error("enough"));
    };
    await expect(rebuild(request([one], { bring, signal: abort.signal }))).rejects.toThrow("enough");
  },
);

it("patches and unpacks 64 MiB without a task of 50 ms on the main thread", async () => {
  const old = noise(64 * MIB, 3);
  const next = Buffer.from(old);
  for (let i = 0; i < next.length; i += 3 * MIB) noise(5000, i + 1).copy(next, i);
  writeFileSync(at("old"), old);
  writeFileSync(at("next"), next);
  const { algorithm, applyMemory } = await generatePatch({
    source: at("old"),
    target: at("next"),
    patch: at("patch"),
    algorithms: ["BSDIFF"],
  });
  const patch = place("patch", readFileSync(at("patch")));
  const { target } = place("next", next);
  const delta = markVerified({
    path: "next",
    base_path: "old",
    base_hash: sha256(old),
    target_hash: sha256(next),
    target_size: next.length,
    patch_size: patch.target.size_bytes,
    algorithm,
    apply_memory: applyMemory,
    blob: patch.target.blob,
  } as unknown as Delta);
  const steps: PlanStep[] = [{ kind: "patch", target, delta }];
  const bring: RebuildRequest["bring"] = async (_, { arrived }) => {
    for (let piece = 0; piece < patch.pack.pieces.length; piece++) arrived!(patch.pack, piece);
  };
  // The least of five: another process of the machine may take the processor away, our code does it each time.
  const longest: number[] = [];
  for (let i = 0; i < 5 && (longest.at(-1) ?? Infinity) >= 50; i++) {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const { files, fellBack } = await rebuild(request([patch], { steps, bring }));
    delay.disable();
    expect(fellBack).toEqual([]);
    expect(sha256(readFileSync(at("staged", files[0]!.staged)))).toBe(sha256(next));
    longest.push(delay.max / 1e6);
  }
  expect(Math.min(...longest)).toBeLessThan(50);
});

it("starts no thread for the second update, which finds those of the first", async () => {
  const world = await makeSmallWorld();
  const started: unknown[] = [];
  const heard = (message: unknown): number => started.push(message);
  const once = async (): Promise<void> =>
    expect(await tryUpdate(world.device("old"), world.newBundle, world.anchor)).toBe(undefined);
  await once();
  subscribe("worker_threads", heard);
  try {
    for (let i = 0; i < 3; i++) await once();
    expect(started).toEqual([]);
  } finally {
    unsubscribe("worker_threads", heard);
    world.remove();
  }
});
