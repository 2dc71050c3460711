/** Fault 69: a proxy that serves, asks for credentials, refuses, breaks or is silent. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { makePki } from "../pki.ts";
import { rawAsk } from "../raw-client.ts";
import { hasTool } from "../tools.ts";
import { noise } from "../world.ts";
import { type ForwardProxy, forwardProxy, type ProxyWay } from "./forward-proxy.ts";
import { type MisbehavingServer, misbehavingServer, type ServerRequest } from "./server.ts";

const BODY = noise(100_000, 1);
const assets = new Map([["app.pack", BODY]]);
const CREDENTIALS = { "proxy-authorization": `Basic ${Buffer.from("me:secret").toString("base64")}` };

const running: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.close();
});

async function start(
  way?: ProxyWay,
  request: Partial<ServerRequest> = {},
): Promise<{ proxy: ForwardProxy; server: MisbehavingServer }> {
  const proxy = await forwardProxy(way);
  const server = await misbehavingServer({ assets, ...request });
  running.push(proxy, server);
  return { proxy, server };
}

it("forwards absolute-form, whatever the name, and keeps its own headers to itself", async () => {
  const { proxy, server } = await start();
  const target = `http://themis.invalid:${server.port}/app.pack?x=1`;
  const headers = { ...CREDENTIALS, range: "bytes=0-9" };
  const answer = await rawAsk(proxy.port, { target, headers });
  expect([answer.status, answer.rest.equals(BODY.subarray(0, 10))]).toEqual([206, true]);
  expect(proxy.requests).toMatchObject([{ method: "GET", target, headers }]);
  expect(proxy.tunnels()).toBe(0);
  const [entry] = server.ledger.requests();
  expect(entry).toMatchObject({ target: "/app.pack?x=1", range: "bytes=0-9" });
  expect(entry!.headers).not.toHaveProperty("proxy-authorization");
});

it.skipIf(!hasTool("openssl"))("tunnels TLS and sees nothing of it", async () => {
  const pki = makePki({ intermediates: 0 });
  try {
    const { keyPath, pem } = pki.issueServer("server", "DNS:themis.invalid");
    const { proxy, server } = await start(undefined, { tls: { key: readFileSync(keyPath), cert: pem } });
    const socket = connect(proxy.port, "127.0.0.1");
    socket.write(`CONNECT themis.invalid:${server.port} HTTP/1.1\r\nhost: themis.invalid\r\n\r\n`);
    const granted: Buffer = await new Promise((resolve) => socket.once("data", resolve));
    expect(granted.toString()).toMatch(/^HTTP\/1\.1 200 /);
    const secure = connectTls({ socket, ca: pki.root.pem, servername: "themis.invalid" });
    secure.write("GET /app.pack HTTP/1.1\r\nhost: themis.invalid\r\nconnection: close\r\n\r\n");
    const parts: Buffer[] = [];
    for await (const chunk of secure) parts.push(chunk as Buffer);
    expect(Buffer.concat(parts).subarray(-BODY.length).equals(BODY)).toBe(true);
    expect([proxy.tunnels(), proxy.requests.length]).toEqual([1, 1]);
  } finally {
    pki.remove();
  }
});

it.each<{ why: string; way: ProxyWay; headers?: Record<string, string>; method?: string; seen: object }>([
  { why: "nobody", way: { kind: "authenticate", user: "me", password: "secret" }, seen: { status: 407 } },
  {
    why: "a wrong password",
    way: { kind: "authenticate", user: "me", password: "other" },
    headers: CREDENTIALS,
    seen: { status: 407 },
  },
  {
    why: "who it knows",
    way: { kind: "authenticate", user: "me", password: "secret" },
    headers: CREDENTIALS,
    seen: { status: 200 },
  },
  { why: "everybody by 403", way: { kind: "refuse", status: 403 }, seen: { status: 403, end: "FIN" } },
  {
    why: "CONNECT by 405",
    way: { kind: "refuse", status: 405 },
    method: "CONNECT",
    seen: { status: 405, end: "FIN" },
  },
  { why: "by RST", way: { kind: "reset" }, method: "CONNECT", seen: { status: 0, end: "RST" } },
  { why: "by silence", way: { kind: "silence" }, seen: { status: 0, end: "open" } },
])("answers $why", async ({ way, headers = {}, method = "GET", seen }) => {
  const { proxy, server } = await start(way);
  const host = `127.0.0.1:${server.port}`;
  const target = method === "CONNECT" ? host : `http://${host}/app.pack`;
  const patienceMs = way.kind === "silence" ? 80 : 5000;
  const answer = await rawAsk(proxy.port, { target, method, headers, patienceMs });
  expect(answer).toMatchObject(seen);
  if (answer.status === 407) expect(answer.header("proxy-authenticate")[0]).toMatch(/^Basic/);
  expect(server.ledger.requests()).toHaveLength(answer.status === 200 ? 1 : 0);
});

it("answers 502 when nobody is behind it", async () => {
  const { proxy, server } = await start();
  await server.close();
  const target = `127.0.0.1:${server.port}`;
  expect(await rawAsk(proxy.port, { target, method: "CONNECT" })).toMatchObject({ status: 502 });
});
