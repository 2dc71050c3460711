/**
 * A server on a raw socket of 127.0.0.1: right HTTP/1.1, until its script says otherwise.
 *
 *   const server = await misbehavingServer({ assets, script: once(fault(2), { afterBytes: 4096 }) });
 *   ... ask server.url + "/" + name ...
 *   server.ledger.bodyBytes(name)
 *   await server.close();
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createSecureContext, type SecureContextOptions, TLSSocket } from "node:tls";
import { type Asset, type Assets, makeAsset } from "./asset.ts";
import type { Asked, Exchange, Origin, Script } from "./fault.ts";
import { type Entry, Ledger } from "./ledger.ts";
import { type Request, readRequests, wantsClose } from "./request.ts";
import { rightAnswer } from "./right-answer.ts";
import { rightly } from "./script.ts";
import { sendAnswer } from "./send-answer.ts";
import { defaultSettings, type Settings } from "./settings.ts";
import type { SignedStorage } from "./signed-storage.ts";
import { ConnectionEnded, openWire } from "./wire.ts";

export type ServerRequest = {
  readonly assets: Assets;
  readonly script?: Script;
  /** For every fault, unless the script says otherwise. */
  readonly settings?: Partial<Settings>;
  /** Key and certificate make it https. */
  readonly tls?: Pick<SecureContextOptions, "key" | "cert">;
  readonly storage?: SignedStorage;
};

export type MisbehavingServer = {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly ledger: Ledger;
  /** Every connection is reset and nobody listens for a while: the network is gone. */
  readonly outage: (ms: number) => void;
  /** Ends whatever still runs. @throws what went wrong in the server itself, which is a bug of the kit */
  readonly close: () => Promise<void>;
};

type Connection = {
  readonly number: number;
  readonly raw: Socket;
  readonly socket: Socket;
  requestsBefore: number;
};

export async function misbehavingServer({
  assets,
  script = rightly,
  settings: common = {},
  tls,
  storage,
}: ServerRequest): Promise<MisbehavingServer> {
  const ledger = new Ledger();
  const made = new Map<string, Asset>();
  /** Hashed once; what is put there later, or anew, is served as it is then. */
  const assetNamed = (name: string): Asset | undefined => {
    const bytes = assets.get(name);
    if (bytes === undefined) return undefined;
    const known = made.get(name);
    const asset = known?.bytes === bytes ? known : makeAsset(name, bytes);
    made.set(name, asset);
    return asset;
  };
  const context = tls && createSecureContext(tls);
  /** In the order of their opening. */
  const open = new Set<Connection>();
  const bugs: unknown[] = [];

  const listener = createServer({ noDelay: true }, (raw) => {
    const socket = context ? new TLSSocket(raw, { isServer: true, secureContext: context }) : raw;
    const connection: Connection = { number: ledger.open(), raw, socket, requestsBefore: 0 };
    open.add(connection);
    // A client that leaves, or refuses the certificate, is no business of ours.
    for (const end of [raw, socket]) end.on("error", () => {});
    raw.on("close", () => {
      open.delete(connection);
      ledger.close();
      socket.destroy();
    });
    serve(connection).catch((error: unknown) => {
      bugs.push(error);
      raw.destroy();
    });
  });
  await new Promise<void>((ready) => listener.listen(0, "127.0.0.1", ready));
  const { port } = listener.address() as AddressInfo;
  const url = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
  let reopening: NodeJS.Timeout | undefined;
  const origin: Origin = {
    url,
    storage,
    refuse: (ms) => {
      clearTimeout(reopening);
      listener.close();
      if (Number.isFinite(ms)) reopening = setTimeout(() => listener.listen(port, "127.0.0.1"), ms);
    },
    resetAll: () => {
      for (const { raw } of open) raw.resetAndDestroy();
    },
  };
  listener.on("error", (error) => bugs.push(error));

  async function serve(connection: Connection): Promise<void> {
    const { socket } = connection;
    const reader = readRequests(socket);
    try {
      for (let request = await reader.next(); request; request = await reader.next()) {
        const asked = ask(request, connection);
        connection.requestsBefore++;
        if ((await answer(asked, connection)) === "ended") return;
        if (wantsClose(request)) socket.end();
      }
    } catch (error) {
      if (error instanceof SyntaxError) socket.end("HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n");
      else if (!(error instanceof ConnectionEnded)) throw error;
    }
  }

  function ask(request: Request, connection: Connection): Asked {
    const name = assetName(request.target);
    const asset = assetNamed(name);
    return {
      request,
      asset: asset ?? absent(name),
      before: ledger.requests(name).length,
      right: rightAnswer(request, asset),
      connection: {
        number: connection.number,
        requestsBefore: connection.requestsBefore,
        rank: [...open].indexOf(connection) + 1,
      },
      origin,
    };
  }

  async function answer(asked: Asked, connection: Connection): Promise<"answered" | "ended"> {
    const { request } = asked;
    const entry: Entry = {
      ...request,
      connection: connection.number,
      asset: asked.asset.name,
      range: request.headers.range,
      fault: undefined,
      bodyBytes: 0,
    };
    ledger.begin(entry);
    const wire = openWire({
      socket: connection.socket,
      raw: connection.raw,
      bodiless: request.method === "HEAD",
      count: (bytes) => {
        entry.bodyBytes += bytes;
      },
    });
    try {
      const turn = script(asked);
      if (!turn?.fault.concerns(asked)) await sendAnswer(wire, asked.right);
      else {
        entry.fault = { number: turn.fault.number, way: turn.fault.way };
        const exchange: Exchange = {
          ...asked,
          settings: { ...defaultSettings, ...common, ...turn.settings },
          wire,
          send: (other, framing) => sendAnswer(wire, other, framing),
        };
        await turn.fault.behave(exchange);
      }
    } finally {
      ledger.finish();
    }
    return wire.ended() ? "ended" : "answered";
  }

  return {
    url,
    port,
    ledger,
    outage: (ms) => {
      origin.refuse(ms);
      origin.resetAll();
    },
    close: async () => {
      clearTimeout(reopening);
      const closed = [new Promise<void>((done) => listener.close(() => done()))];
      for (const { raw } of open) {
        closed.push(new Promise((done) => raw.once("close", () => done())));
        raw.destroy();
      }
      await Promise.all(closed);
      if (bugs.length > 0) throw new AggregateError(bugs, "the misbehaving server failed by itself");
    },
  };
}

function assetName(target: string): string {
  try {
    return decodeURIComponent(new URL(target, "http://origin").pathname.slice(1));
  } catch (cause) {
    throw new SyntaxError(`${JSON.stringify(target)} is not a target`, { cause });
  }
}

function absent(name: string): Asset {
  return { name, bytes: Buffer.alloc(0), etag: undefined, lastModified: undefined };
}
