import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { readDer } from "../../src/format/cms/der.ts";
import { attachCrls } from "../../src/publish/sign/attach-crls.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { SignatureValidator } from "../../src/trust/signature-validator.ts";
import { TrustError } from "../../src/trust/trust-error.ts";
import { verifySignature } from "../../src/trust/verify-signature.ts";
import { Authority } from "../kit/authority.ts";
import {
  makePki,
  type OpensslSignRequest,
  opensslSign,
  opensslVerifies,
  type Pki,
  type PkiDefect,
  type PkiRequest,
} from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import {
  attribute,
  type CraftRequest,
  contentTypeAttribute,
  craftSignature,
  der,
  messageDigestAttribute,
  names,
  octets,
  oid,
  sequence,
} from "./craft.ts";

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

    it("an empty document", () => {
      const empty = Buffer.alloc(0);
      expect(
        check(pki, opensslSign({ content: empty, signers: [pki.signer], chainPath: pki.chainPath }), empty)
          .signers,
      ).toHaveLength(1);
    });

    it("a chain pinned at its intermediate", () => {
      const anchors = readTrustAnchors(pki.intermediates[0]!.pem);
      const report = verifySignature({ content, signature: honest, anchors, now });
      expect(report.signers[0]?.anchor).toBe("CN=intermediate-1,O=Themis Test");
    });

    it("one anchor of many", () => {
      const anchors = readTrustAnchors(Buffer.concat([pki.otherRoot.pem, pki.root.pem]));
      expect(verifySignature({ content, signature: honest, anchors, now }).signers).toHaveLength(1);
    });
  });

  describe("refuses a chain with", () => {
    it.each<{ defect: PkiDefect; code: string }>([
      { defect: "expired-signer", code: "SIGNER_EXPIRED" },
      { defect: "future-signer", code: "SIGNER_NOT_YET_VALID" },
      { defect: "no-code-signing", code: "SIGNER_PURPOSE" },
      { defect: "no-digital-signature", code: "SIGNER_PURPOSE" },
      { defect: "signer-unknown-critical", code: "CHAIN_INVALID" },
      { defect: "intermediate-not-ca", code: "CHAIN_INVALID" },
      { defect: "intermediate-without-basic-constraints", code: "CHAIN_INVALID" },
      { defect: "intermediate-no-key-cert-sign", code: "CHAIN_INVALID" },
      { defect: "intermediate-other-purpose", code: "CHAIN_INVALID" },
      { defect: "intermediate-unknown-critical", code: "CHAIN_INVALID" },
      { defect: "intermediate-expired", code: "CHAIN_EXPIRED" },
      { defect: "root-path-length", code: "CHAIN_INVALID" },
      { defect: "root-expired", code: "CHAIN_EXPIRED" },
      { defect: "root-not-ca", code: "ANCHOR_MALFORMED" },
    ])(
      "$defect: $code",
      ({ defect, code }) => {
        const world = makePki({ defect });
        try {
          const signature = opensslSign({ content, signers: [world.signer], chainPath: world.chainPath });
          expect(() => check(world, signature)).toThrow(refusal(code));
        } finally {
          world.remove();
        }
      },
      OPENSSL_MS,
    );

    it("another root", () => {
      const anchors = readTrustAnchors(pki.otherRoot.pem);
      expect(() => verifySignature({ content, signature: honest, anchors, now })).toThrow(
        refusal("CHAIN_UNTRUSTED"),
      );
    });

    it(
      "another root of the same name",
      () => {
        const stranger = makePki();
        try {
          expect(() => check(stranger, honest)).toThrow(refusal("CHAIN_UNTRUSTED"));
        } finally {
          stranger.remove();
        }
      },
      OPENSSL_MS,
    );

    it("no anchors at all", () => {
      expect(() => verifySignature({ content, signature: honest, anchors: [], now })).toThrow(
        refusal("CHAIN_UNTRUSTED"),
      );
    });

    it("its intermediate missing", () => {
      expect(() => check(pki, opensslSign({ content, signers: [pki.signer] }))).toThrow(
        refusal("CHAIN_UNTRUSTED"),
      );
    });
  });

  describe("refuses a message by openssl", () => {
    it.each<{ why: string; sign: Partial<OpensslSignRequest>; code: string }>([
      { why: "that carries its content", sign: { extra: ["-nodetach"] }, code: "SIGNATURE_MALFORMED" },
      { why: "without signed attributes", sign: { extra: ["-noattr"] }, code: "SIGNATURE_MALFORMED" },
      { why: "without certificates", sign: { extra: ["-nocerts"] }, code: "SIGNER_NOT_FOUND" },
      { why: "with SHA-1", sign: { digest: "sha1" }, code: "SIGNATURE_ALGORITHM" },
      {
        why: "of another content type",
        sign: { extra: ["-econtent_type", "pkcs7-encryptedData"] },
        code: "SIGNATURE_MALFORMED",
      },
    ])("$why", ({ sign, code }) => {
      const signature = opensslSign({ content, signers: [pki.signer], chainPath: pki.chainPath, ...sign });
      expect(() => check(pki, signature)).toThrow(refusal(code));
    });

    it(
      "with a PSS salt that is not as long as the digest",
      () => {
        const rsa = pki.issueSigner("rsa", "rsa-3072");
        const words = ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"];
        const signature = opensslSign({ content, signers: [rsa], chainPath: pki.chainPath, extra: words });
        expect(() => check(pki, signature)).toThrow(refusal("SIGNATURE_ALGORITHM"));
      },
      OPENSSL_MS,
    );

    it("with an RSA key of 1024 bits", () => {
      const weak = pki.issueSigner("weak", "rsa-1024");
      const signature = opensslSign({ content, signers: [weak], chainPath: pki.chainPath });
      expect(() => check(pki, signature)).toThrow(refusal("SIGNATURE_ALGORITHM"));
    });

    it("with two signers, when either signature is bad", () => {
      const second = pki.issueSigner("other", "p-256");
      const both = opensslSign({ content, signers: [pki.signer, second], chainPath: pki.chainPath });
      const infos = readDer(both).children[1]!.children[0]!.children.at(-1)!.children;
      expect(infos).toHaveLength(2);
      for (const info of infos) {
        const { byteOffset, length } = info.children.at(-1)!.content;
        const changed = Buffer.from(both);
        changed[byteOffset - both.byteOffset + length - 1]! ^= 1;
        expect(() => check(pki, changed)).toThrow(refusal("SIGNATURE_INVALID"));
      }
    });
  });

  describe("refuses a crafted message with", () => {
    const craft = (odd: Partial<CraftRequest> = {}) =>
      craftSignature({
        content,
        signer: pki.signer,
        certificates: [pki.signer.der, pki.intermediates[0]!.der],
        ...odd,
      });
    const type = contentTypeAttribute();
    const digest = messageDigestAttribute(content);
    const sha256 = sequence(oid(names.sha256));

    it("nothing wrong: it is accepted, and by openssl too", () => {
      expect(check(pki, craft()).signers[0]?.signingTime).toBeUndefined();
      expect(opensslVerifies(pki.root, content, craft())).toBe(true);
    });

    it.each<{ why: string; code?: string; odd: Partial<CraftRequest> }>([
      { why: "messageDigest twice", odd: { attributes: [type, digest, digest] } },
      {
        why: "a second messageDigest of other bytes",
        odd: { attributes: [type, digest, messageDigestAttribute(Buffer.from("other"))] },
      },
      {
        why: "messageDigest with two values",
        odd: {
          attributes: [
            type,
            attribute(names.messageDigest, octets(Buffer.alloc(32)), octets(Buffer.alloc(32, 1))),
          ],
        },
      },
      { why: "no messageDigest", odd: { attributes: [type] } },
      { why: "no contentType", odd: { attributes: [digest] } },
      { why: "contentType twice", odd: { attributes: [type, type, digest] } },
      {
        why: "another signed content type",
        odd: { attributes: [attribute(names.contentType, oid(names.signedData)), digest] },
      },
      {
        why: "a messageDigest of 20 bytes",
        odd: { attributes: [type, attribute(names.messageDigest, octets(Buffer.alloc(20)))] },
      },
      {
        why: "an unknown attribute twice",
        odd: {
          attributes: [
            type,
            digest,
            attribute("1.2.3", octets(content)),
            attribute("1.2.3", octets(content)),
          ],
        },
      },
      { why: "an attribute without a value", odd: { attributes: [type, digest, attribute("1.2.3")] } },
      { why: "signed attributes out of order", odd: { attributes: [digest, type], keepOrder: true } },
      {
        why: "a digest of other bytes",
        code: "DIGEST_MISMATCH",
        odd: { attributes: [type, messageDigestAttribute(Buffer.from("other"))] },
      },
      { why: "its content along", odd: { eContent: content } },
      { why: "another content along", odd: { eContent: Buffer.from("other") } },
      { why: "another eContentType", odd: { eContentType: "1.2.840.113549.1.9.16.1.4" } },
      { why: "another message type", odd: { contentInfoType: names.data } },
      { why: "version 3 without need", odd: { version: 3 } },
      { why: "a signer of version 3 named by issuer", odd: { signerVersion: 3 } },
      { why: "no signers", odd: { signers: 0 } },
      { why: "17 signers", odd: { signers: 17 } },
      { why: "no digest algorithms", odd: { digestAlgorithms: [] } },
      {
        why: "a digest algorithm nobody uses",
        odd: { digestAlgorithms: [sha256, sequence(oid(names.sha384))] },
      },
      { why: "a digest algorithm twice", odd: { digestAlgorithms: [sha256, sha256] } },
      {
        why: "SHA-1 as digest",
        code: "SIGNATURE_ALGORITHM",
        odd: { digestAlgorithm: sequence(oid(names.sha1)) },
      },
      {
        why: "unequal hashes",
        code: "SIGNATURE_ALGORITHM",
        odd: { digestAlgorithm: sequence(oid(names.sha384)) },
      },
      { why: "unsigned attributes that are none", odd: { unsignedAttributes: [octets(content)] } },
      {
        why: "33 unsigned attributes",
        odd: {
          unsignedAttributes: Array.from({ length: 33 }, (_, i) => attribute(`1.2.${i}`, octets(content))),
        },
      },
      {
        why: "an impossible signingTime",
        odd: {
          attributes: [type, digest, attribute(names.signingTime, der(0x17, Buffer.from("260230000000Z")))],
        },
      },
      {
        why: "a signingCertificateV2 of someone else",
        code: "SIGNER_NOT_FOUND",
        odd: {
          attributes: [
            type,
            digest,
            attribute(names.signingCertificateV2, sequence(sequence(sequence(octets(Buffer.alloc(32)))))),
          ],
        },
      },
      {
        why: "a CMSAlgorithmProtection of other algorithms",
        odd: {
          attributes: [
            type,
            digest,
            attribute(
              names.algorithmProtection,
              sequence(sequence(oid(names.sha384)), der(0xa1, oid(names.ecdsaWithSha256))),
            ),
          ],
        },
      },
      { why: "an attribute certificate", odd: { certificates: [der(0xa2, octets(content))] } },
      { why: "33 certificates", odd: { certificates: Array.from({ length: 33 }, () => sequence()) } },
      { why: "a revocation list that is none", odd: { crls: [sequence()] } },
      { why: "33 revocation lists", odd: { crls: Array.from({ length: 33 }, () => sequence()) } },
      { why: "a revocation list of another format", odd: { crls: [der(0xa1, oid("1.2.3"))] } },
    ])("$why", ({ odd, code = "SIGNATURE_MALFORMED" }) => {
      expect(() => check(pki, craft(odd))).toThrow(refusal(code));
    });

    it("a good signingCertificateV2, CMSAlgorithmProtection and unsigned attribute: it is accepted", () => {
      const hash = createHash("sha256").update(pki.signer.der).digest();
      const named = attribute(names.signingCertificateV2, sequence(sequence(sequence(octets(hash)))));
      const protection = attribute(
        names.algorithmProtection,
        sequence(sha256, der(0xa1, oid(names.ecdsaWithSha256))),
      );
      const unsignedAttributes = [attribute("1.2.3", octets(content))];
      expect(
        check(pki, craft({ attributes: [type, digest, named, protection], unsignedAttributes })).signers,
      ).toHaveLength(1);
    });

    it("the same certificate 29 times: it is accepted", () => {
      const many = Array.from({ length: 29 }, () => pki.intermediates[0]!.der);
      expect(check(pki, craft({ certificates: [pki.signer.der, ...many] })).signers).toHaveLength(1);
    });
  });

  describe("refuses bytes that are", () => {
    it.each<{ why: string; signature: () => Uint8Array; code: string }>([
      { why: "empty", signature: () => Buffer.alloc(0), code: "SIGNATURE_MALFORMED" },
      {
        why: "followed by a byte",
        signature: () => Buffer.concat([honest, Buffer.of(0)]),
        code: "SIGNATURE_MALFORMED",
      },
      { why: "cut off", signature: () => honest.subarray(0, -1), code: "SIGNATURE_MALFORMED" },
      {
        why: "the same in BER",
        signature: () => Buffer.concat([Buffer.of(0x30, 0x80), honest.subarray(4), Buffer.of(0, 0)]),
        code: "SIGNATURE_MALFORMED",
      },
      {
        why: "longer than 64 KiB",
        signature: () => Buffer.alloc((64 << 10) + 1),
        code: "SIGNATURE_TOO_LARGE",
      },
    ])("$why", ({ signature, code }) => {
      expect(() => check(pki, signature())).toThrow(refusal(code));
    });

    it("of another document, or of one longer than 16 MiB", () => {
      expect(() => check(pki, honest, Buffer.from("other"))).toThrow(refusal("DIGEST_MISMATCH"));
      expect(() => check(pki, honest, Buffer.alloc((16 << 20) + 1))).toThrow(refusal("MANIFEST_TOO_LARGE"));
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
