/** Our signatures are read by OpenSSL, from key files and from a token alike. */
import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generatePki, type KeygenAlgorithm, type Pki } from "../../../src/publish/sign/keygen.ts";
import { parsePkcs11Uri } from "../../../src/publish/sign/pkcs11-uri.ts";
import { openSigner, signManifest } from "../../../src/publish/sign/sign.ts";
import type { RsaPadding } from "../../../src/publish/sign/signer.ts";
import { listKeys } from "../../../src/publish/sign/token.ts";
import { createToken, SOFTHSM_MODULE, type TestToken, TOKEN_PIN } from "../../kit/softhsm.ts";
import { hasTool } from "../../kit/tools.ts";

const manifest = Buffer.from('{"version":"1.2.3"}');
const folder = mkdtempSync(join(tmpdir(), "themis-sign-"));
const noSecrets = { env: {} };
const withTools = hasTool("openssl") && hasTool("softhsm2-util") && hasTool("pkcs11-tool");
const algorithms: readonly KeygenAlgorithm[] = ["rsa-3072", "ecdsa-p256", "ecdsa-p384"];
const pkis = {} as Record<KeygenAlgorithm, Pki>;
let token: TestToken;

beforeAll(async () => {
  for (const algorithm of algorithms) {
    pkis[algorithm] = await generatePki({
      outFolder: join(folder, algorithm),
      algorithm,
      rootName: "Test Root",
      signerName: "Größe & Co Signer",
      organization: "Themis",
      now: new Date(),
    });
  }
  if (!withTools) return;
  token = createToken();
  for (const algorithm of algorithms) token.importKey(algorithm, read(pkis[algorithm].signerKey!));
});

afterAll(() => {
  token?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const suites: readonly { algorithm: KeygenAlgorithm; padding: RsaPadding; named: string }[] = [
  { algorithm: "rsa-3072", padding: "pkcs1", named: "rsa-pkcs1-sha256" },
  { algorithm: "rsa-3072", padding: "pss", named: "rsa-pss-sha256" },
  { algorithm: "ecdsa-p256", padding: "pkcs1", named: "ecdsa-p256-sha256" },
  { algorithm: "ecdsa-p384", padding: "pkcs1", named: "ecdsa-p384-sha384" },
];
const places = ["file", "token"] as const;

describe.skipIf(!withTools)("a signature", () => {
  it.each(suites.flatMap((suite) => places.map((place) => ({ ...suite, place }))))(
    "of $named from a $place is accepted by openssl, and refused over other bytes",
    async ({ algorithm, padding, named, place }) => {
      const pki = pkis[algorithm];
      const key = place === "file" ? pki.signerKey! : token.uri(algorithm);
      const signer = await openSigner({ key, secrets: noSecrets, rsaPadding: padding });
      try {
        expect(signer.algorithm).toBe(named);
        const signature = await signManifest({
          manifest,
          certificatesPem: read(pki.signer) + read(pki.root),
          signer,
          now: new Date(),
          anchorsPem: read(pki.root),
        });
        expect(opensslAccepts(signature, manifest, pki.root)).toBe(true);
        const flipped = Buffer.from(manifest);
        flipped[3]! ^= 1;
        expect(opensslAccepts(signature, flipped, pki.root)).toBe(false);
        expect(signature.length).toBeLessThan(4096);
        expect(countCertificates(signature)).toBe(1);
      } finally {
        await signer.close();
      }
    },
  );

  it.each([
    { keyType: "rsa:3072", named: "rsa-pkcs1-sha256" },
    { keyType: "EC:prime256v1", named: "ecdsa-p256-sha256" },
    { keyType: "EC:secp384r1", named: "ecdsa-p384-sha384" },
  ] as const)("of a $keyType key born in the token is accepted by openssl", async ({ keyType, named }) => {
    const label = `born ${keyType}`;
    token.generateKey(label, keyType);
    const signer = await openSigner({ key: token.uri(label), secrets: noSecrets });
    try {
      expect(signer.algorithm).toBe(named);
      const pki = await generatePki({
        outFolder: join(folder, label.replace(/\W/g, "-")),
        algorithm: "ecdsa-p256",
        rootName: "Root",
        signerName: "Signer",
        now: new Date(),
        signerPublicKey: signer.publicKey,
      });
      expect(pki.signerKey).toBeUndefined();
      const request = { manifest, certificatesPem: read(pki.signer), signer, now: new Date() };
      expect(opensslAccepts(await signManifest(request), manifest, pki.root)).toBe(true);
    } finally {
      await signer.close();
    }
  });

  it("is made one after the other when several are asked for at once", async () => {
    const signer = await openSigner({ key: token.uri("ecdsa-p256"), secrets: noSecrets });
    const other = await openSigner({ key: token.uri("ecdsa-p384"), secrets: noSecrets });
    const request = { manifest, certificatesPem: read(pkis["ecdsa-p256"].signer), signer, now: new Date() };
    const many = await Promise.all(Array.from({ length: 20 }, () => signManifest(request)));
    expect(many.every((each) => opensslAccepts(each, manifest, pkis["ecdsa-p256"].root))).toBe(true);
    await signer.close();
    // The login is shared: closing one signer leaves the other logged in.
    await expect(other.sign(manifest)).resolves.toBeInstanceOf(Uint8Array);
    await other.close();
    await other.close();
  });
});

describe("a key file", () => {
  const encrypted = join(folder, "encrypted.pem");
  const passphrase = "Fledermaus 7";

  beforeAll(() => {
    const key = createPrivateKey(read(pkis["ecdsa-p256"].signerKey!));
    const options = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase } as const;
    writeFileSync(encrypted, key.export(options));
    writeFileSync(join(folder, "passphrase"), `${passphrase}\r\n`);
    writeFileSync(join(folder, "sec1.pem"), key.export({ type: "sec1", format: "pem" }));
    writeFileSync(
      join(folder, "damaged.pem"),
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
  });

  it.each([
    { from: "the environment", secrets: { env: { THEMIS_KEY_PASSPHRASE: passphrase } } },
    { from: "a file", secrets: { env: {}, passphraseFile: join(folder, "passphrase") } },
    { from: "the prompt", secrets: { env: { THEMIS_KEY_PASSPHRASE: "" }, prompt: async () => passphrase } },
  ])("is decrypted with the passphrase from $from", async ({ secrets }) => {
    const signer = await openSigner({ key: encrypted, secrets });
    const plain = createPublicKey(read(pkis["ecdsa-p256"].signerKey!));
    expect(signer.publicKey.equals(plain)).toBe(true);
  });

  it.each([
    {
      why: "a wrong passphrase",
      key: encrypted,
      env: { THEMIS_KEY_PASSPHRASE: "Maulwurf 8" },
      code: "KEY_PASSPHRASE",
    },
    { why: "no passphrase", key: encrypted, env: {}, code: "KEY_PASSPHRASE" },
    { why: "a missing file", key: join(folder, "absent"), env: {}, code: "KEY_UNREADABLE" },
    { why: "the old EC form", key: join(folder, "sec1.pem"), env: {}, code: "KEY_UNREADABLE" },
    { why: "damage", key: join(folder, "damaged.pem"), env: {}, code: "KEY_UNREADABLE" },
  ])("is refused for $why", async ({ key, env, code }) => {
    const error = await failure(openSigner({ key, secrets: { env } }));
    expect(error).toMatchObject({ code, kind: "usage" });
    expect(everything(error)).not.toContain("Maulwurf");
  });

  it("says which passphrase file is missing instead of trying another source", async () => {
    const secrets = { env: { THEMIS_KEY_PASSPHRASE: passphrase }, passphraseFile: join(folder, "absent") };
    expect(await failure(openSigner({ key: encrypted, secrets }))).toMatchObject({
      code: "SECRET_UNREADABLE",
    });
  });
});

describe("certificates", () => {
  const later = new Date(Date.now() + 3 * 365 * 86_400_000);
  it.each([
    { why: "of another key", pem: () => read(pkis["ecdsa-p384"].signer), code: "CERTIFICATE_MISMATCH" },
    {
      why: "that have expired",
      pem: () => read(pkis["ecdsa-p256"].signer),
      now: later,
      code: "CERTIFICATE_EXPIRED",
    },
    { why: "that are missing", pem: () => "", code: "CERTIFICATE_UNREADABLE" },
    {
      why: "with a stranger's chain",
      pem: () => read(pkis["ecdsa-p256"].signer) + read(pkis["rsa-3072"].root),
      code: "CERTIFICATE_CHAIN_BROKEN",
    },
    {
      why: "that no anchor issued",
      pem: () => read(pkis["ecdsa-p256"].signer),
      anchors: () => read(pkis["rsa-3072"].root),
      code: "CERTIFICATE_CHAIN_BROKEN",
    },
    {
      why: "of an authority",
      key: () => pkis["ecdsa-p256"].rootKey,
      pem: () => read(pkis["ecdsa-p256"].root),
      code: "CERTIFICATE_NOT_FOR_SIGNING",
    },
  ])("$why are refused before anything is signed", async ({ pem, code, now, anchors, key }) => {
    const real = await openSigner({
      key: (key ?? (() => pkis["ecdsa-p256"].signerKey!))(),
      secrets: noSecrets,
    });
    const signer = { ...real, sign: () => expect.unreachable("nothing is to be signed") };
    const anchorsPem = anchors?.();
    const request = { manifest, certificatesPem: pem(), signer, now: now ?? new Date(), anchorsPem };
    expect(await failure(signManifest(request))).toMatchObject({ code });
  });

  it.skipIf(!withTools)(
    "between the signer and the root travel with the signature, the root does not",
    async () => {
      // Made by OpenSSL, because a company's CA is not made by our keygen either.
      const at = (name: string): string => join(folder, name);
      writeFileSync(
        at("ca.ext"),
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n",
      );
      writeFileSync(
        at("leaf.ext"),
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
      );
      for (const [name, issuer, ext] of [
        ["top", "", "ca"],
        ["middle", "top", "ca"],
        ["leaf", "middle", "leaf"],
      ]) {
        const key = at(`${name}.key`);
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key);
        openssl("req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", at(`${name}.csr`));
        const by =
          issuer === ""
            ? ["-signkey", key]
            : ["-CA", at(`${issuer}.pem`), "-CAkey", at(`${issuer}.key`), "-CAcreateserial"];
        openssl(
          "x509",
          "-req",
          "-in",
          at(`${name}.csr`),
          ...by,
          "-days",
          "9",
          "-extfile",
          at(`${ext}.ext`),
          "-out",
          at(`${name}.pem`),
        );
      }
      const signer = await openSigner({ key: at("leaf.key"), secrets: noSecrets });
      const chain = ["leaf", "middle", "top"].map((name) => read(at(`${name}.pem`)));
      for (const certificatesPem of [chain.join(""), chain.slice(0, 2).join("")]) {
        const request = { manifest, certificatesPem, signer, now: new Date(Date.now() + 1000) };
        const signature = await signManifest({ ...request, anchorsPem: chain[2]! });
        expect(countCertificates(signature)).toBe(2);
        expect(opensslAccepts(signature, manifest, at("top.pem"))).toBe(true);
        // A device may pin the one in the middle.
        await signManifest({ ...request, anchorsPem: chain[1]! });
      }
    },
  );

  it("stop a token that signs something else", async () => {
    const real = await openSigner({ key: pkis["ecdsa-p256"].signerKey!, secrets: noSecrets });
    const signer = { ...real, sign: (bytes: Uint8Array) => real.sign(bytes.subarray(1)) };
    const request = { manifest, certificatesPem: read(pkis["ecdsa-p256"].signer), signer, now: new Date() };
    expect(await failure(signManifest(request))).toMatchObject({
      code: "SIGNATURE_UNVERIFIABLE",
      kind: "refused",
    });
  });
});

describe.skipIf(!withTools)("a token", () => {
  it("lists its keys, the private ones only with a PIN", async () => {
    const publicOnly = await listKeys(
      parsePkcs11Uri(token.uri("ecdsa-p256", { pinSource: null })),
      noSecrets,
    );
    expect(publicOnly).toMatchObject([{ token: "release", loggedIn: false, keys: [{ kind: "public" }] }]);
    const [all] = await listKeys(parsePkcs11Uri(token.uri("ecdsa-p256")), noSecrets);
    const found = all!.keys.find((key) => key.kind === "private");
    expect(found).toMatchObject({ label: "ecdsa-p256", type: "ec-P-256", id: "02" });
    // The address it prints finds the key again.
    const signer = await openSigner({ key: found!.uri, secrets: { env: { THEMIS_PIN: TOKEN_PIN } } });
    await signer.close();
  });

  it("takes the PIN from the environment or the prompt", async () => {
    const key = token.uri("ecdsa-p256", { pinSource: null });
    await (await openSigner({ key, secrets: { env: { THEMIS_PIN: TOKEN_PIN } } })).close();
    await (await openSigner({ key, secrets: { env: {}, prompt: async () => TOKEN_PIN } })).close();
  });

  it("is asked once with a wrong PIN, which no error repeats", async () => {
    expect(token.describe()).not.toContain("user PIN count low");
    let asked = 0;
    const prompt = async (): Promise<string> => {
      asked++;
      return "990017";
    };
    const key = token.uri("ecdsa-p256", { pinSource: null });
    const error = await failure(openSigner({ key, secrets: { env: {}, prompt } }));
    expect(error).toMatchObject({ code: "TOKEN_PIN_WRONG", kind: "usage" });
    expect(everything(error)).toContain("counts wrong tries");
    expect(everything(error)).not.toContain("990017");
    expect(asked).toBe(1);
    expect(token.describe()).toContain("user PIN count low");
    // Everything was given back: the right PIN works at once and clears the flag.
    await (await openSigner({ key: token.uri("ecdsa-p256"), secrets: noSecrets })).close();
    expect(token.describe()).not.toContain("user PIN count low");
  });

  it.each([
    { why: "a missing module", change: { module: "/no/such/module.so" }, code: "TOKEN_MODULE" },
    { why: "a file that is no module", change: { module: "/etc/hostname" }, code: "TOKEN_MODULE" },
    { why: "a missing token", change: { token: "other" }, code: "TOKEN_NOT_FOUND" },
    { why: "no PIN", change: { pinSource: null }, code: "TOKEN_PIN_MISSING" },
    { why: "a missing PIN file", change: { pinSource: "/no/such/pin" }, code: "SECRET_UNREADABLE" },
  ])("gives $code for $why", async ({ change, code }) => {
    const error = await failure(openSigner({ key: token.uri("ecdsa-p256", change), secrets: noSecrets }));
    expect(error).toMatchObject({ code, kind: "usage", area: "local" });
  });

  it("says which keys it holds when the label is unknown", async () => {
    const error = await failure(openSigner({ key: token.uri("nobody"), secrets: noSecrets }));
    expect(error).toMatchObject({ code: "KEY_NOT_FOUND" });
    expect(error.message).toContain('"ecdsa-p256"');
  });

  it("refuses a label that two keys share, until the id tells them apart", async () => {
    token.generateKey("twin", "EC:prime256v1", "a1");
    token.generateKey("twin", "EC:prime256v1", "a2");
    const error = await failure(openSigner({ key: token.uri("twin"), secrets: noSecrets }));
    expect(error).toMatchObject({ code: "KEY_AMBIGUOUS" });
    expect(error.message).toMatch(/a1.*a2|a2.*a1/);
    const key = token.uri("twin").replace("?", ";id=%a2?");
    await (await openSigner({ key, secrets: noSecrets })).close();
  });

  it("refuses a label that two tokens share", async () => {
    token.addToken("double");
    token.addToken("double");
    const key = token.uri("x", { token: "double" });
    expect(await failure(openSigner({ key, secrets: noSecrets }))).toMatchObject({ code: "TOKEN_AMBIGUOUS" });
  });

  it("is not tried with another token's PIN while several are listed", async () => {
    token.addToken("other PIN");
    const secrets = { env: { THEMIS_PIN: "990017" } };
    const all = await listKeys(parsePkcs11Uri(`pkcs11:?module-path=${SOFTHSM_MODULE}`), secrets);
    expect(all.length).toBeGreaterThan(1);
    expect(all.every(({ loggedIn }) => !loggedIn)).toBe(true);
    expect(token.describe()).not.toContain("user PIN count low");
  });

  it("needs the name of a module", async () => {
    const key = "pkcs11:token=release;object=ecdsa-p256";
    expect(await failure(openSigner({ key, secrets: noSecrets }))).toMatchObject({ code: "TOKEN_MODULE" });
    const env = { THEMIS_PKCS11_MODULE: SOFTHSM_MODULE, THEMIS_PIN: TOKEN_PIN };
    await (await openSigner({ key, secrets: { env } })).close();
  });

  it("explains a SoftHSM without its configuration", async () => {
    const before = process.env.SOFTHSM2_CONF;
    process.env.SOFTHSM2_CONF = "/no/such/softhsm2.conf";
    try {
      const error = await failure(openSigner({ key: token.uri("ecdsa-p256"), secrets: noSecrets }));
      expect(everything(error)).toContain("SOFTHSM2_CONF");
    } finally {
      process.env.SOFTHSM2_CONF = before;
    }
  });
});

describe("keygen", () => {
  it("keeps private keys private and overwrites nothing", async () => {
    const pki = pkis["ecdsa-p256"];
    if (process.platform !== "win32") {
      for (const path of [pki.rootKey, pki.signerKey!]) expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    const before = read(pki.rootKey);
    const request = { algorithm: "ecdsa-p256", rootName: "R", signerName: "S", now: new Date() } as const;
    const again = generatePki({ ...request, outFolder: join(folder, "ecdsa-p256") });
    expect(await failure(again)).toMatchObject({ code: "FILE_EXISTS" });
    expect(read(pki.rootKey)).toBe(before);
  });

  it.skipIf(!withTools)("writes dates beyond 2049 as RFC 5280 wants them", async () => {
    const request = { algorithm: "ecdsa-p384", rootName: "R", signerName: "S", now: new Date() } as const;
    const outFolder = join(folder, "long");
    const { root, signer } = await generatePki({ ...request, outFolder, rootDays: 40 * 365, signerDays: 1 });
    expect(openssl("asn1parse", "-in", root)).toMatch(/UTCTIME[^\n]*\n[^\n]*GENERALIZEDTIME +:\d{14}Z/);
    expect(openssl("verify", "-x509_strict", "-purpose", "any", "-CAfile", root, signer)).toContain("OK");
  });

  it("says so when the folder cannot be made", async () => {
    const request = { algorithm: "ecdsa-p256", rootName: "R", signerName: "S", now: new Date() } as const;
    const outFolder = join(pkis["ecdsa-p256"].root, "below-a-file");
    expect(await failure(generatePki({ ...request, outFolder }))).toMatchObject({ code: "FILE_UNWRITABLE" });
  });

  it("encrypts its keys when a passphrase is given", async () => {
    const request = { algorithm: "ecdsa-p256", rootName: "R", signerName: "S", now: new Date() } as const;
    const pki = await generatePki({ ...request, outFolder: join(folder, "locked"), passphrase: "p1" });
    expect(read(pki.rootKey)).toContain("BEGIN ENCRYPTED PRIVATE KEY");
    await openSigner({ key: pki.signerKey!, secrets: { env: { THEMIS_KEY_PASSPHRASE: "p1" } } });
  });

  it.skipIf(!withTools).each(algorithms.map((algorithm) => ({ algorithm })))(
    "writes $algorithm certificates that openssl finds strictly correct",
    ({ algorithm }) => {
      const { root, signer } = pkis[algorithm];
      const verify = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", "any", "-CAfile", root, signer];
      expect(openssl(...verify)).toContain("OK");
      const shown = openssl("x509", "-in", signer, "-noout", "-text");
      expect(shown).toMatch(/Key Usage: critical\s+Digital Signature\n/);
      expect(shown).toMatch(/Extended Key Usage:\s+Code Signing\n/);
      expect(shown).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
      const shownRoot = openssl("x509", "-in", root, "-noout", "-text");
      expect(shownRoot).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
      expect(shownRoot).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    },
  );
});

function read(path: string): string {
  return readFileSync(path, "utf8");
}

function openssl(...args: readonly string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function opensslAccepts(signature: Uint8Array, content: Uint8Array, root: string): boolean {
  const signaturePath = join(folder, "m.sig");
  const contentPath = join(folder, "m.json");
  writeFileSync(signaturePath, signature);
  writeFileSync(contentPath, content);
  const input = ["-inform", "DER", "-in", signaturePath, "-content", contentPath];
  try {
    openssl(
      "cms",
      "-verify",
      "-binary",
      ...input,
      "-CAfile",
      root,
      "-purpose",
      "any",
      "-out",
      join(folder, "out"),
    );
    return true;
  } catch {
    return false;
  }
}

function countCertificates(signature: Uint8Array): number {
  const path = join(folder, "m.sig");
  writeFileSync(path, signature);
  const shown = openssl("cms", "-cmsout", "-print", "-inform", "DER", "-in", path);
  return shown.match(/d\.certificate:/g)?.length ?? 0;
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it should have failed");
}

/** All that a log could print of an error: message, hint, facts and every cause. */
function everything(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { hint, facts } = error as { hint?: string; facts?: unknown };
  return [
    error.stack,
    error.message,
    hint,
    JSON.stringify(facts),
    error.cause && everything(error.cause),
  ].join("\n");
}
