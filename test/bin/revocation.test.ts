/** Revocation lists and chains as a person meets them: the options, the exit status, what stays untouched. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Authority, type List } from "../kit/authority.ts";
import { type Identity, opensslVerifies } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, ok, run, snapshot, type World } from "../kit/world.ts";

describe.skipIf(!hasTool("openssl"))("revocation lists", () => {
  let world: World;
  let authority: Authority;
  let root: Identity;
  let signer: Identity;
  let clean: List;
  let revoking: List;
  let expired: List;
  let unrelated: List;
  beforeAll(async () => {
    world = await makeWorld();
    authority = new Authority();
    root = identity("root");
    signer = identity("signer");
    clean = authority.list({ by: root, number: 1 });
    revoking = authority.list({
      by: root,
      number: 2,
      from: "20260201000000Z",
      revoked: [{ certificate: signer, reason: "keyCompromise" }],
    });
    expired = authority.list({ by: root, to: "20260102000000Z" });
    const extensions = ["basicConstraints=critical,CA:TRUE", "subjectKeyIdentifier=hash"];
    unrelated = authority.list({ by: authority.issue({ name: "other", extensions }) });
  });
  afterAll(() => {
    world?.remove();
    authority?.remove();
  });

  function identity(name: "root" | "signer"): Identity {
    const certificatePath = world.at("pki", `${name}.pem`);
    const pem = readFileSync(certificatePath);
    return { name, certificatePath, keyPath: world.at("pki", `${name}-key.pem`), pem, der: Buffer.alloc(0) };
  }
  const bundle = (): string => world.at("bundle-1.1.0");
  const device = (name: string, ...more: string[]): string[] => [
    ...["--source", world.page, "--root", world.device(name), "--trust-anchor", world.anchor, ...more],
  ];
  const refused = async (program: "themis-bundle" | "themis-fetch", ...args: string[]): Promise<string> => {
    const { status, stdout } = await run(program, ...args, "--json");
    expect(status).toBe(4);
    return JSON.parse(stdout).error.code as string;
  };

  it("refuse a manifest when they revoke, when they are required and missing, and when they have expired", async () => {
    const verify = ["verify", "--trust-anchor", world.anchor, "--manifest", join(bundle(), "manifest.json")];
    const args = [...verify, "--signature", join(bundle(), "manifest.json.p7s")];
    expect((await ok("themis-fetch", ...args)).signers).toMatchObject([{ notRevoked: false }]);
    expect((await ok("themis-fetch", ...args, "--crl", clean.path, "--require-crl")).signers).toMatchObject([
      { notRevoked: true },
    ]);
    expect(await refused("themis-fetch", ...args, "--require-crl")).toBe("CRL_MISSING");
    expect(await refused("themis-fetch", ...args, "--crl", expired.path, "--require-crl")).toBe(
      "CRL_EXPIRED",
    );
    expect(await refused("themis-fetch", ...args, "--crl", revoking.path)).toBe("CERTIFICATE_REVOKED");
    expect(await refused("themis-fetch", ...args, "--crl", clean.path, "--crl", revoking.path)).toBe(
      "CERTIFICATE_REVOKED",
    );
    expect(await refused("themis-fetch", ...args, "--crl", world.anchor)).toBe("CRL_MALFORMED");
  });

  it.each(["check", "plan", "download", "update"])(
    "stop %s on a device and leave it untouched",
    async (name) => {
      const where = device(`revoked-${name}`);
      expect(await refused("themis-fetch", name, ...where, "--crl", revoking.path)).toBe(
        "CERTIFICATE_REVOKED",
      );
      expect(await refused("themis-fetch", name, ...where, "--require-crl")).toBe("CRL_MISSING");
      expect(snapshot(world.at(`revoked-${name}`))).toEqual({});
    },
  );

  it("let an update through when a fresh one vouches", async () => {
    await ok("themis-fetch", "update", ...device("vouched", "--crl", clean.path, "--require-crl"));
    expect(snapshot(world.at("vouched"))).toEqual(snapshot(world.new));
  });

  describe("that are attached", () => {
    const attachTo = (name: string): string => {
      cpSync(bundle(), world.at(name), { recursive: true });
      return world.at(name);
    };
    const signatureOf = (folder: string): Buffer => readFileSync(join(folder, "manifest.json.p7s"));

    it("vouch on their own, and OpenSSL still accepts the signature", async () => {
      const folder = attachTo("attached");
      const before = signatureOf(folder);
      const said = await ok(
        "themis-bundle",
        "crl",
        "attach",
        folder,
        "--crl",
        clean.path,
        "--trust-anchor",
        world.anchor,
      );
      expect(said.crls).toMatchObject([{ number: "1", delta: false }]);
      expect(signatureOf(folder).length).toBeGreaterThan(before.length);
      const trust = ["--trust-anchor", world.anchor];
      expect((await ok("themis-bundle", "verify", folder, ...trust, "--require-crl")).signers).toMatchObject([
        { notRevoked: true },
      ]);
      expect(opensslVerifies(root, readFileSync(join(folder, "manifest.json")), signatureOf(folder))).toBe(
        true,
      );
      // The caller's newer list wins over the older one that travels along.
      expect(await refused("themis-bundle", "verify", folder, ...trust, "--crl", revoking.path)).toBe(
        "CERTIFICATE_REVOKED",
      );
    });

    it("win over an older one of the caller's, and take the place of an older one", async () => {
      const folder = attachTo("newer");
      await ok("themis-bundle", "crl", "attach", folder, "--crl", clean.path);
      const said = await ok("themis-bundle", "crl", "attach", folder, "--crl", revoking.path);
      expect(said.crls).toMatchObject([{ number: "2" }]);
      const trust = ["--trust-anchor", world.anchor, "--crl", clean.path];
      expect(await refused("themis-bundle", "verify", folder, ...trust)).toBe("CERTIFICATE_REVOKED");
      // And the older one does not come back.
      expect((await ok("themis-bundle", "crl", "attach", folder, "--crl", clean.path)).crls).toMatchObject([
        { number: "2" },
      ]);
    });

    it("are published and reach a device, which needs nothing else", async () => {
      const folder = attachTo("to-publish");
      await ok("themis-bundle", "crl", "attach", folder, "--crl", clean.path);
      await ok("themis-bundle", "publish", folder, "--to", `file:${world.at("page-with-list")}`);
      const where = ["--root", world.device("with-list"), "--trust-anchor", world.anchor, "--require-crl"];
      await ok("themis-fetch", "update", "--source", world.at("page-with-list"), ...where);
      expect(snapshot(world.at("with-list"))).toEqual(snapshot(world.new));
    });

    it.each<{ why: string; list: () => string; status: number; code: string; more?: () => string[] }>([
      { why: "about somebody else", list: () => unrelated.path, status: 2, code: "CRL_UNRELATED" },
      { why: "not a list", list: () => world.anchor, status: 4, code: "CRL_MALFORMED" },
      {
        why: "revoking the signer, as an anchor shows",
        list: () => revoking.path,
        status: 4,
        code: "CERTIFICATE_REVOKED",
        more: () => ["--trust-anchor", world.anchor],
      },
      {
        why: "expired where fresh ones are required",
        list: () => expired.path,
        status: 4,
        code: "CRL_EXPIRED",
        more: () => ["--trust-anchor", world.anchor, "--require-crl"],
      },
    ])("are refused when $why, and the signature stays", async ({ list, status, code, more = () => [] }) => {
      const folder = attachTo(`refused-${code}`);
      const before = signatureOf(folder);
      const answer = await run(
        "themis-bundle",
        "crl",
        "attach",
        folder,
        "--crl",
        list(),
        ...more(),
        "--json",
      );
      expect({ status: answer.status, code: JSON.parse(answer.stdout).error.code }).toEqual({ status, code });
      expect(signatureOf(folder)).toEqual(before);
    });

    it("need a signature, and at least one list", async () => {
      const folder = attachTo("unsigned");
      expect((await run("themis-bundle", "crl", "attach", folder)).status).toBe(2);
      writeFileSync(join(folder, "manifest.json.p7s"), "none");
      expect((await run("themis-bundle", "crl", "attach", folder, "--crl", clean.path)).status).toBe(4);
    });
  });

  describe("verify-chain", () => {
    const chain = (...more: string[]): string[] => ["verify-chain", signer.certificatePath, ...more];

    it("names the path, in PEM and DER, with exit 0", async () => {
      const der = world.at("root.der");
      const body = root.pem.toString("latin1").replace(/-----[^-]+-----|\s/g, "");
      writeFileSync(der, Buffer.from(body, "base64"));
      for (const anchor of [world.anchor, der]) {
        const said = await ok(
          "themis-fetch",
          ...chain("--trust-anchor", anchor, "--crl", clean.path, "--require-crl"),
        );
        expect(said).toMatchObject({ notRevoked: true, policies: { authority: [], user: [] } });
        expect(said.path).toHaveLength(2);
      }
    });

    it.each<{ why: string; code: string; args: () => string[] }>([
      { why: "is expired then", code: "CHAIN_EXPIRED", args: () => ["--time", "2090-01-01T00:00:00Z"] },
      { why: "is not valid yet then", code: "CHAIN_EXPIRED", args: () => ["--time", "1990-01-01T00:00:00Z"] },
      { why: "is revoked", code: "CERTIFICATE_REVOKED", args: () => ["--crl", revoking.path] },
      { why: "has no list", code: "CRL_MISSING", args: () => ["--require-crl"] },
      { why: "has no policy", code: "CHAIN_POLICY", args: () => ["--explicit-policy", "--policy", "1.2.3"] },
    ])("exits with 4 when the certificate $why: $code", async ({ code, args }) => {
      expect(await refused("themis-fetch", ...chain("--trust-anchor", world.anchor, ...args()))).toBe(code);
    });

    it.each<{ why: string; args: () => string[] }>([
      { why: "no anchor", args: () => [] },
      {
        why: "a purpose that does not exist",
        args: () => ["--trust-anchor", world.anchor, "--purpose", "tls"],
      },
      { why: "a time without a zone", args: () => ["--trust-anchor", world.anchor, "--time", "2026-06-01"] },
      { why: "a policy by name", args: () => ["--trust-anchor", world.anchor, "--policy", "gold"] },
      { why: "a file that is not there", args: () => ["--trust-anchor", world.at("nowhere")] },
    ])("exits with 2 for $why", async ({ args }) => {
      expect((await run("themis-fetch", ...chain(...args()))).status).toBe(2);
    });

    it("exits with 4 for a file that is no certificate, and for a stranger's anchor", async () => {
      const text = world.at("text.pem");
      writeFileSync(text, "hello");
      expect(await refused("themis-fetch", "verify-chain", text, "--trust-anchor", world.anchor)).toBe(
        "CERTIFICATE_MALFORMED",
      );
      const stranger = authority.issue({
        name: "stranger",
        extensions: ["basicConstraints=critical,CA:TRUE"],
      });
      expect(await refused("themis-fetch", ...chain("--trust-anchor", stranger.certificatePath))).toBe(
        "CHAIN_UNTRUSTED",
      );
    });
  });
});
