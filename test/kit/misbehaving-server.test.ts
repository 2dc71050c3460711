/** The server is right until it is told otherwise, its figures are exact, and it always ends. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { assetsOf } from "./misbehaving-server/asset.ts";
import { arbitraryDraws, drawn } from "./misbehaving-server/draws.ts";
import { fault, serverFaults } from "./misbehaving-server/faults.ts";
import { firstOf, forAsset, fromRequest, inTurn, once, untilRequest } from "./misbehaving-server/script.ts";
import {
  type MisbehavingServer,
  misbehavingServer,
  type ServerRequest,
} from "./misbehaving-server/server.ts";
import { signedStorage } from "./misbehaving-server/signed-storage.ts";
import { makePki } from "./pki.ts";
import { type RawAnswer, rawAsk, rawConnection } from "./raw-client.ts";
import { hasTool } from "./tools.ts";
import { noise } from "./world.ts";

const BODY = noise(10_000, 1);
const ASSETS = new Map<string, Uint8Array>([
  ["app.pack", BODY],
  ["folder/Größe 1", Buffer.from("12345")],
  ["empty", Buffer.alloc(0)],
]);

const running: MisbehavingServer[] = [];

async function start(request: Partial<ServerRequest> = {}): Promise<MisbehavingServer> {
  const server = await misbehavingServer({ assets: ASSETS, ...request });
  running.push(server);
  return server;
}

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

function tagOf(answer: RawAnswer): string {
  return answer.header("etag")[0]!;
}

describe("right service", () => {
  it.each([
    { why: "whole", range: undefined, from: 0, to: 10_000 },
    { why: "by first and last byte", range: "bytes=0-0", from: 0, to: 1 },
    { why: "beyond the end", range: "bytes=9990-20000", from: 9990, to: 10_000 },
    { why: "from a byte on", range: "bytes=4000-", from: 4000, to: 10_000 },
    { why: "by suffix", range: "bytes=-100", from: 9900, to: 10_000 },
    { why: "by a suffix longer than the file", range: "bytes=-20000", from: 0, to: 10_000 },
    { why: "whole for several ranges", range: "bytes=0-1,5-6", from: 0, to: 10_000 },
    { why: "whole for another unit", range: "lines=0-1", from: 0, to: 10_000 },
    { why: "whole for a range that ends before it begins", range: "bytes=5-4", from: 0, to: 10_000 },
  ])("gives an asset $why", async ({ range, from, to }) => {
    const server = await start();
    const answer = await rawAsk(server.port, { target: "/app.pack", headers: range ? { range } : {} });
    expect(answer.rest.equals(BODY.subarray(from, to))).toBe(true);
    expect(answer.header("content-length")).toEqual([String(to - from)]);
    const isPart = range !== undefined && answer.header("content-range").length > 0;
    expect(answer.status).toBe(isPart ? 206 : 200);
    expect(answer.header("content-range")).toEqual(isPart ? [`bytes ${from}-${to - 1}/10000`] : []);
    expect(isPart || to - from === 10_000).toBe(true);
  });

  it.each(["bytes=10000-", "bytes=10000-10001", "bytes=-0"])("answers 416 to %s", async (range) => {
    const server = await start();
    const answer = await rawAsk(server.port, { target: "/app.pack", headers: { range } });
    expect(answer.status).toBe(416);
    expect(answer.header("content-range")).toEqual(["bytes */10000"]);
  });

  it("answers 304 to the tag it gave, weakly compared, and to its date without one", async () => {
    const server = await start();
    const ask = (headers: Record<string, string>) => rawAsk(server.port, { target: "/app.pack", headers });
    const first = await ask({});
    const tag = tagOf(first);
    const date = first.header("last-modified")[0]!;
    for (const headers of [
      { "if-none-match": tag },
      { "if-none-match": `"other", W/${tag}` },
      { "if-none-match": "*" },
      { "if-modified-since": date },
    ]) {
      const answer = await ask(headers);
      expect(answer.status).toBe(304);
      expect(answer.rest).toHaveLength(0);
      expect(tagOf(answer)).toBe(tag);
    }
    expect((await ask({ "if-none-match": '"other"', "if-modified-since": date })).status).toBe(200);
    expect((await ask({ "if-modified-since": "Mon, 02 Mar 2020 10:00:00 GMT" })).status).toBe(200);
  });

  it("gives a part only to an If-Range that matches strongly", async () => {
    const server = await start();
    const ask = (condition: string) =>
      rawAsk(server.port, { target: "/app.pack", headers: { range: "bytes=5-9", "if-range": condition } });
    const first = await rawAsk(server.port, { target: "/app.pack" });
    expect((await ask(tagOf(first))).status).toBe(206);
    expect((await ask(first.header("last-modified")[0]!)).status).toBe(206);
    for (const other of [`W/${tagOf(first)}`, '"other"', "Mon, 02 Mar 2020 10:00:00 GMT"]) {
      const answer = await ask(other);
      expect(answer.status).toBe(200);
      expect(answer.rest).toHaveLength(10_000);
    }
  });

  it("keeps a connection for the next request, and ends it when asked to", async () => {
    const server = await start();
    const connection = rawConnection(server.port);
    expect(await connection.ask({ target: "/app.pack" })).toMatchObject({ status: 200, end: "open" });
    expect(await connection.ask({ target: "/app.pack", method: "HEAD" })).toMatchObject({
      status: 200,
      rest: Buffer.alloc(0),
      end: "open",
    });
    expect(await connection.ask({ target: "/app.pack", headers: { connection: "close" } })).toMatchObject({
      status: 200,
      end: "FIN",
    });
    expect(server.ledger.connectionsOpened).toBe(1);
  });

  it.each([
    { why: "a name with a folder and letters", target: "/folder/Gr%C3%B6%C3%9Fe%201?x=1", status: 200 },
    { why: "an empty file", target: "/empty", status: 200 },
    { why: "an unknown name", target: "/app.pack/", status: 404 },
    { why: "a method it does not have", target: "/app.pack", status: 405, method: "DELETE" },
    { why: "a target that is none", target: "//", status: 400 },
  ])("answers $status to $why", async ({ target, status, method = "GET" }) => {
    const server = await start();
    expect((await rawAsk(server.port, { target, method })).status).toBe(status);
  });

  it.skipIf(!hasTool("openssl"))("gives all files of a folder, by TLS too", async () => {
    const pki = makePki({ intermediates: 0 });
    try {
      const { keyPath, pem } = pki.issueServer("server", "IP:127.0.0.1");
      const tls = { key: readFileSync(keyPath), cert: pem };
      const server = await start({ assets: assetsOf(pki.folder), tls });
      expect(server.url).toMatch(/^https:/);
      const answer = await rawAsk(server.port, { target: "/root/cert.pem" }, pki.root.pem);
      expect(answer.rest.equals(pki.root.pem)).toBe(true);
    } finally {
      pki.remove();
    }
  });
});

describe("figures", () => {
  it("counts bodies for each asset, each connection and in all", async () => {
    const server = await start();
    const one = rawConnection(server.port);
    await one.ask({ target: "/app.pack", headers: { range: "bytes=0-99" } });
    await one.ask({ target: "/folder/Gr%C3%B6%C3%9Fe%201" });
    await one.ask({ target: "/app.pack", method: "HEAD" });
    const other = rawConnection(server.port);
    await other.ask({ target: "/app.pack" });
    const { ledger } = server;
    expect(ledger.bodyBytes("app.pack")).toBe(10_100);
    expect(ledger.bodyBytes("folder/Größe 1")).toBe(5);
    expect(ledger.bodyBytes()).toBe(10_105);
    expect([0, 1].map((number) => ledger.connectionBodyBytes(number))).toEqual([105, 10_000]);
    expect(ledger).toMatchObject({ connectionsOpened: 2, connectionsOpen: 2, mostOpen: 2, mostBusy: 1 });
  });

  it("counts what was cut as far as it went", async () => {
    const server = await start({ script: once(fault(2), { afterBytes: 1234 }) });
    expect(await rawAsk(server.port, { target: "/app.pack" })).toMatchObject({ end: "RST" });
    expect(server.ledger.bodyBytes()).toBe(1234);
    expect((await rawAsk(server.port, { target: "/app.pack" })).rest).toHaveLength(10_000);
    expect(server.ledger.bodyBytes()).toBe(11_234);
  });

  it("counts at the most what the kernel took, when a client leaves", async () => {
    const size = 64 * 1024 * 1024;
    const server = await start({ assets: new Map([["large", Buffer.alloc(size)]]) });
    const socket = connect(server.port, "127.0.0.1");
    socket.write("GET /large HTTP/1.1\r\nhost: a\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.destroy();
    await expect.poll(() => server.ledger.connectionsOpen).toBe(0);
    expect(server.ledger.bodyBytes()).toBeGreaterThan(0);
    expect(server.ledger.bodyBytes()).toBeLessThan(size / 2);
  });

  it("counts those who are served at once", async () => {
    const server = await start({ script: untilRequest(3, fault(6), { stallMs: 100 }) });
    await Promise.all([1, 2, 3].map(() => rawAsk(server.port, { target: "/app.pack" })));
    expect(server.ledger).toMatchObject({ connectionsOpened: 3, mostOpen: 3, mostBusy: 3 });
  });

  it("records every request with its head and what happened to it", async () => {
    const server = await start({ script: once(fault(50)) });
    const headers = { range: "bytes=0-9", authorization: "Bearer secret" };
    await rawAsk(server.port, { target: "/app.pack?token=1", headers });
    await rawAsk(server.port, { target: "/empty", method: "HEAD" });
    const [first, second] = server.ledger.requests();
    expect(first).toEqual({
      method: "GET",
      target: "/app.pack?token=1",
      version: "HTTP/1.1",
      headers: { host: "127.0.0.1", ...headers },
      connection: 0,
      asset: "app.pack",
      range: "bytes=0-9",
      fault: { number: 50, way: "in the middle" },
      bodyBytes: 10,
    });
    expect(second).toMatchObject({ method: "HEAD", connection: 1, range: undefined });
    expect(server.ledger.requests("empty")).toEqual([second]);
  });
});

describe("scripts", () => {
  const statuses = async (server: MisbehavingServer, target: string, times: number): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < times; i++) seen.push((await rawAsk(server.port, { target })).status);
    return seen;
  };

  it.each([
    { why: "once", script: once(fault(61), { status: 418 }), seen: [418, 200, 200, 200] },
    { why: "until a request", script: untilRequest(2, fault(62, "618")), seen: [618, 618, 200, 200] },
    { why: "from a request on", script: fromRequest(2, fault(49)), seen: [200, 200, 200, 200] },
    { why: "in a row", script: untilRequest(9, fault(54)), seen: [500, 502, 503, 504] },
    {
      why: "one after the other",
      script: inTurn([
        { fault: fault(58, "429"), settings: {} },
        undefined,
        { fault: fault(59), settings: {} },
      ]),
      seen: [429, 200, 404, 200],
    },
    {
      why: "whichever speaks first",
      script: firstOf(forAsset("empty", once(fault(60))), untilRequest(2, fault(58, "403"))),
      seen: [403, 403, 200, 200],
    },
  ])("strike $why", async ({ script, seen }) => {
    const server = await start({ script });
    expect(await statuses(server, "/app.pack", 4)).toEqual(seen);
  });

  it("count each asset by itself", async () => {
    const server = await start({ script: once(fault(59)) });
    expect(await statuses(server, "/app.pack", 2)).toEqual([404, 200]);
    expect(await statuses(server, "/empty", 2)).toEqual([404, 200]);
  });

  it("leave requests alone that a fault does not concern, and do not record it", async () => {
    const server = await start({ script: once(fault(24)) });
    expect((await rawAsk(server.port, { target: "/app.pack" })).rest).toHaveLength(10_000);
    expect(server.ledger.requests()[0]!.fault).toBeUndefined();
  });

  it("can be drawn at random: every mixture ends, and then the server is right", async () => {
    const settings = { stallMs: 5, dripMs: 1, dripBytes: 500, outageMs: 5, lingerMs: 0, floodBytes: 1 << 20 };
    const storage = await signedStorage({ assets: ASSETS });
    running.push(storage);
    await fc.assert(
      fc.asyncProperty(
        arbitraryDraws({ bodyBytes: BODY.length, settings, candidates: serverFaults }),
        async (draws) => {
          const server = await misbehavingServer({ assets: ASSETS, storage, script: drawn(draws) });
          try {
            for (let turn = 0; server.ledger.requests("app.pack").length < draws.length; turn++) {
              expect(turn, "attempts").toBeLessThan(1000);
              await rawAsk(server.port, {
                target: "/app.pack",
                headers: { range: "bytes=100-" },
                quietMs: 1,
                patienceMs: 15,
              });
            }
            await expect
              .poll(() => rawAsk(server.port, { target: "/app.pack", quietMs: 1 }), { timeout: 5000 })
              .toMatchObject({ status: 200, rest: BODY });
          } finally {
            await server.close();
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("the end", () => {
  it.each([
    { why: "a stalled head", chosen: fault(6) },
    { why: "a stalled body", chosen: fault(7) },
    { why: "a drip", chosen: fault(8) },
    { why: "a body without end that nobody reads", chosen: fault(48, "endless") },
  ])("comes to $why", async ({ chosen }) => {
    const server = await misbehavingServer({
      assets: ASSETS,
      script: once(chosen, { floodBytes: Number.POSITIVE_INFINITY }),
    });
    const socket = connect(server.port, "127.0.0.1").on("error", () => {});
    socket.write("GET /app.pack HTTP/1.1\r\nhost: a\r\n\r\n");
    await expect.poll(() => server.ledger.requests().length).toBe(1);
    await server.close();
    await expect.poll(() => server.ledger.connectionsOpen).toBe(0);
    expect(await rawAsk(server.port, { target: "/" })).toMatchObject({ end: "refused" });
    socket.destroy();
  });

  it("comes during an outage, and nobody listens afterwards", async () => {
    const server = await misbehavingServer({ assets: ASSETS });
    server.outage(30);
    await server.close();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await rawAsk(server.port, { target: "/" })).toMatchObject({ end: "refused" });
  });
});
