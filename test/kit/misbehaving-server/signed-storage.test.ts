/** Faults 63, 64, 66 and 67: redirects to a second origin that asks for a signature, for no other credentials, and not for ever. */
import { readFileSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { makePki } from "../pki.ts";
import { type RawAnswer, rawAsk } from "../raw-client.ts";
import { hasTool } from "../tools.ts";
import { noise } from "../world.ts";
import type { Fault } from "./fault.ts";
import { fault } from "./faults.ts";
import { storageFaults } from "./redirect-faults.ts";
import { always, once } from "./script.ts";
import { type MisbehavingServer, misbehavingServer, type ServerRequest } from "./server.ts";
import type { Settings } from "./settings.ts";
import { type SignedStorage, signedStorage } from "./signed-storage.ts";

const BODY = noise(10_000, 1);
const assets = new Map<string, Uint8Array>([
  ["app.pack", BODY],
  ["other.pack", Buffer.from("other")],
]);

const running: MisbehavingServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

type Pair = { readonly page: MisbehavingServer; readonly storage: SignedStorage };

async function start(
  chosen: Fault,
  settings: Partial<Settings> = {},
  ofStorage: Partial<ServerRequest> = {},
): Promise<Pair> {
  const storage = await signedStorage({ assets, ...ofStorage });
  running.push(storage);
  const page = await misbehavingServer({ assets, storage, script: always(chosen, settings) });
  running.push(page);
  return { page, storage };
}

async function locate({ page, storage }: Pair): Promise<string> {
  const answer = await rawAsk(page.port, { target: "/app.pack" });
  const location = answer.header("location")[0]!;
  expect([answer.status, location.startsWith(`${storage.url}/app.pack?`)]).toEqual([302, true]);
  return location.slice(storage.url.length);
}

function follow({ storage }: Pair, target: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  return rawAsk(storage.port, { target, headers });
}

it("fault 63: a signed URL is good for so many requests, and the next one for as many again", async () => {
  const pair = await start(fault(63), { validRequests: 2, expiredStatus: 410 });
  const first = await locate(pair);
  expect((await follow(pair, first)).rest.equals(BODY)).toBe(true);
  expect(await follow(pair, first, { range: "bytes=0-9" })).toMatchObject({ status: 206 });
  expect(await follow(pair, first)).toMatchObject({ status: 410 });
  expect(await follow(pair, await locate(pair))).toMatchObject({ status: 200 });
  expect(pair.storage.ledger.requests().map((entry) => entry.fault?.way)).toEqual([
    undefined,
    undefined,
    "expired",
    undefined,
  ]);
});

it.each([401, 403, 404, 410, 618])(
  "fault 63: a signed URL is good for so long, then it is %i",
  async (status) => {
    const pair = await start(fault(63), { validRequests: 9999, validMs: 2000, expiredStatus: status });
    const target = await locate(pair);
    expect(await follow(pair, target)).toMatchObject({ status: 200 });
    const seen = async (): Promise<unknown> => (await follow(pair, target)).status;
    await expect.poll(seen, { interval: 200, timeout: 30_000 }).toBe(status);
  },
);

it("fault 64: a body is cut, and its URL is no longer good", async () => {
  const pair = await start(fault(64), { afterBytes: 300 });
  const target = await locate(pair);
  const answer = await follow(pair, target);
  expect([answer.status, answer.rest.equals(BODY.subarray(0, 300)), answer.end]).toEqual([200, true, "RST"]);
  expect(await follow(pair, target, { range: "bytes=300-" })).toMatchObject({ status: 403 });
  const rest = await follow(pair, await locate(pair), { range: "bytes=300-" });
  expect([rest.status, rest.rest.equals(BODY.subarray(300, 600)), rest.end]).toEqual([206, true, "RST"]);
  expect(pair.storage.ledger.bodyBytes("app.pack")).toBe(
    600 + pair.storage.ledger.requests().find(({ fault }) => fault?.way === "expired")!.bodyBytes,
  );
});

it.each([{ authorization: "Bearer secret" }, { cookie: "session=1" }])(
  "fault 66: a storage answers 400 to credentials, and has them on record (%o)",
  async (credentials) => {
    const pair = await start(fault(66));
    const target = await locate(pair);
    expect(await follow(pair, target, credentials)).toMatchObject({ status: 400 });
    expect(await follow(pair, target)).toMatchObject({ status: 200 });
    const [wrong, right] = pair.storage.ledger.requests();
    expect(wrong).toMatchObject({ headers: credentials, fault: { number: 66 } });
    expect(Object.keys(right!.headers)).toEqual(["host"]);
  },
);

it.each([
  { why: "no signature", change: (target: string) => target.replace(/\?.*/, "") },
  { why: "another's signature", change: (target: string) => target.replace("app.pack", "other.pack") },
  { why: "a wrong signature", change: (target: string) => `${target}0` },
])("a storage answers 403 to $why", async ({ change }) => {
  const pair = await start(fault(66));
  expect(await follow(pair, change(await locate(pair)))).toMatchObject({ status: 403 });
});

it("fault 33: a URL that is signed for GET is not for HEAD", async () => {
  const pair = await start(fault(66));
  const target = await locate(pair);
  expect(await rawAsk(pair.storage.port, { target, method: "HEAD" })).toMatchObject({ status: 403 });
  expect(pair.storage.ledger.requests()[0]!.fault).toEqual({ number: 33, way: "signed for GET" });
});

it("a storage has faults of its own behind the signature", async () => {
  const pair = await start(fault(63), { validRequests: 9 }, { script: once(fault(3)) });
  const target = await locate(pair);
  expect(await follow(pair, target)).toMatchObject({ end: "FIN" });
  expect(await follow(pair, target)).toMatchObject({ end: "open", rest: BODY });
});

it.skipIf(!hasTool("openssl"))("fault 67: only a page with TLS can lead to one without", async () => {
  const pki = makePki({ intermediates: 0 });
  try {
    const { keyPath, pem } = pki.issueServer("server", "IP:127.0.0.1");
    const pair = await start(fault(67, "http"));
    const secure = await misbehavingServer({
      assets,
      storage: pair.storage,
      script: always(fault(67, "http")),
      tls: { key: readFileSync(keyPath), cert: pem },
    });
    running.push(secure);
    const answer = await rawAsk(secure.port, { target: "/app.pack" }, pki.root.pem);
    expect([answer.status, answer.header("location")[0]?.slice(0, 7)]).toEqual([302, "http://"]);
    expect(await rawAsk(pair.page.port, { target: "/app.pack" })).toMatchObject({ status: 200 });
  } finally {
    pki.remove();
  }
});

it("a page without a storage fails loudly instead of redirecting", async () => {
  const page = await misbehavingServer({ assets, script: always(fault(63)) });
  await rawAsk(page.port, { target: "/app.pack" });
  await expect(page.close()).rejects.toThrow("the misbehaving server failed by itself");
});

it("proves every way that leads to a storage", () => {
  expect(storageFaults.map(({ number, way }) => `${number} ${way}`)).toEqual([
    "63 expires between requests",
    "64 cut when it expires",
    "66 another port",
    "67 http",
  ]);
});
