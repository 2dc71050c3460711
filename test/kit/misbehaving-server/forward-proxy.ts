/**
 * A forward proxy (fault 69): CONNECT for https (RFC 9110, section 9.3.6), absolute-form for http (RFC 9112, 3.2.2).
 *
 * It goes to 127.0.0.1 whatever the name in the target, at the target's port: so a test can use a name that no
 * resolver knows, and see that the client left the name to the proxy.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type Request, readRequests } from "./request.ts";

export type ProxyWay =
  | { readonly kind: "serve" }
  /** 407 without these credentials (RFC 7617), which never leave the proxy. */
  | { readonly kind: "authenticate"; readonly user: string; readonly password: string }
  /** 403 and others to CONNECT and to absolute-form. */
  | { readonly kind: "refuse"; readonly status: number }
  | { readonly kind: "reset" }
  /** Takes the request and is silent until the client leaves. */
  | { readonly kind: "silence" };

export type ForwardProxy = {
  /** Without a slash at the end and without credentials. */
  readonly url: string;
  readonly port: number;
  /** Every request that the proxy itself was asked; what goes through a tunnel is not its business. */
  readonly requests: readonly Request[];
  /** CONNECTs that were granted. */
  readonly tunnels: () => number;
  readonly close: () => Promise<void>;
};

export async function forwardProxy(way: ProxyWay = { kind: "serve" }): Promise<ForwardProxy> {
  const requests: Request[] = [];
  const sockets = new Set<Socket>();
  let tunnels = 0;

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
  };
  const listener = createServer({ noDelay: true }, (client) => {
    keep(client);
    serve(client).catch(() => client.destroy());
  });
  await new Promise<void>((ready) => listener.listen(0, "127.0.0.1", ready));
  const { port } = listener.address() as AddressInfo;

  async function serve(client: Socket): Promise<void> {
    const reader = readRequests(client);
    const request = await reader.next();
    if (!request) return;
    requests.push(request);
    switch (way.kind) {
      case "reset":
        client.resetAndDestroy();
        return;
      case "silence":
        return;
      case "refuse":
        client.end(refusal(way.status));
        return;
      case "authenticate":
        if (request.headers["proxy-authorization"] !== basic(way)) {
          client.end(refusal(407, 'Proxy-Authenticate: Basic realm="the proxy"\r\n'));
          return;
        }
        return forward(client, request, reader.release());
      case "serve":
        return forward(client, request, reader.release());
    }
  }

  async function forward(client: Socket, request: Request, early: Buffer): Promise<void> {
    const target = new URL(request.method === "CONNECT" ? `http://${request.target}` : request.target);
    const server = connect(Number(target.port || 80), "127.0.0.1");
    keep(server);
    server.on("error", () => client.end(refusal(502)));
    await new Promise<void>((ready) => server.once("connect", ready));
    if (request.method === "CONNECT") {
      tunnels++;
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      server.write(early);
    } else server.write(originForm(request, target));
    client.pipe(server);
    server.pipe(client);
    client.on("close", () => server.destroy());
    server.on("close", () => client.end());
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    tunnels: () => tunnels,
    close: () =>
      new Promise((done) => {
        listener.close(() => done());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** One request for each connection, so that a proxy does not have to tell answers apart. */
function originForm({ method, version, headers }: Request, target: URL): string {
  const own = new Set(["proxy-authorization", "proxy-connection", "connection"]);
  const lines = Object.entries(headers)
    .filter(([name]) => !own.has(name))
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target.pathname}${target.search} ${version}\r\n${lines.join("")}connection: close\r\n\r\n`;
}

function refusal(status: number, headers = ""): string {
  return `HTTP/1.1 ${status} No\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`;
}

function basic({ user, password }: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
