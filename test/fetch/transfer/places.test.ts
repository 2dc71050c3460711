/** Where a request goes, and what goes with it: signed storages that expire, TLS, proxies, credentials. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { fault } from "../../kit/misbehaving-server/faults.ts";
import { forwardProxy, type ProxyWay } from "../../kit/misbehaving-server/forward-proxy.ts";
import { always, firstOf, rightly, untilRequest } from "../../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { signedStorage } from "../../kit/misbehaving-server/signed-storage.ts";
import { makePki, type Pki } from "../../kit/pki.ts";
import { hasTool } from "../../kit/tools.ts";
import { content, Device, PACK, pack } from "./downloads.ts";

const assets = new Map([[PACK, content]]);
let device: Device;
beforeEach(() => {
  device = new Device();
});
afterEach(() => device.remove());

describe("a storage that is reached by signed URLs", () => {
  it.each([401, 403, 404, 410, 618])(
    "63 is asked for anew when a URL has expired between two requests and answers %i",
    async (expiredStatus) => {
      const storage = await signedStorage({ assets });
      const script = always(fault(63), { validRequests: 1, expiredStatus });
      const server = await misbehavingServer({ assets, storage, script });
      const blobs = [0, 2].map((piece) => ({
        pack: PACK,
        offset: piece * PIECE_BYTES,
        length: 1,
        encoding: "identity" as const,
      }));
      const { error } = await device.fetch([server.url], 1, [pack], { blobs });
      await Promise.all([server.close(), storage.close()]);
      expect(error).toBe(undefined);
      expect(server.ledger.requests().length).toBe(2);
      // And what a refusal says.
      expect(storage.ledger.bodyBytes()).toBeLessThanOrEqual(2 * PIECE_BYTES + 1000);
    },
  );

  it("64 goes on where it was when a URL expires in the middle of a body", async () => {
    const storage = await signedStorage({ assets });
    const cuts = untilRequest(3, fault(64), { afterBytes: PIECE_BYTES + 1000, lingerMs: 300 });
    const script = firstOf(cuts, always(fault(66)));
    const server = await misbehavingServer({ assets, storage, script });
    const { error } = await device.fetch([server.url]);
    await Promise.all([server.close(), storage.close()]);
    expect(error).toBe(undefined);
    expect(device.isWhole()).toBe(true);
    expect(storage.ledger.bodyBytes()).toBeLessThanOrEqual(content.length + 4 * PIECE_BYTES);
  });

  it("66 never hears the credentials that are for the page", async () => {
    const storage = await signedStorage({ assets });
    const server = await misbehavingServer({ assets, storage, script: always(fault(66)) });
    const { error } = await device.fetch([server.url.replace("//", "//user:secret@")]);
    await Promise.all([server.close(), storage.close()]);
    expect(error).toBe(undefined);
    expect(device.isWhole()).toBe(true);
    const heard = (requests: readonly { headers: Readonly<Record<string, string>> }[]): string[] =>
      requests.map(({ headers }) => headers.authorization ?? "");
    expect(new Set(heard(server.ledger.requests()))).toEqual(
      new Set([`Basic ${Buffer.from("user:secret").toString("base64")}`]),
    );
    expect(new Set(heard(storage.ledger.requests()))).toEqual(new Set([""]));
  });

  it("says what failed without the query, which is a credential", async () => {
    const storage = await signedStorage({ assets, script: always(fault(61, "451")) });
    const server = await misbehavingServer({ assets, storage, script: always(fault(66)) });
    const { error } = await device.fetch([server.url]);
    await Promise.all([server.close(), storage.close()]);
    expect(error).toMatchObject({ code: "SOURCE_STATUS", facts: { status: 451 } });
    expect(JSON.stringify([error, error!.message, error!.facts])).not.toContain("X-Signature");
  });
});

describe.skipIf(!hasTool("openssl"))("TLS", () => {
  let pki: Pki;
  beforeAll(() => {
    pki = makePki({ intermediates: 0 });
  });
  afterAll(() => pki.remove());

  const caFile = (): string => {
    const path = join(device.folder, "ca.pem");
    writeFileSync(path, pki.root.pem);
    return path;
  };
  const serve = (name: string, subject: string, state: "now" | "expired" = "now") => {
    const { keyPath, pem } = pki.issueServer(name, subject, state);
    return misbehavingServer({ assets, tls: { key: readFileSync(keyPath), cert: pem } });
  };

  it("17 goes with an authority that --ca names", async () => {
    const server = await serve("right", "IP:127.0.0.1");
    const { error } = await device.fetch([server.url], 2, [pack], {}, { caFile: caFile() });
    await server.close();
    expect(error).toBe(undefined);
    expect(device.isWhole()).toBe(true);
  });

  it.each([
    ["an unknown authority", "IP:127.0.0.1", "now", false],
    ["an expired certificate", "IP:127.0.0.1", "expired", true],
    ["another name", "DNS:other.invalid", "now", true],
  ] as const)("17 refuses %s at once, and asks nothing", async (why, subject, state, isKnown) => {
    const server = await serve(why.replaceAll(" ", "-"), subject, state);
    const { error } = await device.fetch([server.url], 1, [pack], {}, isKnown ? { caFile: caFile() } : {});
    await server.close();
    expect(error).toMatchObject({ code: "TLS_UNTRUSTED", area: "network" });
    expect(server.ledger.requests()).toEqual([]);
    expect(server.ledger.connectionsOpened).toBe(1);
  });

  it("67 does not follow from TLS to a connection without", async () => {
    const storage = await signedStorage({ assets });
    const { keyPath, pem } = pki.issueServer("downgrade", "IP:127.0.0.1");
    const server = await misbehavingServer({
      assets,
      storage,
      tls: { key: readFileSync(keyPath), cert: pem },
      script: always(fault(67, "http")),
    });
    const { error } = await device.fetch([server.url], 1, [pack], {}, { caFile: caFile() });
    await Promise.all([server.close(), storage.close()]);
    expect(error).toMatchObject({ code: "SOURCE_REDIRECT" });
    expect(storage.ledger.requests()).toEqual([]);
  });
});

it("17 says that a name is unknown, after some tries", async () => {
  const { error } = await device.fetch(["http://themis.invalid/page"]);
  expect(error).toMatchObject({
    code: "SOURCE_UNREACHABLE",
    area: "network",
    facts: { host: "themis.invalid" },
  });
});

describe("69 a proxy of the environment", () => {
  afterEach(() => {
    for (const name of ["HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"]) delete process.env[name];
  });

  const through = async (name: string, way: ProxyWay, noProxy = "", login = "") => {
    const server = await misbehavingServer({ assets, script: rightly });
    const proxy = await forwardProxy(way);
    process.env[name] = proxy.url.replace("//", `//${login}`);
    if (noProxy !== "") process.env.NO_PROXY = noProxy;
    // Only the proxy knows the name.
    const host = noProxy === "" ? "page.invalid" : "127.0.0.1";
    const ended = await device.fetch([`http://${host}:${server.port}`]);
    await Promise.all([server.close(), proxy.close()]);
    return { ...ended, asked: proxy.requests.length };
  };

  it.each(["HTTP_PROXY", "http_proxy"])("is used by %s", async (name) => {
    const { error, asked } = await through(name, { kind: "serve" });
    expect(error).toBe(undefined);
    expect(device.isWhole()).toBe(true);
    expect(asked).toBeGreaterThan(0);
  });

  it("is passed by where NO_PROXY says so", async () => {
    const { error, asked } = await through("HTTP_PROXY", { kind: "serve" }, "127.0.0.1");
    expect(error).toBe(undefined);
    expect(asked).toBe(0);
  });

  it("gets its credentials, and no error holds them", async () => {
    const way = { kind: "authenticate", user: "me", password: "secret" } as const;
    expect((await through("HTTP_PROXY", way, "", "me:secret@")).error).toBe(undefined);
    device.remove();
    device = new Device();
    const { error } = await through("HTTP_PROXY", way, "", "me:wrong-secret@");
    expect(error).toMatchObject({ area: "network" });
    expect(JSON.stringify([error!.message, error!.facts])).not.toContain("secret");
  });

  it.each([{ kind: "refuse", status: 403 }, { kind: "reset" }, { kind: "silence" }] as ProxyWay[])(
    "that does not serve ($kind) is an error of the network",
    async (way) => {
      const { error } = await through("HTTP_PROXY", way);
      expect(error).toMatchObject({ area: "network" });
      expect(device.wrong()).toEqual([]);
    },
  );
});
