/** Packs from GitHub's API: signed URLs that expire, assets that are put there anew, and what it costs. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openSource } from "../../../src/fetch/transfer/open-source.ts";
import { transfer } from "../../../src/fetch/transfer/transfer.ts";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { type FakeGitHub, fakeGitHub } from "../../kit/github/server.ts";
import type { FakeRepository } from "../../kit/github/state.ts";
import { noise } from "../../kit/world.ts";
import { content, LIMITS, PACK, pack, packOf } from "./downloads.ts";

const TOKEN = "github_pat_11SECRET0abcDEF";
const ASSET = "GET /repos/{owner}/{repo}/releases/assets/{asset_id}";

let github: FakeGitHub;
let folder: string;
let repository: FakeRepository;
beforeEach(async () => {
  github = await fakeGitHub();
  folder = mkdtempSync(join(tmpdir(), "themis-github-"));
  repository = github.state.addRepository("acme/app", { isPrivate: true });
  github.state.addToken(TOKEN, { "acme/app": "contents: read" });
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  const strangers = [
    ...github.storage.ledger.requests().map(({ headers }) => headers.authorization),
    ...github.heard
      .filter(({ origin }) => origin === "web")
      .map(({ authorization }) => authorization || undefined),
  ];
  expect(strangers.filter((each) => each !== undefined)).toEqual([]);
  await github.close();
});

async function fetchPack(connections = 1, wanted = pack, more: NodeJS.ProcessEnv = {}): Promise<void> {
  const environment = { ...github.environment, GITHUB_TOKEN: TOKEN, ...more };
  const options = { connections, limits: LIMITS, environment, github: { api: true } };
  const source = await openSource("github:acme/app", options);
  try {
    await transfer({
      sources: [source.at("download/v1")],
      packs: [wanted],
      blobs: [{ pack: PACK, offset: 0, length: wanted.size_bytes, encoding: "identity" }],
      folder,
      connections,
      firstRestMs: LIMITS.firstRestMs,
      progress: () => {},
      received: () => {},
    });
  } finally {
    await source.close();
  }
}

const fetched = (wanted = pack): Buffer => readFileSync(join(folder, `${wanted.sha256_hash}.part`));

it("goes on at the offset when its signed URL expires in the middle", async () => {
  const asset = repository.addAsset(repository.addRelease("v1"), PACK, content);
  let grants = 0;
  github.settings.grant = () => {
    // The first three are cut, once after a piece and a bit, and good for one request.
    const cut = grants++ < 3 ? { afterBytes: PIECE_BYTES + 1000, lingerMs: 300 } : undefined;
    return { validRequests: 1, cut };
  };
  await fetchPack();
  expect(fetched().equals(content)).toBe(true);
  // Each cut wastes what came of the piece that it hit, and no more than a piece on the way.
  expect(github.storage.ledger.bodyBytes()).toBeLessThanOrEqual(content.length + 4 * PIECE_BYTES);
  expect(github.calls(ASSET)).toBe(grants);
  expect(grants).toBeLessThanOrEqual(5);
  expect(
    new Set(github.heard.filter(({ operation }) => operation === ASSET).map(({ path }) => path)),
  ).toEqual(new Set([`/repos/acme/app/releases/assets/${asset.id}`]));
});

it("costs one call over many connections, and one more when the URL that they share expires", async () => {
  const large = noise(24 * PIECE_BYTES, 24);
  const wanted = packOf(large);
  repository.addAsset(repository.addRelease("v1"), PACK, large);
  await fetchPack(4, wanted);
  expect(github.calls(ASSET)).toBe(1);
  expect(github.storage.ledger.requests().length).toBeGreaterThan(4);
  expect(github.storage.ledger.bodyBytes()).toBe(large.length);

  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  let grants = 0;
  github.settings.grant = () => ({ validRequests: grants++ === 0 ? 2 : Number.POSITIVE_INFINITY });
  await fetchPack(4, wanted);
  expect(fetched(wanted).equals(large)).toBe(true);
  expect(grants).toBe(2);
});

it("is found again when it was put there anew, with the same bytes", async () => {
  const release = repository.addRelease("v1");
  repository.addAsset(release, PACK, content);
  github.settings.grant = () => {
    github.settings.grant = () => ({});
    repository.replaceAsset(release, PACK, content);
    return { validRequests: 1, cut: { afterBytes: PIECE_BYTES + 1000, lingerMs: 300 } };
  };
  await fetchPack();
  expect(fetched().equals(content)).toBe(true);
  expect(github.heard.filter(({ status }) => status === 404)).toHaveLength(1);
  expect(github.storage.ledger.bodyBytes()).toBeLessThanOrEqual(content.length + 2 * PIECE_BYTES);
});

it("is refused when it was put there anew with other bytes", async () => {
  const release = repository.addRelease("v1");
  repository.addAsset(release, PACK, content);
  github.settings.grant = () => {
    github.settings.grant = () => ({});
    repository.replaceAsset(release, PACK, noise(content.length, 405));
    return { validRequests: 1, cut: { afterBytes: PIECE_BYTES + 1000, lingerMs: 300 } };
  };
  await expect(fetchPack()).rejects.toMatchObject({ code: "TRANSFER_DIGEST_MISMATCH", kind: "refused" });
  expect(fetched().subarray(0, PIECE_BYTES).equals(content.subarray(0, PIECE_BYTES))).toBe(true);
});

it("is absent when it is gone", async () => {
  repository.addRelease("v1");
  await expect(fetchPack()).rejects.toMatchObject({ code: "SOURCE_STATUS", facts: { status: 404 } });
});

it.each([
  { why: "cannot be reached", GITHUB_API_URL: "http://127.0.0.1:9" },
  { why: "refuses the token", GITHUB_TOKEN: "ghp_unknown" },
])(
  "comes from an API that $why: the error does not hold the token, however it is looked at",
  async (more) => {
    const { why: _, ...environment } = more;
    repository.addAsset(repository.addRelease("v1"), PACK, content);
    const error: unknown = await fetchPack(1, pack, environment).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    const seen = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error);
    expect(seen).not.toMatch(/SECRET|ghp_unknown/);
  },
);
