import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCertificate, decodePemCertificates } from "../../../src/format/cms/certificate.ts";
import { readDer } from "../../../src/format/cms/der.ts";
import { makePki, type Pki } from "../../kit/pki.ts";
import { hasTool } from "../../kit/tools.ts";
import { der, integer, octets, oid, sequence } from "../../trust/craft.ts";

describe.skipIf(!hasTool("openssl"))("a certificate", () => {
  let pki: Pki;
  beforeAll(() => {
    pki = makePki();
  }, 60_000);
  afterAll(() => pki?.remove());

  /** The signer's certificate with some components of its tbsCertificate exchanged; the signature is not right. */
  const altered = (change: (parts: Buffer[]) => void, outer?: Buffer): Buffer => {
    const [tbs, algorithm, signature] = readDer(pki.signer.der).children;
    const parts = tbs!.children.map(({ bytes }) => Buffer.from(bytes));
    change(parts);
    return sequence(sequence(...parts), outer ?? algorithm!.bytes, signature!.bytes);
  };
  const extensions = (...list: readonly Buffer[]) => der(0xa3, sequence(...list));
  const extension = (type: string, value: Buffer, ...critical: readonly Buffer[]) =>
    sequence(oid(type), ...critical, octets(value));
  const yes = der(0x01, Buffer.of(0xff));
  const no = der(0x01, Buffer.of(0));

  it("is read as Node reads it", () => {
    for (const { der: bytes } of [pki.root, pki.signer, ...pki.intermediates]) {
      const ours = decodeCertificate(bytes);
      const theirs = new X509Certificate(bytes);
      expect(ours.serial.replace(/^00/, "").toUpperCase()).toBe(theirs.serialNumber);
      expect(ours.notBefore).toEqual(theirs.validFromDate);
      expect(ours.notAfter).toEqual(theirs.validToDate);
      expect(ours.subject.text.split(",").reverse().join("\n")).toBe(theirs.subject);
      expect(Buffer.from(ours.spki)).toEqual(theirs.publicKey.export({ type: "spki", format: "der" }));
      expect(ours.basicConstraints?.ca).toBe(theirs.ca);
    }
  });

  it("stays readable when nothing was altered", () => {
    expect(altered(() => {})).toEqual(pki.signer.der);
  });

  it("names the critical extensions it does not know", () => {
    const bytes = altered((parts) => {
      parts[7] = extensions(extension("1.2.4", sequence(), yes), extension("1.2.3", sequence()));
    });
    expect(decodeCertificate(bytes).unknownCritical).toEqual(["1.2.4"]);
  });

  it("escapes a name that would rewrite the log it is printed in", () => {
    const name = sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, Buffer.from("a,b\n\u202e")))));
    const bytes = altered((parts) => {
      parts[5] = name;
    });
    expect(decodeCertificate(bytes).subject.text).toBe("CN=a\\,b\\0a\\e2\\80\\ae");
  });

  const usage = (...bits: number[]) => extension("2.5.29.15", der(0x03, Buffer.from(bits)), yes);
  const ski = () => extension("2.5.29.14", octets(Buffer.of(1)));
  it.each<{ why: string; code?: string; change: (parts: Buffer[]) => void }>([
    { why: "no version", change: (parts) => parts.splice(0, 1) },
    { why: "version 2", change: (parts) => parts.splice(0, 1, der(0xa0, integer(1))) },
    { why: "a negative serial number", change: (parts) => parts.splice(1, 1, integer(0x80)) },
    {
      why: "a serial number of 21 bytes",
      change: (parts) => parts.splice(1, 1, integer(...Array(21).fill(1))),
    },
    {
      why: "an inner algorithm that differs from the outer",
      change: (parts) => parts.splice(2, 1, sequence(oid("1.2.840.10045.4.3.3"))),
    },
    { why: "an extension twice", change: (parts) => parts.splice(7, 1, extensions(ski(), ski())) },
    {
      why: "an unknown extension twice",
      change: (parts) =>
        parts.splice(7, 1, extensions(extension("1.2.3", sequence()), extension("1.2.3", sequence()))),
    },
    {
      why: "a critical flag that spells out FALSE",
      change: (parts) => parts.splice(7, 1, extensions(extension("1.2.3", sequence(), no))),
    },
    { why: "an empty list of extensions", change: (parts) => parts.splice(7, 1, extensions()) },
    {
      why: "a path limit without CA",
      change: (parts) => parts.splice(7, 1, extensions(extension("2.5.29.19", sequence(integer(0))))),
    },
    {
      why: "an extension with bytes after its value",
      code: "DER_MALFORMED",
      change: (parts) =>
        parts.splice(7, 1, extensions(extension("2.5.29.19", Buffer.concat([sequence(), Buffer.of(0)])))),
    },
    {
      why: "a keyUsage that allows nothing",
      change: (parts) => parts.splice(7, 1, extensions(usage(0))),
    },
    ...[
      { why: "a keyUsage with zeros behind its last bit", bits: [0, 0x80] },
      { why: "a keyUsage with a byte of zeros behind its last bit", bits: [7, 0x80, 0] },
    ].map(({ why, bits }) => ({
      why,
      code: "DER_MALFORMED",
      change: (parts: Buffer[]) => parts.splice(7, 1, extensions(usage(...bits))),
    })),
    {
      why: "something after the extensions",
      code: "DER_MALFORMED",
      change: (parts) => parts.push(integer(1)),
    },
    {
      why: "explicit curve parameters",
      code: "CMS_ALGORITHM_REFUSED",
      change: (parts) =>
        parts.splice(
          6,
          1,
          sequence(sequence(oid("1.2.840.10045.2.1"), sequence()), der(0x03, Buffer.of(0, 4))),
        ),
    },
    {
      why: "the curve secp256k1",
      code: "CMS_ALGORITHM_REFUSED",
      change: (parts) =>
        parts.splice(
          6,
          1,
          sequence(sequence(oid("1.2.840.10045.2.1"), oid("1.3.132.0.10")), der(0x03, Buffer.of(0, 4))),
        ),
    },
  ])("with $why is refused", ({ change, code = "CERTIFICATE_MALFORMED" }) => {
    expect(() => decodeCertificate(altered(change))).toThrow(expect.objectContaining({ code }));
  });

  it("comes out of PEM, several in order, with text around them", () => {
    const text = Buffer.concat([
      Buffer.from("subject=root\n"),
      pki.root.pem,
      Buffer.from("\r\n"),
      pki.signer.pem,
    ]);
    expect(decodePemCertificates(text).map(({ subject }) => subject.text)).toEqual([
      "CN=root,O=Themis Test",
      "CN=signer,O=Themis Test",
    ]);
  });

  it.each<{ why: string; pem: (pem: string) => string }>([
    { why: "is empty", pem: () => "" },
    { why: "does not end", pem: (pem) => pem.replace(/-----END.*/s, "") },
    { why: "begins twice", pem: (pem) => pem.replace("\n", "\n-----BEGIN CERTIFICATE-----\n") },
    {
      why: "holds a private key",
      pem: (pem) => `${pem}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n`,
    },
    { why: "holds a character that is not base64", pem: (pem) => pem.replace(/\n(.)/, "\n!") },
    { why: "has an empty body", pem: () => "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" },
    { why: "is too long", pem: (pem) => pem + "\n".repeat(1 << 20) },
    { why: "holds 65 certificates", pem: (pem) => pem.repeat(65) },
  ])("is refused when the PEM $why", ({ pem }) => {
    expect(() => decodePemCertificates(Buffer.from(pem(pki.root.pem.toString("latin1"))))).toThrow(
      expect.objectContaining({ kind: "refused" }),
    );
  });
});
