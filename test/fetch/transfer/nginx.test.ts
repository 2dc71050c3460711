/** Against a real nginx: what it does with ranges, a rate, a restart in the middle, and a thousand small packs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { type Nginx, startNginx } from "../../kit/nginx.ts";
import { hasTool } from "../../kit/tools.ts";
import { noise } from "../../kit/world.ts";
import { Device, packOf } from "./downloads.ts";

const bytes = noise(20 * PIECE_BYTES + 12_345, 77);
const pack = packOf(bytes, "app.pack");
const small = Array.from({ length: 1000 }, (_, i) => noise(200 + i, 1000 + i));
const packs = small.map((each, i) => packOf(each, `small-${i}.pack`));

let folder: string;
let device: Device;
let nginx: Nginx | undefined;

describe.skipIf(!hasTool("nginx"))("nginx", () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "themis-served-"));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "app.pack"), bytes);
    for (const [i, each] of small.entries()) writeFileSync(join(folder, `small-${i}.pack`), each);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    device = new Device();
  });
  afterEach(async () => {
    device.remove();
    await nginx?.close();
    nginx = undefined;
  });

  /** Of the pack, in the order of their ends; the kit's own question is not one. */
  const answers = () => nginx!.log().filter(({ range }) => range !== "-");

  it("answers ranges, and the second time with the same ETag", async () => {
    nginx = await startNginx(folder);
    expect((await device.fetch([nginx.url], 4, [pack])).error).toBe(undefined);
    expect(device.isWhole(pack, bytes)).toBe(true);
    expect(answers().every(({ status }) => status === 206)).toBe(true);
    expect(answers().reduce((sum, each) => sum + each.bytes, 0)).toBe(bytes.length);
  });

  it("is gone in the middle and comes back: what was proven is not asked for again", async () => {
    nginx = await startNginx(folder, "limit_rate 8m;");
    let restarted: Promise<void> | undefined;
    const progress = ({ doneBytes }: { readonly doneBytes: number }): void => {
      if (doneBytes > 4 * PIECE_BYTES) restarted ??= nginx!.restart();
    };
    const { error, receivedBytes } = await device.fetch([nginx.url], 2, [pack], { progress });
    await restarted;
    expect(restarted).not.toBe(undefined);
    expect(error).toBe(undefined);
    expect(device.isWhole(pack, bytes)).toBe(true);
    expect(receivedBytes).toBeLessThanOrEqual(bytes.length + 2 * PIECE_BYTES);
  });

  it("serves a file that was replaced while it was fetched: it is seen, and is no mixture", async () => {
    nginx = await startNginx(folder, "limit_rate 8m;");
    const other = noise(bytes.length, 78);
    let isReplaced = false;
    const progress = ({ doneBytes }: { readonly doneBytes: number }): void => {
      if (doneBytes < 2 * PIECE_BYTES || isReplaced) return;
      isReplaced = true;
      rmSync(join(folder, "app.pack"));
      writeFileSync(join(folder, "app.pack"), other);
    };
    const { error } = await device.fetch([nginx.url], 1, [pack], { progress });
    writeFileSync(join(folder, "app.pack"), bytes);
    // nginx sends the rest of the file that it had opened; only a later request meets the other one.
    if (error) expect(error.code).toBe("TRANSFER_DIGEST_MISMATCH");
    expect(device.wrong(pack, bytes)).toEqual([]);
    expect((await device.fetch([nginx.url], 1, [pack])).error).toBe(undefined);
    expect(device.isWhole(pack, bytes)).toBe(true);
  });

  it("serves a thousand small packs", async () => {
    nginx = await startNginx(folder);
    const { error, receivedBytes } = await device.fetch([nginx.url], 4, packs);
    expect(error).toBe(undefined);
    expect(receivedBytes).toBe(small.reduce((sum, each) => sum + each.length, 0));
    for (const [i, each] of packs.entries())
      if (!device.isWhole(each, small[i]!)) expect.fail(`${each.asset} is wrong`);
  });
});
