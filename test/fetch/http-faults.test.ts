/** What a server can do to a download: either the right release comes out of it, or a clear error and an untouched root. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { type Exchange, type Fault, type FaultyServer, faultyServer } from "../kit/faulty-server.ts";
import { makeWorld, snapshot, type World } from "../kit/world.ts";

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

const PACK = "targets-0.pack";
let devices = 0;

async function updateThrough(fault: Fault): Promise<{ root: string; server: FaultyServer; error: unknown }> {
  const root = world.device(`faults-${devices++}`);
  const server = await faultyServer(world.at("bundle-1.1.0"), fault);
  try {
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    await update(
      { root, source: server.url, version: "", connections: 2, anchors },
      { now: () => new Date() },
    );
    return { root, server, error: undefined };
  } catch (error) {
    return { root, server, error };
  } finally {
    await server.close();
  }
}

/** The fault happens to the first so many requests for the pack of whole targets. */
const first =
  (times: number, act: (exchange: Exchange) => void): Fault =>
  (exchange) => {
    if (exchange.asset !== PACK || exchange.before >= times) return false;
    act(exchange);
    return true;
  };

function part({ range, bytes, response }: Exchange, from: number, to: number, body: Uint8Array): void {
  response.writeHead(206, { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` });
  response.write(body);
  response.end();
  if (!range) throw new Error("a range was expected");
}

it.each<{ why: string; fault: Fault }>([
  { why: "a reset before any byte", fault: first(2, ({ request }) => request.socket.destroy()) },
  {
    why: "a reset in the middle of the body",
    fault: first(2, ({ bytes, range, response, request }) => {
      response.writeHead(206, { "content-range": `bytes ${range!.start}-${range!.end - 1}/${bytes.length}` });
      response.write(bytes.subarray(range!.start, range!.start + 1_100_000));
      setTimeout(() => request.socket.destroy(), 50);
    }),
  },
  {
    why: "500 and 503 in a row",
    fault: first(3, ({ response, before }) => void response.writeHead(before === 0 ? 500 : 503).end()),
  },
  {
    why: "a server that ignores Range",
    fault: first(99, ({ bytes, response }) => void response.writeHead(200).end(bytes)),
  },
  {
    why: "a 206 that starts earlier than asked",
    fault: first(99, (exchange) => {
      const from = Math.max(0, exchange.range!.start - 5000);
      part(exchange, from, exchange.range!.end, exchange.bytes.subarray(from, exchange.range!.end));
    }),
  },
  {
    why: "a 206 shorter than asked",
    fault: first(1, (exchange) => {
      const { start } = exchange.range!;
      part(exchange, start, start + 1_048_576, exchange.bytes.subarray(start, start + 1_048_576));
    }),
  },
  {
    why: "a 206 longer than asked",
    fault: first(99, (exchange) => {
      const { start } = exchange.range!;
      part(exchange, start, exchange.bytes.length, exchange.bytes.subarray(start));
    }),
  },
  {
    why: "a Content-Range of unknown total",
    fault: first(99, ({ range, bytes, response }) => {
      response.writeHead(206, { "content-range": `bytes ${range!.start}-${range!.end - 1}/*` });
      response.end(bytes.subarray(range!.start, range!.end));
    }),
  },
  {
    why: "one wrong piece, once",
    fault: first(1, (exchange) => {
      const body = Buffer.from(exchange.bytes.subarray(exchange.range!.start, exchange.range!.end));
      body[100] = body[100]! ^ 1;
      part(exchange, exchange.range!.start, exchange.range!.end, body);
    }),
  },
  {
    why: "a 206 without Content-Range, once",
    fault: first(
      1,
      ({ range, bytes, response }) =>
        void response.writeHead(206).end(bytes.subarray(range!.start, range!.end)),
    ),
  },
  {
    why: "a redirect to another place",
    fault: ({ asset, request, response }) => {
      if (asset !== PACK || request.url!.includes("moved")) return false;
      response.writeHead(302, { location: `/${asset}?moved=1` }).end();
      return true;
    },
  },
])("survives $why", async ({ fault }) => {
  const { root, error } = await updateThrough(fault);
  expect(error).toBeUndefined();
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

it.each<{ why: string; code: string; fault: Fault }>([
  {
    why: "a wrong piece every time",
    code: "TRANSFER_DIGEST_MISMATCH",
    fault: first(99, (exchange) => {
      const body = Buffer.from(exchange.bytes.subarray(exchange.range!.start, exchange.range!.end));
      body[100] = body[100]! ^ 1;
      part(exchange, exchange.range!.start, exchange.range!.end, body);
    }),
  },
  {
    why: "the right Content-Range over shifted bytes",
    code: "TRANSFER_DIGEST_MISMATCH",
    fault: first(99, (exchange) => {
      const { start, end } = exchange.range!;
      part(exchange, start, end, exchange.bytes.subarray(start + 1, end));
    }),
  },
  {
    why: "404 for the pack of whole targets",
    code: "SOURCE_STATUS",
    fault: first(99, ({ response }) => void response.writeHead(404).end()),
  },
  {
    why: "403",
    code: "SOURCE_STATUS",
    fault: first(99, ({ response }) => void response.writeHead(403).end()),
  },
  {
    why: "a total that is not the manifest's",
    code: "ASSET_SIZE",
    fault: first(99, ({ range, bytes, response }) => {
      response.writeHead(206, {
        "content-range": `bytes ${range!.start}-${range!.end - 1}/${bytes.length + 1}`,
      });
      response.end(bytes.subarray(range!.start, range!.end));
    }),
  },
  {
    why: "a login page in the pack's place",
    code: "ASSET_SIZE",
    fault: first(99, ({ response }) => {
      const page = Buffer.from("<html>please log in</html>");
      response.writeHead(200, { "content-type": "text/html", "content-length": page.length }).end(page);
    }),
  },
  {
    why: "gzip that nobody asked for",
    code: "TRANSFER_INTERRUPTED",
    fault: first(
      99,
      ({ bytes, response }) =>
        void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(bytes)),
    ),
  },
  {
    why: "a redirect that never ends",
    code: "SOURCE_REDIRECT",
    fault: first(9999, ({ response }) => void response.writeHead(302, { location: `/${PACK}` }).end()),
  },
  {
    why: "a manifest without end",
    code: "ASSET_SIZE",
    fault: ({ asset, response }) => {
      if (asset !== "manifest.json") return false;
      response.writeHead(200);
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20, 0x20)));
        if (!response.destroyed) response.once("drain", pour);
      };
      pour();
      return true;
    },
  },
])("refuses $why, and the root stays as it was", async ({ fault, code }) => {
  const { root, error } = await updateThrough(fault);
  expect(error).toMatchObject({ code });
  expect(readdirSync(root).filter((name) => name !== ".themis")).toEqual([]);
});

it("a cut costs what is missing: proven pieces are not asked for again", async () => {
  const { server, error } = await updateThrough(
    first(1, ({ bytes, range, response, request }) => {
      response.writeHead(206, { "content-range": `bytes ${range!.start}-${range!.end - 1}/${bytes.length}` });
      response.write(bytes.subarray(range!.start, range!.start + 1_500_000));
      setTimeout(() => request.socket.destroy(), 100);
    }),
  );
  expect(error).toBeUndefined();
  expect(server.sentBytes(PACK)).toBeLessThanOrEqual(
    statSync(world.at("bundle-1.1.0", PACK)).size + (1 << 20),
  );
});

it("says that nobody is there, with the host and without credentials", async () => {
  const server = await faultyServer(world.folder, () => false);
  await server.close();
  const root = world.device("nobody");
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const source = `http://user:secret@127.0.0.1:${server.port}/page?token=secret`;
  const failure = await update(
    { root, source, version: "", connections: 1, anchors },
    { now: () => new Date() },
  ).catch((error: Error) => error);
  expect(failure).toMatchObject({ area: "network" });
  expect(String((failure as Error).message)).toContain(`127.0.0.1:${server.port}`);
  expect(JSON.stringify([(failure as Error).message, failure])).not.toContain("secret");
});

it("sends the credentials of a source to its own origin and nowhere else", async () => {
  const seen: Record<string, string | undefined>[] = [];
  const elsewhere = await faultyServer(world.at("bundle-1.1.0"), ({ request }) => {
    seen.push({ elsewhere: request.headers.authorization });
    return false;
  });
  const server = await faultyServer(world.at("bundle-1.1.0"), ({ asset, request, response }) => {
    seen.push({ own: request.headers.authorization });
    if (asset !== PACK) return false;
    response.writeHead(302, { location: `${elsewhere.url}/${asset}` }).end();
    return true;
  });
  try {
    const root = world.device("credentials");
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    const source = `http://user:secret@127.0.0.1:${server.port}/`;
    await update({ root, source, version: "", connections: 1, anchors }, { now: () => new Date() });
    expect(snapshot(root)).toEqual(snapshot(world.new));
    expect(seen).toContainEqual({ own: `Basic ${Buffer.from("user:secret").toString("base64")}` });
    expect(seen).toContainEqual({ elsewhere: undefined });
    expect(seen.filter((each) => each.elsewhere !== undefined)).toEqual([]);
  } finally {
    await server.close();
    await elsewhere.close();
  }
});
