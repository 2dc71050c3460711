/** A key that is elsewhere: the request goes out, OpenSSL signs it as an offline machine would, and the signature comes back. */
import { execFileSync } from "node:child_process";
import { createPrivateKey, sign as signByNode } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSignedData } from "../../src/format/cms/signed-data.ts";
import { decodeSigningRequest, encodeSigningRequest } from "../../src/format/manifest/signing-request.ts";
import { askForSignature, attachSignature } from "../../src/publish/sign/elsewhere.ts";
import type { Identity } from "../kit/pki.ts";
import { opensslVerifies } from "../kit/pki.ts";
import { makeStampedWorld, type StampedWorld } from "../kit/stamped-world.ts";
import { startTimeStampAuthority } from "../kit/time-stamp-authority.ts";
import { hasTool } from "../kit/tools.ts";
import { ok, run } from "../kit/world.ts";

const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];
const PSS = ["rsa_padding_mode:pss", "rsa_pss_saltlen:32"];

describe.skipIf(!hasTool("openssl"))("a key elsewhere", () => {
  let world: StampedWorld;
  let built: string;
  let keys: Record<"rsa" | "p256" | "p384" | "second" | "renewed", Identity>;
  let made = 0;
  const at = (name: string): string => join(world.authority.folder, name);

  beforeAll(async () => {
    world = makeStampedWorld();
    const { authority, root } = world;
    const issue = (name: string, newKey: readonly string[]): Identity =>
      authority.issue({ name, by: root, extensions: SIGNER, newKey });
    const curve = (name: string): readonly string[] => ["ec", "-pkeyopt", `ec_paramgen_curve:${name}`];
    const p256 = issue("p256", curve("P-256"));
    keys = {
      p256,
      rsa: issue("rsa", ["rsa:2048"]),
      p384: issue("p384", curve("P-384")),
      second: issue("second", curve("P-256")),
      renewed: authority.issue({ name: "renewed", by: root, extensions: SIGNER, keyOf: p256 }),
    };
    mkdirSync(at("tree"));
    writeFileSync(join(at("tree"), "app"), "hello\n");
    built = await build("1.0.0");
  });
  afterAll(() => world?.authority.remove());

  async function build(version: string): Promise<string> {
    const out = at(`bundle-${version}`);
    await ok("themis-bundle", "build", at("tree"), "--product", "app", "--version", version, "--out", out);
    return out;
  }
  /** A bundle that nobody has signed, and a name for its request. */
  function fresh(): { readonly bundle: string; readonly tbs: string; readonly signature: string } {
    const name = `case-${++made}`;
    cpSync(built, at(name), { recursive: true });
    return { bundle: at(name), tbs: at(`${name}.tbs`), signature: at(`${name}.sig`) };
  }
  const ask = (bundle: string, who: Identity, tbs: string, ...more: string[]) =>
    ok("themis-bundle", "sign", bundle, "--digest-only", ...chain(who), "--out", tbs, ...more);
  const attach = (bundle: string, who: Identity, tbs: string, signature: string, ...more: string[]) =>
    ok("themis-bundle", "sign", bundle, ...attaching(who, tbs, signature), ...more);
  const chain = ({ certificatePath }: Identity): string[] => ["--certificates", certificatePath];
  const attaching = (who: Identity, tbs: string, signature: string): string[] => [
    ...["--attach", signature, "--tbs", tbs, ...chain(who)],
  ];
  const trust = (): string[] => ["--trust-anchor", world.root.certificatePath];
  const signatureIn = (bundle: string): Buffer => readFileSync(join(bundle, "manifest.json.p7s"));
  const openssl = (...words: string[]): void => {
    execFileSync("openssl", words, { stdio: "pipe" });
  };
  /** Signs a digest as it is. */
  const pkeyutl = ({ keyPath }: Identity, hash: string, input: string, out: string, options: string[]) =>
    openssl(
      ...["pkeyutl", "-sign", "-inkey", keyPath, "-in", input, "-out", out, "-pkeyopt", `digest:${hash}`],
      ...options.flatMap((option) => ["-pkeyopt", option]),
    );
  /** Digests what it is given, and signs that. */
  const dgst = ({ keyPath }: Identity, hash: string, input: string, out: string, options: string[]) =>
    openssl(
      ...["dgst", `-${hash}`, "-sign", keyPath, "-out", out],
      ...options.flatMap((option) => ["-sigopt", option]),
      input,
    );

  const SUITES = [
    { named: "rsa-pkcs1-sha256", key: "rsa", hash: "sha256", padding: "pkcs1", options: [] },
    { named: "rsa-pss-sha256", key: "rsa", hash: "sha256", padding: "pss", options: PSS },
    { named: "ecdsa-p256-sha256", key: "p256", hash: "sha256", padding: "pkcs1", options: [] },
    { named: "ecdsa-p384-sha384", key: "p384", hash: "sha384", padding: "pkcs1", options: [] },
  ] as const;

  it.each(SUITES.flatMap((suite) => (["digest", "der"] as const).map((input) => ({ ...suite, input }))))(
    "makes $named of the .$input file, and openssl and devices accept it",
    async ({ named, key, hash, padding, options, input }) => {
      const { bundle, tbs, signature } = fresh();
      const who = keys[key];
      const asked = await ask(bundle, who, tbs, "--rsa-padding", padding, ...trust());
      expect(asked).toMatchObject({ algorithm: named, digestAlgorithm: hash, version: "1.0.0" });
      expect(existsSync(join(bundle, "manifest.json.p7s"))).toBe(false);
      // What is handed out is what it says: OpenSSL's digest of the one file is the other.
      openssl("dgst", `-${hash}`, "-binary", "-out", at("own-digest"), `${tbs}.der`);
      expect(readFileSync(`${tbs}.digest`)).toEqual(readFileSync(at("own-digest")));
      expect(asked.digest).toBe(readFileSync(at("own-digest")).toString("hex"));

      (input === "digest" ? pkeyutl : dgst)(who, hash, `${tbs}.${input}`, signature, [...options]);
      expect(await attach(bundle, who, tbs, signature, ...trust())).toMatchObject({
        ...{ algorithm: named, signers: 1 },
      });
      const manifest = readFileSync(join(bundle, "manifest.json"));
      expect(opensslVerifies(world.root, manifest, signatureIn(bundle))).toBe(true);
      const [signer] = decodeSignedData(signatureIn(bundle)).signers;
      expect(Buffer.from(signer!.signedBytes)).toEqual(readFileSync(`${tbs}.der`));
      const files = ["--manifest", join(bundle, "manifest.json")];
      const beside = ["--signature", join(bundle, "manifest.json.p7s")];
      const { signers } = await ok("themis-fetch", "verify", ...files, ...beside, ...trust());
      expect(signers).toHaveLength(1);
    },
  );

  it.each([
    { form: "r‖s", text: false },
    { form: "r‖s in base64", text: true },
  ])("may answer with $form, as services do, and a device installs the release", async ({ form, text }) => {
    const { bundle, tbs, signature } = fresh();
    await ask(bundle, keys.p384, tbs);
    const key = createPrivateKey(readFileSync(keys.p384.keyPath));
    const raw = signByNode("sha384", readFileSync(`${tbs}.der`), { key, dsaEncoding: "ieee-p1363" });
    writeFileSync(signature, text ? `${raw.toString("base64").replace(/(.{64})/g, "$1\n")}\n` : raw);
    await attach(bundle, keys.p384, tbs, signature);
    const root = at(`device ${form}`);
    mkdirSync(root);
    await ok("themis-fetch", "update", "--source", bundle, "--root", root, ...trust());
    expect(readFileSync(join(root, "app"), "utf8")).toBe("hello\n");
  });

  it("is a second signer with --add, and has a time-stamp", async () => {
    const { bundle, tbs, signature } = fresh();
    const here = ["--key", keys.p256.keyPath, ...chain(keys.p256)];
    await ok("themis-bundle", "sign", bundle, ...here);
    const again = await run(
      "themis-bundle",
      "sign",
      bundle,
      "--digest-only",
      "--add",
      ...chain(keys.renewed),
      "--out",
      tbs,
    );
    expect(again.stderr).toContain("ALREADY_SIGNED");
    expect(existsSync(tbs)).toBe(false);
    await ask(bundle, keys.second, tbs, "--add", ...trust());
    dgst(keys.second, "sha256", `${tbs}.der`, signature, []);
    const tsa = await startTimeStampAuthority({ identity: world.tsa });
    try {
      const stamp = ["--timestamp", tsa.url.href, "--timestamp-anchor", world.tsaRoot.certificatePath];
      const done = await attach(bundle, keys.second, tbs, signature, "--add", ...trust(), ...stamp);
      expect(done).toMatchObject({ signers: 2, timestamps: [{}, {}] });
    } finally {
      await tsa.close();
    }
    const { signers } = await ok("themis-bundle", "verify", bundle, ...trust(), "--threshold", "2");
    expect(signers).toHaveLength(2);
    expect(
      opensslVerifies(world.root, readFileSync(join(bundle, "manifest.json")), signatureIn(bundle)),
    ).toBe(true);
  });

  it("signs the time at which it was asked, and not that at which the signature came", async () => {
    const pem = (who: Identity): string => readFileSync(who.certificatePath, "latin1");
    const subject = (now: string, who = keys.p256) => ({
      ...{ manifest: Buffer.from("{}"), product: "app", version: "1.0.0" },
      ...{ certificatesPem: pem(who), now: new Date(now) },
    });
    const before = subject("2026-03-01T10:00:00.700Z");
    const asked = askForSignature(before, "pkcs1");
    const key = createPrivateKey(readFileSync(keys.p256.keyPath));
    const brought = { request: asked.bytes, signature: signByNode("sha256", asked.signedAttributes, key) };
    const { signature } = await attachSignature(subject("2026-03-09T00:00:00Z"), brought);
    expect(decodeSignedData(signature).signers[0]!.signingTime).toEqual(new Date("2026-03-01T10:00:00Z"));
    // The certificate is over when the signature comes.
    await expect(attachSignature(subject("2050-01-02T00:00:00Z"), brought)).rejects.toThrow(
      expect.objectContaining({ code: "CERTIFICATE_EXPIRED" }),
    );
  });

  describe("is refused, and the bundle stays as it was, for", () => {
    /** Asked by this key, answered by `answer`. */
    async function refusal(
      key: "rsa" | "p256",
      padding: "pkcs1" | "pss",
      answer: (tbs: string, signature: string, bundle: string) => void | Promise<void>,
      { by, more = [] }: { readonly by?: "renewed"; readonly more?: readonly string[] } = {},
    ): Promise<{ readonly code: string; readonly message: string }> {
      const { bundle, tbs, signature } = fresh();
      await ask(bundle, keys[key], tbs, "--rsa-padding", padding);
      await answer(tbs, signature, bundle);
      const words = attaching(keys[by ?? key], tbs, signature);
      const { status, stdout } = await run("themis-bundle", "sign", bundle, ...words, ...more, "--json");
      expect(existsSync(join(bundle, "manifest.json.p7s"))).toBe(false);
      return { ...JSON.parse(stdout).error, status };
    }

    it.each([
      {
        why: "another key",
        key: "p256",
        padding: "pkcs1",
        says: "not one of this request",
        sign: (tbs: string, out: string) => dgst(keys.second, "sha256", `${tbs}.der`, out, []),
      },
      {
        why: "the digest digested once more",
        key: "p256",
        padding: "pkcs1",
        says: "the digest of the digest",
        sign: (tbs: string, out: string) => dgst(keys.p256, "sha256", `${tbs}.digest`, out, []),
      },
      {
        why: "the manifest itself",
        key: "rsa",
        padding: "pkcs1",
        says: "the manifest itself",
        sign: (_: string, out: string, bundle: string) =>
          dgst(keys.rsa, "sha256", join(bundle, "manifest.json"), out, []),
      },
      {
        why: "PSS with the longest salt",
        key: "rsa",
        padding: "pss",
        says: "its salt has another length",
        sign: (tbs: string, out: string) =>
          dgst(keys.rsa, "sha256", `${tbs}.der`, out, ["rsa_padding_mode:pss", "rsa_pss_saltlen:max"]),
      },
      {
        why: "PKCS #1 where PSS was asked for",
        key: "rsa",
        padding: "pss",
        says: "padded by PKCS #1",
        sign: (tbs: string, out: string) => dgst(keys.rsa, "sha256", `${tbs}.der`, out, []),
      },
      {
        why: "PSS where PKCS #1 was asked for",
        key: "rsa",
        padding: "pkcs1",
        says: "padded by PSS",
        sign: (tbs: string, out: string) => dgst(keys.rsa, "sha256", `${tbs}.der`, out, PSS),
      },
      {
        why: "nothing at all",
        key: "p256",
        padding: "pkcs1",
        says: "(0 bytes)",
        sign: (_: string, out: string) => writeFileSync(out, ""),
      },
    ] as const)("$why", async ({ key, padding, says, sign }) => {
      const answer = await refusal(key, padding, sign);
      expect(answer).toMatchObject({ code: "SIGNATURE_UNVERIFIABLE", status: 4 });
      expect(answer.message).toContain(says);
    });

    const signed = (tbs: string, out: string): void => dgst(keys.p256, "sha256", `${tbs}.der`, out, []);

    it("a request for another release, whose signature is good", async () => {
      const other = await build("2.0.0");
      const answer = await refusal("p256", "pkcs1", async (tbs, signature) => {
        await ask(other, keys.p256, tbs);
        signed(tbs, signature);
      });
      expect(answer).toMatchObject({ code: "SIGNING_REQUEST_MISMATCH", status: 4 });
      expect(answer.message).toContain("is for app 2.0.0");
    });

    it("another certificate of the same key", async () => {
      const answer = await refusal("p256", "pkcs1", signed, { by: "renewed" });
      expect(answer).toMatchObject({ code: "SIGNING_REQUEST_MISMATCH", status: 4 });
      expect(answer.message).toMatch(/is for the certificate of .*p256/);
    });

    it.each([
      { field: "signing_time", value: "2026-01-01T00:00:00Z", says: "signed_attributes does not follow" },
      { field: "digest", value: "00".repeat(32), says: "its digest does not follow" },
      { field: "manifest_sha256", value: "00".repeat(32), says: "another manifest" },
      { field: "algorithm", value: "rsa-pss-sha256", says: "cannot make" },
    ])("a request whose $field was changed on the way", async ({ field, value, says }) => {
      const answer = await refusal("p256", "pkcs1", (tbs, signature) => {
        signed(tbs, signature);
        const request = decodeSigningRequest(readFileSync(tbs));
        writeFileSync(tbs, encodeSigningRequest({ ...request, [field]: value }));
      });
      expect(answer).toMatchObject({ code: "SIGNING_REQUEST_MISMATCH", status: 4 });
      expect(answer.message).toContain(says);
    });

    it.each([
      { why: "that is none", text: "signed\n", code: "JSON_MALFORMED" },
      { why: "with a time that is none", time: "2026-02-30T00:00:00Z", code: "DOCUMENT_INVALID" },
    ])("a request $why", async ({ text, time, code }) => {
      const answer = await refusal("p256", "pkcs1", (tbs, signature) => {
        signed(tbs, signature);
        const changed = readFileSync(tbs, "utf8").replace(
          /"signing_time":"[^"]*"/,
          `"signing_time":"${time}"`,
        );
        writeFileSync(tbs, text ?? changed);
      });
      expect(answer).toMatchObject({ code, status: 4 });
    });

    it("a chain that devices would not follow, when it is told what they pin", async () => {
      const pins = ["--trust-anchor", world.tsaRoot.certificatePath];
      const answer = await refusal("p256", "pkcs1", signed, { more: pins });
      expect(answer).toMatchObject({ code: "CERTIFICATE_CHAIN_BROKEN" });
    });
  });

  it.each([
    { why: "no key of any kind", words: [] },
    { why: "two ways at once", words: ["--key", "k.pem", "--digest-only", "--out", "tbs"] },
    { why: "--digest-only without --out", words: ["--digest-only"] },
    { why: "--attach without --tbs", words: ["--attach", "s"] },
    { why: "--tbs with a key", words: ["--key", "k.pem", "--tbs", "t"] },
    { why: "--out with a signature", words: ["--attach", "s", "--tbs", "t", "--out", "tbs"] },
    { why: "a PIN for nobody", words: ["--attach", "s", "--tbs", "t", "--pin-file", "p"] },
    {
      why: "a padding that was asked for already",
      words: ["--attach", "s", "--tbs", "t", "--rsa-padding", "pss"],
    },
    {
      why: "a time-stamp of nothing",
      words: ["--digest-only", "--out", "tbs", "--timestamp", "http://tsa.example"],
    },
  ])("is a usage error with $why", async ({ words }) => {
    const { bundle } = fresh();
    const { status, stdout } = await run(
      "themis-bundle",
      "sign",
      bundle,
      ...chain(keys.p256),
      ...words,
      "--json",
    );
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 2, code: "USAGE" });
  });
});
