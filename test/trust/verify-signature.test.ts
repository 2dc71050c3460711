import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { attachCrls } from "../../src/publish/sign/attach-crls.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { SignatureValidator } from "../../src/trust/signature-validator.ts";
import { TrustError } from "../../src/trust/trust-error.ts";
import { verifySignature } from "../../src/trust/verify-signature.ts";
import { Authority } from "../kit/authority.ts";
import { makePki, type OpensslSignRequest, opensslSign, type Pki, type PkiRequest } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { attribute, type CraftRequest, craftSignature, octets, sequence } from "./craft.ts";

/** The rules themselves are in openssl-agreement.test.ts; here is what is reported, and what is bounded. */
const content = Buffer.from('{"version":"1.2.3"}');
const now = new Date("2026-06-01T00:00:00Z");
const OPENSSL_MS = 60_000;

const refusal = (code: string) => expect.objectContaining({ name: "TrustError", code, kind: "refused" });

function check(pki: Pki, signature: Uint8Array, bytes: Uint8Array = content) {
  return verifySignature({ content: bytes, signature, anchors: readTrustAnchors(pki.root.pem), now });
}

describe.skipIf(!hasTool("openssl"))("verifySignature", () => {
  let pki: Pki;
  let honest: Buffer;
  beforeAll(() => {
    pki = makePki();
    honest = opensslSign({ content, signers: [pki.signer], chainPath: pki.chainPath });
  }, OPENSSL_MS);
  afterAll(() => pki?.remove());

  describe("accepts what openssl signs:", () => {
    it.each<{ what: string; pki: PkiRequest; sign?: Partial<OpensslSignRequest>; algorithm: string }>([
      { what: "P-256 under a root", pki: { intermediates: 0 }, algorithm: "ECDSA SHA-256" },
      { what: "P-256 under one intermediate", pki: {}, algorithm: "ECDSA SHA-256" },
      { what: "P-256 under two intermediates", pki: { intermediates: 2 }, algorithm: "ECDSA SHA-256" },
      {
        what: "P-384 with SHA-384",
        pki: { key: "p-384", caKey: "p-384" },
        sign: { digest: "sha384" },
        algorithm: "ECDSA SHA-384",
      },
      { what: "RSA PKCS#1", pki: { key: "rsa-3072", caKey: "rsa-3072" }, algorithm: "RSA SHA-256" },
      {
        what: "RSA with SHA-512",
        pki: { key: "rsa-3072" },
        sign: { digest: "sha512" },
        algorithm: "RSA SHA-512",
      },
      { what: "RSA-PSS", pki: { key: "rsa-3072" }, sign: { pss: true }, algorithm: "RSA-PSS SHA-256" },
      {
        what: "RSA-PSS with SHA-384",
        pki: { key: "rsa-3072" },
        sign: { pss: true, digest: "sha384" },
        algorithm: "RSA-PSS SHA-384",
      },
      { what: "a signer named by key", pki: {}, sign: { extra: ["-keyid"] }, algorithm: "ECDSA SHA-256" },
      { what: "signingCertificateV2", pki: {}, sign: { extra: ["-cades"] }, algorithm: "ECDSA SHA-256" },
      {
        what: "no S/MIME capabilities",
        pki: {},
        sign: { extra: ["-nosmimecap"] },
        algorithm: "ECDSA SHA-256",
      },
    ])(
      "$what",
      ({ pki: request, sign, algorithm }) => {
        const world = makePki(request);
        try {
          const signature = opensslSign({
            content,
            signers: [world.signer],
            chainPath: world.chainPath,
            ...sign,
          });
          const { signers } = check(world, signature);
          expect(signers).toEqual([
            expect.objectContaining({
              subject: "CN=signer,O=Themis Test",
              anchor: "CN=root,O=Themis Test",
              algorithm,
              fingerprintSha256: createHash("sha256").update(world.signer.der).digest("hex"),
              signingTime: expect.any(Date),
            }),
          ]);
        } finally {
          world.remove();
        }
      },
      OPENSSL_MS,
    );

    it("two signers of one message", () => {
      const second = pki.issueSigner("second", "p-384");
      const signature = opensslSign({ content, signers: [pki.signer, second], chainPath: pki.chainPath });
      const { signers } = check(pki, signature);
      expect(signers.map(({ subject }) => subject).sort()).toEqual([
        "CN=second,O=Themis Test",
        "CN=signer,O=Themis Test",
      ]);
      expect(new Set(signers.map(({ publicKeySha256 }) => publicKeySha256)).size).toBe(2);
    });

    it("a chain pinned at its intermediate", () => {
      const anchors = readTrustAnchors(pki.intermediates[0]!.pem);
      const report = verifySignature({ content, signature: honest, anchors, now });
      expect(report.signers[0]?.anchor).toBe("CN=intermediate-1,O=Themis Test");
    });
  });

  it("refuses an anchor that is no CA, and everything without anchors", () => {
    const world = makePki({ defect: "root-not-ca" });
    try {
      const signature = opensslSign({ content, signers: [world.signer], chainPath: world.chainPath });
      expect(() => check(world, signature)).toThrow(refusal("ANCHOR_MALFORMED"));
    } finally {
      world.remove();
    }
    expect(() => verifySignature({ content, signature: honest, anchors: [], now })).toThrow(
      refusal("CHAIN_UNTRUSTED"),
    );
  });

  it.each<{ what: string; odd: Partial<CraftRequest> }>([
    {
      what: "unsigned attributes",
      odd: {
        unsignedAttributes: Array.from({ length: 33 }, (_, i) => attribute(`1.2.${i}`, octets(content))),
      },
    },
    { what: "certificates", odd: { certificates: Array.from({ length: 33 }, () => sequence()) } },
    { what: "revocation lists", odd: { crls: Array.from({ length: 33 }, () => sequence()) } },
  ])("refuses 33 $what, one more than there may be", ({ odd }) => {
    const certificates = [pki.signer.der, pki.intermediates[0]!.der];
    const signature = craftSignature({ content, signer: pki.signer, certificates, ...odd });
    expect(() => check(pki, signature)).toThrow(
      expect.objectContaining({
        code: "SIGNATURE_MALFORMED",
        message: expect.stringMatching(/33 .*; the limit is 32/),
      }),
    );
  });

  describe("refuses bytes that are", () => {
    it("of a document or signature beyond the bounds", () => {
      expect(() => check(pki, honest, Buffer.alloc((16 << 20) + 1))).toThrow(refusal("MANIFEST_TOO_LARGE"));
      expect(() => check(pki, Buffer.alloc((64 << 10) + 1))).toThrow(refusal("SIGNATURE_TOO_LARGE"));
    });

    // Every certificate in it lies on the path and nothing is unsigned, so no byte is free.
    it.each([0x01, 0x80, 0xff])(
      "changed in any one byte, by %i",
      (mask) => {
        const accepted: number[] = [];
        for (let at = 0; at < honest.length; at++) {
          const changed = Buffer.from(honest);
          changed[at]! ^= mask;
          try {
            check(pki, changed);
            accepted.push(at);
          } catch (error) {
            if (!(error instanceof TrustError)) throw error;
          }
        }
        expect(accepted).toEqual([]);
      },
      OPENSSL_MS,
    );

    it(
      "random, or honest ones with a random stretch",
      () => {
        const refuses = (signature: Uint8Array): void => {
          expect(() => check(pki, signature)).toThrow(TrustError);
        };
        fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), refuses), { numRuns: 500 });
        fc.assert(
          fc.property(
            fc.nat(honest.length - 1),
            fc.uint8Array({ minLength: 1, maxLength: 40 }),
            (at, noise) => {
              const changed = Buffer.concat([
                honest.subarray(0, at),
                noise,
                honest.subarray(at + noise.length),
              ]);
              fc.pre(!changed.equals(honest));
              refuses(changed);
            },
          ),
          { numRuns: 500 },
        );
      },
      OPENSSL_MS,
    );
  });

  describe("SignatureValidator", () => {
    it("says who signed", async () => {
      const validator = new SignatureValidator({ anchors: [pki.root.pem], now: () => now });
      expect((await validator.validate({ content, signature: honest })).signers).toHaveLength(1);
    });

    it("asks for revocation lists when it is told to, and takes them from files and from the signature", async () => {
      const authority = new Authority();
      try {
        const lists = [pki.root, pki.intermediates[0]!].map((by) => authority.list({ by }).der);
        const required = (crls: Uint8Array[]) =>
          new SignatureValidator({ anchors: [pki.root.pem], now: () => now, crls, requireCrl: true });
        const attached = attachCrls(honest, lists.map(decodeCrl)).signature;
        await expect(required([]).validate({ content, signature: honest })).rejects.toThrow(
          refusal("CRL_MISSING"),
        );
        for (const report of [
          await required(lists).validate({ content, signature: honest }),
          await required([]).validate({ content, signature: attached }),
        ]) {
          expect(report.signers).toEqual([expect.objectContaining({ notRevoked: true })]);
        }
        expect(() => required([Buffer.from("none")])).toThrow(refusal("CRL_MALFORMED"));
      } finally {
        authority.remove();
      }
    });

    it.each<{ why: string; anchors: () => Uint8Array[] }>([
      { why: "no anchors", anchors: () => [] },
      { why: "an empty file", anchors: () => [Buffer.alloc(0)] },
      { why: "a file of something else", anchors: () => [Buffer.from("hello")] },
      { why: "a signer's certificate", anchors: () => [pki.signer.pem] },
      {
        why: "a DER certificate with a byte behind it",
        anchors: () => [Buffer.concat([pki.root.der, Buffer.of(0)])],
      },
    ])("refuses $why as anchors", ({ anchors }) => {
      expect(() => new SignatureValidator({ anchors: anchors(), now: () => now })).toThrow(
        refusal("ANCHOR_MALFORMED"),
      );
    });

    it("takes an anchor in DER, and does not go on with a broken clock", async () => {
      const at = (time: Date) => new SignatureValidator({ anchors: [pki.root.der], now: () => time });
      expect((await at(now).validate({ content, signature: honest })).signers).toHaveLength(1);
      await expect(at(new Date(Number.NaN)).validate({ content, signature: honest })).rejects.toThrow(
        TypeError,
      );
    });
  });
});
