/** The parts of the token's door that need no token, and the promise that nobody else opens it. */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ecdsaDer } from "../../../src/publish/sign/ecdsa-der.ts";
import { SignError, tokenFailure } from "../../../src/publish/sign/sign-error.ts";

describe("the raw signature of a token", () => {
  it.each([
    { named: "ecdsa-p256-sha256", curve: "P-256", hash: "sha256" },
    { named: "ecdsa-p384-sha384", curve: "P-384", hash: "sha384" },
  ] as const)("becomes DER for $named", ({ named, curve, hash }) => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const raw = sign(hash, bytes, { key: privateKey, dsaEncoding: "ieee-p1363" });
        expect(verify(hash, bytes, publicKey, ecdsaDer(raw, named))).toBe(true);
      }),
    );
  });

  it.each([
    {
      why: "a high bit",
      r: "80".padEnd(64, "0"),
      s: "01".padStart(64, "0"),
      der: `3026022100${"80".padEnd(64, "0")}020101`,
    },
    {
      why: "leading zeros",
      r: "0100".padStart(64, "0"),
      s: "7f".padStart(64, "0"),
      der: "300702020100" + "02017f",
    },
    { why: "zero", r: "".padStart(64, "0"), s: "".padStart(64, "0"), der: "3006020100020100" },
  ])("is written minimally with $why", ({ r, s, der }) => {
    expect(Buffer.from(ecdsaDer(Buffer.from(r + s, "hex"), "ecdsa-p256-sha256")).toString("hex")).toBe(der);
  });

  it.each([0, 63, 65, 96])("of %i bytes is refused for P-256", (length) => {
    expect(() => ecdsaDer(new Uint8Array(length), "ecdsa-p256-sha256")).toThrow(
      expect.objectContaining({ code: "SIGNATURE_UNVERIFIABLE" }),
    );
  });
});

describe("what a token answers", () => {
  it.each([
    { ckr: "CKR_PIN_INCORRECT", code: "TOKEN_PIN_WRONG", says: "refused the PIN" },
    { ckr: "CKR_PIN_LOCKED", code: "TOKEN_PIN_LOCKED", says: "locked" },
    { ckr: "CKR_TOKEN_NOT_PRESENT", code: "TOKEN_NOT_FOUND", says: "no token" },
    { ckr: "CKR_MECHANISM_INVALID", code: "KEY_UNSUPPORTED", says: "cannot make" },
    { ckr: "CKR_GENERAL_ERROR", code: "TOKEN_FAILED", says: "without saying why" },
    { ckr: "CKR_VENDOR_DEFINED", code: "TOKEN_FAILED", says: "the token refused" },
  ])("$ckr becomes $code", ({ ckr, code, says }) => {
    const cause = new Error(`${ckr}:1 at C_Login`);
    const error = tokenFailure(cause, "signing");
    expect(error).toMatchObject({ code, cause, facts: { ckr } });
    expect(error.message).toContain(says);
    expect(error.message).toContain("while signing");
  });

  it("keeps our own errors as they are", () => {
    const own = new SignError("KEY_NOT_FOUND", "no key");
    expect(tokenFailure(own, "signing")).toBe(own);
  });
});

it("loads no addon for a key file", () => {
  const program = `
    await import("./src/publish/sign/sign.ts");
    await import("./src/publish/sign/keygen.ts");
    const { createRequire } = await import("node:module");
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => /pk11|pkcs11js/.test(path));
    const native = process.report.getReport().sharedObjects.filter((path) => path.includes("pkcs11"));
    console.log(JSON.stringify([...loaded, ...native]));`;
  const shown = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect(JSON.parse(shown)).toEqual([]);
});
