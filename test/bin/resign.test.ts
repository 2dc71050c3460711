/** The signer of a release has expired: another signs it again, where it lies, and its manifest stays as it is. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSignedData } from "../../src/format/cms/signed-data.ts";
import { joinParts, partsOf } from "../../src/publish/sign/signature-parts.ts";
import { Authority } from "../kit/authority.ts";
import { type Identity, opensslSign, opensslVerifies } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { ok, run } from "../kit/world.ts";
import { makePage } from "../publish/upload/github/kit.ts";

const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];
const CA = ["basicConstraints=critical,CA:TRUE", "subjectKeyIdentifier=hash"];
const OVER = { from: "20200101000000Z", to: "20210101000000Z" };

describe.skipIf(!hasTool("openssl"))("resign", () => {
  const authority = new Authority();
  const at = (name: string): string => join(authority.folder, name);
  let root: Identity;
  let over: Identity;
  let next: Identity;
  let second: Identity;
  let built: string;
  let made = 0;

  beforeAll(async () => {
    root = authority.issue({ name: "root", extensions: CA });
    const named = [...SIGNER, "subjectKeyIdentifier=hash"];
    over = authority.issue({ name: "over", by: root, extensions: named, ...OVER });
    next = authority.issue({ name: "next", by: root, extensions: SIGNER });
    second = authority.issue({ name: "second", by: root, extensions: SIGNER });
    mkdirSync(at("tree"));
    writeFileSync(join(at("tree"), "app"), "hello\n");
    built = await build("1.0.0");
  });
  afterAll(() => authority.remove());

  async function build(version: string): Promise<string> {
    const out = at(`bundle-${version}`);
    await ok("themis-bundle", "build", at("tree"), "--product", "app", "--version", version, "--out", out);
    return out;
  }
  const manifestOf = (folder: string): Buffer => readFileSync(join(folder, "manifest.json"));
  const signatureOf = (folder: string): Buffer => readFileSync(join(folder, "manifest.json.p7s"));
  const put = (folder: string, signature: Uint8Array): void =>
    writeFileSync(join(folder, "manifest.json.p7s"), signature);
  const by = ({ keyPath, certificatePath }: Identity): string[] => [
    ...["--key", keyPath, "--certificates", certificatePath],
  ];
  const trust = (): string[] => ["--trust-anchor", root.certificatePath];
  /** As OpenSSL signed it long ago. */
  function signedBy(...signers: Identity[]): string {
    const folder = at(`case-${++made}`);
    cpSync(built, folder, { recursive: true });
    if (signers.length > 0) put(folder, opensslSign({ content: manifestOf(folder), signers }));
    return folder;
  }
  const resign = (folder: string, ...more: string[]) =>
    ok("themis-bundle", "resign", folder, ...by(next), ...trust(), ...more);
  async function installs(source: string): Promise<string> {
    const device = at(`device-${++made}`);
    mkdirSync(device);
    const args = ["update", "--source", source, "--root", device, ...trust(), "--json"];
    const { status, stdout } = await run("themis-fetch", ...args);
    if (status !== 0) return JSON.parse(stdout).error.code;
    return readFileSync(join(device, "app"), "utf8");
  }

  it("makes a release installable again, and leaves every other byte of it", async () => {
    const folder = signedBy(over);
    const before = manifestOf(folder);
    expect(await installs(folder)).toBe("SIGNER_EXPIRED");
    expect(await resign(folder)).toMatchObject({
      ...{ product: "app", version: "1.0.0", algorithm: "ecdsa-p256-sha256", kept: [] },
      replaced: [{ subject: "CN=over,O=Themis Test", notAfter: "2021-01-01T00:00:00.000Z" }],
    });
    expect(manifestOf(folder)).toEqual(before);
    expect(opensslVerifies(root, before, signatureOf(folder))).toBe(true);
    expect(await installs(folder)).toBe("hello\n");
  });

  it("works in the folder of a published release, and from a bundle that is published again", async () => {
    const folder = signedBy(over);
    const expired = signatureOf(folder);
    await ok("themis-bundle", "sign", folder, ...by(second));
    const page = at("page");
    await ok("themis-bundle", "publish", folder, "--to", `file:${page}`);
    const published = join(page, "1.0.0");
    for (const again of [
      () => resign(published),
      async () => {
        put(folder, expired);
        await resign(folder);
        await ok("themis-bundle", "publish", folder, "--to", `file:${page}`, ...trust());
      },
    ]) {
      put(published, expired);
      expect(await installs(page)).toBe("SIGNER_EXPIRED");
      await again();
      expect(await installs(page)).toBe("hello\n");
    }
  });

  it("reaches a release on GitHub by publish, where GitHub lets it", async () => {
    const page = await makePage();
    try {
      const folder = signedBy(over);
      const expired = signatureOf(folder);
      await ok("themis-bundle", "sign", folder, ...by(second));
      expect((await page.publish(folder)).status).toBe(0);
      const [release] = page.repository.releases;
      page.repository.replaceAsset(release!, "manifest.json.p7s", expired);
      put(folder, expired);
      await resign(folder);
      release!.immutable = true;
      const refused = await page.publish(folder, ...trust());
      expect(JSON.parse(refused.stdout).error.code).toBe("RELEASE_IMMUTABLE");
      release!.immutable = false;
      const { stdout } = await page.publish(folder, ...trust());
      expect(JSON.parse(stdout)).toMatchObject({ changed: true, uploaded: ["manifest.json.p7s"] });
      const there = release!.assets.find(({ name }) => name === "manifest.json.p7s");
      expect(there!.bytes).toEqual(signatureOf(folder));
    } finally {
      await page.github.close();
    }
  });

  it("keeps the signers that are good, byte for byte, whatever the expired one was like", async () => {
    const folder = signedBy(over);
    const content = manifestOf(folder);
    // Named by its key and with another digest: both go with it from the head of the message.
    put(folder, opensslSign({ content, signers: [over], digest: "sha384", extra: ["-keyid"] }));
    const alone = signedBy();
    await ok("themis-bundle", "sign", alone, ...by(second));
    const [expired, good] = [partsOf(signatureOf(folder)), partsOf(signatureOf(alone))];
    put(
      folder,
      joinParts({
        ...expired,
        digestAlgorithms: [...expired.digestAlgorithms, ...good.digestAlgorithms],
        certificates: [...expired.certificates, ...good.certificates],
        signers: [...expired.signers, ...good.signers],
      }),
    );
    expect(decodeSignedData(signatureOf(folder)).signers).toHaveLength(2);
    expect(await resign(folder)).toMatchObject({ kept: ["CN=second,O=Themis Test"] });
    const { signers, certificates } = decodeSignedData(signatureOf(folder));
    expect(signers).toHaveLength(2);
    expect(certificates.map(({ subject }) => subject.text).sort()).toEqual([
      ...["CN=next,O=Themis Test", "CN=second,O=Themis Test"],
    ]);
    expect(partsOf(signatureOf(folder)).signers).toContainEqual(good.signers[0]);
    expect(opensslVerifies(root, content, signatureOf(folder))).toBe(true);
    await ok("themis-bundle", "verify", folder, ...trust(), "--threshold", "2");
  });

  it("takes a newer certificate of a key that is still good, and a signer below a CA that is over", async () => {
    const renewed = authority.issue({ name: "next", by: root, extensions: SIGNER, keyOf: next });
    const folder = signedBy(next);
    await ok("themis-bundle", "resign", folder, ...by(renewed), ...trust());
    expect(Buffer.from(decodeSignedData(signatureOf(folder)).certificates[0]!.der)).toEqual(renewed.der);

    const ca = authority.issue({ name: "ca", by: root, extensions: CA, ...OVER });
    const below = authority.issue({ name: "below", by: ca, extensions: SIGNER });
    const other = signedBy();
    const signed = { content: manifestOf(other), signers: [below], chainPath: ca.certificatePath };
    put(other, opensslSign(signed));
    expect(await installs(other)).toBe("CHAIN_EXPIRED");
    await resign(other);
    expect(await installs(other)).toBe("hello\n");
  });

  it("is signed elsewhere, too", async () => {
    const folder = signedBy(over);
    const [tbs, signature] = [at("resign.tbs"), at("resign.sig")];
    const certificates = ["--certificates", next.certificatePath, ...trust()];
    await ok("themis-bundle", "resign", folder, "--digest-only", "--out", tbs, ...certificates);
    execFileSync("openssl", ["dgst", "-sha256", "-sign", next.keyPath, "-out", signature, `${tbs}.der`]);
    await ok("themis-bundle", "resign", folder, "--attach", signature, "--tbs", tbs, ...certificates);
    expect(await installs(folder)).toBe("hello\n");
  });

  it("says that a manifest which expired itself is not mended by it", async () => {
    const out = at("stale");
    const facts = ["--product", "app", "--version", "1.0.0", "--expires", "2021-01-01", "--out", out];
    await ok("themis-bundle", "build", at("tree"), ...facts);
    put(out, opensslSign({ content: manifestOf(out), signers: [over] }));
    const { status, stderr } = await run("themis-bundle", "resign", out, ...by(next), ...trust());
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/warning.*expired on 2021/),
    });
  });

  describe("refuses, and leaves the signature as it was,", () => {
    async function refused(folder: string, ...more: string[]): Promise<string> {
      const before = signatureOf(folder);
      const args = ["resign", folder, ...(more.includes("--key") ? [] : by(next)), ...trust(), ...more];
      const { status, stdout } = await run("themis-bundle", ...args, "--json");
      expect(status).not.toBe(0);
      expect(signatureOf(folder)).toEqual(before);
      return JSON.parse(stdout).error.code;
    }

    it("another manifest than the one that was signed", async () => {
      const folder = signedBy(over);
      const other = await build("2.0.0");
      for (const name of ["manifest.json", "targets-0.pack"]) cpSync(join(other, name), join(folder, name));
      expect(await refused(folder)).toBe("DIGEST_MISMATCH");
    });

    it("what a stranger signed, expired or not", async () => {
      const stranger = authority.issue({ name: "stranger", extensions: SIGNER });
      expect(await refused(signedBy(stranger))).toBe("CHAIN_UNTRUSTED");
      const late = authority.issue({ name: "late", extensions: SIGNER, ...OVER });
      expect(await refused(signedBy(late))).toBe("CHAIN_UNTRUSTED");
    });

    it("what nobody vouched for as code, not even then", async () => {
      const mail = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=emailProtection"];
      const wrong = authority.issue({ name: "mail", by: root, extensions: mail, ...OVER });
      expect(await refused(signedBy(wrong))).toBe("SIGNER_PURPOSE");
    });

    it("what one signed who is revoked", async () => {
      const list = authority.list({ by: root, revoked: [{ certificate: over }] });
      expect(await refused(signedBy(over), "--crl", list.path)).toBe("CERTIFICATE_REVOKED");
    });

    it("a signature by nobody's key, or none", async () => {
      const folder = signedBy(over);
      const bytes = signatureOf(folder);
      bytes[bytes.length - 1]! ^= 1;
      put(folder, bytes);
      expect(await refused(folder)).toBe("SIGNATURE_INVALID");
      put(folder, Buffer.from("none"));
      expect(await refused(folder)).toBe("SIGNATURE_MALFORMED");
      rmSync(join(folder, "manifest.json.p7s"));
      const { stdout } = await run("themis-bundle", "resign", folder, ...by(next), ...trust(), "--json");
      expect(JSON.parse(stdout).error.code).toBe("BUNDLE_INCOMPLETE");
    });

    it("when nobody has expired", async () => {
      expect(await refused(signedBy(second))).toBe("NOTHING_TO_RESIGN");
    });

    it("a new signer whom devices would refuse, and one who is over himself", async () => {
      const stranger = authority.issue({ name: "stranger", extensions: SIGNER });
      expect(await refused(signedBy(over), ...by(stranger))).toBe("CERTIFICATE_CHAIN_BROKEN");
      expect(await refused(signedBy(over), ...by(over))).toBe("CERTIFICATE_EXPIRED");
    });

    it("a bundle whose packs are not what the manifest says", async () => {
      const folder = signedBy(over);
      const pack = readFileSync(join(folder, "targets-0.pack"));
      pack[600]! ^= 1;
      writeFileSync(join(folder, "targets-0.pack"), pack);
      expect(await refused(folder)).toBe("BUNDLE_INCOMPLETE");
    });
  });
});
