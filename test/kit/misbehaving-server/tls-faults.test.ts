/** Fault 17: what a certificate can be wrong about, and faults of the connection below TLS. */
import { readFileSync } from "node:fs";
import { get } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePki, type Pki } from "../pki.ts";
import { rawAsk } from "../raw-client.ts";
import { hasTool } from "../tools.ts";
import { noise } from "../world.ts";
import { fault } from "./faults.ts";
import { once } from "./script.ts";
import { misbehavingServer } from "./server.ts";

const BODY = noise(10_000, 1);
const assets = new Map([["app.pack", BODY]]);

/** The status, or the code of the error. */
function ask(url: string, ca: Buffer): Promise<number | string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}

describe.skipIf(!hasTool("openssl"))("a server with TLS", () => {
  let pki: Pki;
  beforeAll(() => {
    pki = makePki({ intermediates: 0 });
  });
  afterAll(() => pki.remove());

  it.each([
    { why: "the right name", subject: "IP:127.0.0.1", state: "now", seen: 200 },
    { why: "an expired certificate", subject: "IP:127.0.0.1", state: "expired", seen: "CERT_HAS_EXPIRED" },
    { why: "another name", subject: "DNS:other.invalid", state: "now", seen: "ERR_TLS_CERT_ALTNAME_INVALID" },
  ] as const)("fault 17: a server with $why", async ({ why, subject, state, seen }) => {
    const { keyPath, pem } = pki.issueServer(why.replaceAll(" ", "-"), subject, state);
    const server = await misbehavingServer({ assets, tls: { key: readFileSync(keyPath), cert: pem } });
    expect(await ask(`${server.url}/app.pack`, pki.root.pem)).toBe(seen);
    expect(await ask(`${server.url}/app.pack`, pki.otherRoot.pem)).not.toBe(200);
    expect(server.ledger.requests()).toHaveLength(seen === 200 ? 1 : 0);
    await server.close();
    expect(server.ledger).toMatchObject({ connectionsOpened: 2, connectionsOpen: 0 });
  });

  it("fault 17: a name that no resolver knows", async () => {
    expect(await ask("https://themis.invalid/app.pack", pki.root.pem)).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
  });

  it.each([
    { number: 1, way: "RST", end: "RST", bytes: 0 },
    { number: 2, way: "RST", end: "RST", bytes: 1000 },
    { number: 3, way: "FIN", end: "FIN", bytes: 1000 },
    { number: 7, way: "silence", end: "open", bytes: 1000 },
  ])("fault $number by $way happens below TLS", async ({ number, way, end, bytes }) => {
    const { keyPath, pem } = pki.issueServer(`below-${number}`, "IP:127.0.0.1");
    const server = await misbehavingServer({
      assets,
      script: once(fault(number, way)),
      tls: { key: readFileSync(keyPath), cert: pem },
    });
    const answer = await rawAsk(server.port, { target: "/app.pack", patienceMs: 200 }, pki.root.pem);
    expect(answer.end).toBe(end);
    expect(answer.rest.equals(BODY.subarray(0, bytes))).toBe(true);
    expect(server.ledger.bodyBytes()).toBe(bytes);
    const again = await rawAsk(server.port, { target: "/app.pack" }, pki.root.pem);
    expect(again.rest.equals(BODY)).toBe(true);
    await server.close();
  });
});
