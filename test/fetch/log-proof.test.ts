/** The proof of a transparency log on its way to the device: pages that are switched meanwhile, caches, and two updates at once. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DiscoverRequest, discover } from "../../src/fetch/discover.ts";
import { DeviceState } from "../../src/fetch/state.ts";
import { folderSource } from "../../src/fetch/transfer/folder-source.ts";
import type { Asking, Source } from "../../src/fetch/transfer/source.ts";
import { update } from "../../src/fetch/update.ts";
import { LOG_PROOF, MAX_LOG_PROOF_BYTES } from "../../src/format/log/log-proof.ts";
import { openBundle } from "../../src/publish/bundle.ts";
import { appendRelease, createLog } from "../../src/publish/log/append.ts";
import { generateLogKey, type LogSigner, openLogKey } from "../../src/publish/log/log-key.ts";
import { proveRelease } from "../../src/publish/log/prove.ts";
import { NOTHING_TRUSTED } from "../../src/trust/verify-release.ts";
import { makeReleaseLine, type ReleaseLine } from "../kit/release-line.ts";
import { snapshot } from "../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-log-proof-"));
const at = (...names: string[]): string => join(folder, ...names);
let line: ReleaseLine;
let signer: LogSigner;

beforeAll(async () => {
  line = await makeReleaseLine(["1.0.0", "1.1.0"]);
  signer = await openLogKey((await generateLogKey("example.com/app", at("keys"))).secret);
  await createLog(at("log"), signer);
  for (const bundle of line.bundles) {
    await appendRelease(at("log"), await openBundle(bundle), signer);
    await proveRelease(at("log"), await openBundle(bundle), signer.key);
  }
});
afterAll(() => {
  line.remove();
  rmSync(folder, { recursive: true, force: true });
});

type Asked = Pick<Asking, "fresh"> & { readonly maxBytes: number };

/** The first release, whose proof is at first, so many times, that of the other. */
function switched(times: number): { readonly source: Source; readonly asked: Asked[] } {
  const [own, other] = line.bundles.map(folderSource) as [Source, Source];
  const asked: Asked[] = [];
  const readAll: Source["readAll"] = (asset, maxBytes, asking = {}) => {
    if (asset !== LOG_PROOF) return own.readAll(asset, maxBytes, asking);
    asked.push({ maxBytes, fresh: asking.fresh === true });
    return (asked.length <= times ? other : own).readAll(asset, maxBytes, asking);
  };
  return { source: { ...own, readAll }, asked };
}

function discoverIn(source: Source, more: Partial<DiscoverRequest> = {}) {
  const { anchors } = line;
  const trust = { anchors, logKeys: [signer.key], trusted: NOTHING_TRUSTED };
  return discover({ ...trust, sources: [source], version: "", kept: undefined, now: new Date(), ...more });
}

it("is asked for once more, past all caches, when the page was switched between manifest and proof", async () => {
  const { source, asked } = switched(1);
  expect((await discoverIn(source)).logged?.seen.size).toBe(1);
  expect(asked).toEqual([
    { maxBytes: MAX_LOG_PROOF_BYTES, fresh: false },
    { maxBytes: MAX_LOG_PROOF_BYTES, fresh: true },
  ]);
});

it("that stays wrong is refused after the second time", async () => {
  const { source, asked } = switched(9);
  await expect(discoverIn(source)).rejects.toMatchObject({ code: "LOG_PROOF_INVALID" });
  expect(asked).toHaveLength(2);
});

it("is not asked for where no log is demanded", async () => {
  const { source, asked } = switched(0);
  expect((await discoverIn(source, { logKeys: undefined })).logged).toBeUndefined();
  expect(asked).toEqual([]);
});

it("that is longer than any proof is refused, whatever it begins with", async () => {
  const long = at("long");
  cpSync(line.bundles[0]!, long, { recursive: true });
  truncateSync(join(long, LOG_PROOF), MAX_LOG_PROOF_BYTES + 1);
  await expect(discoverIn(folderSource(long))).rejects.toMatchObject({ code: "ASSET_SIZE", kind: "refused" });
});

it("is judged again under the device's lock by what another update has seen meanwhile", async () => {
  const root = at("device");
  mkdirSync(root);
  await update(
    { root, source: line.bundles[0]!, version: "", connections: 1, anchors: line.anchors },
    { now: () => new Date() },
  );
  const before = snapshot(root);
  // A page that, while it sends the proof, lets another update of this root believe a fork.
  const fork = { origin: "example.com/app", size: 2, root: Buffer.alloc(32).toString("base64"), note: "" };
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent((request.url ?? "").slice(1));
    const found = await folderSource(line.bundles[1]!).readAll(name, 1 << 24);
    if (name === LOG_PROOF) {
      const state = DeviceState.open(join(root, ".themis"));
      state.trust({ ...state.trusted(), logs: [fork] });
      state.close();
    }
    if (typeof found === "string") response.writeHead(404).end();
    else response.end(found.bytes);
  });
  await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle));
  try {
    const source = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const request = {
      root,
      source,
      version: "",
      connections: 1,
      anchors: line.anchors,
      logKeys: [signer.key],
    };
    await expect(update(request, { now: () => new Date() })).rejects.toMatchObject({ code: "LOG_FORKED" });
    expect(snapshot(root)).toEqual(before);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
