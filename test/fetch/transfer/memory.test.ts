/** Memory is bounded by what is on its way, not by when a garbage collector comes by. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openSource } from "../../../src/fetch/transfer/open-source.ts";
import { partPath } from "../../../src/fetch/transfer/part-file.ts";
import type { Source } from "../../../src/fetch/transfer/source.ts";
import { transfer } from "../../../src/fetch/transfer/transfer.ts";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { rightly } from "../../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { noise } from "../../kit/world.ts";
import { PACK, packOf } from "./downloads.ts";

const bytes = noise(12 * PIECE_BYTES, 405);
const pack = packOf(bytes);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-memory-"));
  writeFileSync(join(folder, PACK), bytes);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it.each(["a server", "a folder"])(
  "what %s brought is given back when it stands in its slot",
  async (from) => {
    const server = await misbehavingServer({ assets: new Map([[PACK, bytes]]), script: rightly });
    const source = await openSource(from === "a server" ? server.url : folder, { connections: 2 });
    const { brought, watched } = watch(source);
    await download(watched);
    await source.close();
    await server.close();
    const kept = brought.filter(({ buffer }) => buffer.byteLength > 0);
    expect(brought.length).toBeGreaterThan(bytes.length / PIECE_BYTES - 1);
    // The head of an answer and the first bytes of its body come in one buffer.
    expect(kept.length).toBeLessThan(brought.length / 2);
  },
);

it("a view of a larger buffer stays as it is", async () => {
  const source: Source = {
    ...(await openSource(folder, { connections: 1 })),
    readRange: async function* (_, { start, end }) {
      for (let at = start; at < end; at += 70_000) yield bytes.subarray(at, Math.min(end, at + 70_000));
    },
  };
  await download(source);
  expect(bytes.byteLength).toBe(12 * PIECE_BYTES);
});

async function download(source: Source): Promise<void> {
  const device = join(folder, "device");
  await transfer({
    sources: [source],
    packs: [pack],
    blobs: [{ pack: PACK, offset: 0, length: bytes.length, encoding: "identity" }],
    folder: device,
    connections: 2,
    progress: () => {},
    received: () => {},
  });
  expect(readFileSync(partPath(device, pack)).equals(bytes)).toBe(true);
}

function watch(source: Source): { readonly brought: Uint8Array[]; readonly watched: Source } {
  const brought: Uint8Array[] = [];
  const watched: Source = {
    ...source,
    readRange: async function* (...asked) {
      for await (const chunk of source.readRange(...asked)) {
        brought.push(chunk);
        yield chunk;
      }
    },
  };
  return { brought, watched };
}
