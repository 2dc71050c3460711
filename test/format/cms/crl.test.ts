/** The reader of revocation lists: what stands in one, and every form that is refused. */
import { describe, expect, it } from "vitest";
import { decodeCrl, decodeCrlFile, MAX_CRL_BYTES } from "../../../src/format/cms/crl.ts";
import { der, integer, octets, oid, sequence } from "../../trust/craft.ts";
import { algorithm, extension, forgeList, name, newKey, revokedEntry } from "../../trust/forge.ts";

const key = newKey();
const issuer = name("ca");
const enumerated = (value: number): Buffer => der(0x0a, Buffer.of(value));
const number = (value: number): Buffer => extension("2.5.29.20", integer(value));
const point = (...parts: readonly Buffer[]): Buffer => extension("2.5.29.28", sequence(...parts), true);
const yes = (tag: number): Buffer => der(tag, Buffer.of(0xff));
const reason = (value: number): Buffer => extension("2.5.29.21", enumerated(value));
const ofIssuer = (who: Buffer): Buffer => extension("2.5.29.29", sequence(der(0xa4, who)), true);

const forge = (extensions: readonly Buffer[], entries: readonly Buffer[] = []): Buffer =>
  forgeList({ issuer, by: key, extensions, entries });

describe("a revocation list", () => {
  it("says who is revoked, when and why", () => {
    const crl = decodeCrl(forge([number(7)], [revokedEntry(5, reason(1)), revokedEntry(6)]));
    expect(crl).toMatchObject({ number: 7n, baseNumber: undefined, unknownCritical: [] });
    const entries = crl.entries.get(crl.issuer.key)!;
    expect(entries.get("05")).toEqual({
      revokedAt: new Date("2026-01-01T00:00:00Z"),
      reason: "keyCompromise",
    });
    expect(entries.get("06")?.reason).toBe("unspecified");
    expect(entries.size).toBe(2);
  });

  it("of version 1 has no extensions, and none revoked is no list", () => {
    const crl = decodeCrl(forge([]));
    expect(crl.number).toBeUndefined();
    expect(crl.entries.size).toBe(0);
  });

  it("that is indirect keeps the issuer of an entry until another one is named", () => {
    const other = name("other");
    const crl = decodeCrl(
      forge(
        [number(1), point(yes(0x84))],
        [revokedEntry(1), revokedEntry(2, ofIssuer(other)), revokedEntry(3)],
      ),
    );
    const serials = [...crl.entries.values()].map((entries) => [...entries.keys()]);
    expect(serials).toEqual([["01"], ["02", "03"]]);
  });

  it("names critical extensions that are unknown, its own and those of entries", () => {
    const unknown = extension("1.2.3", octets(Buffer.of(1)), true);
    expect(decodeCrl(forge([unknown])).unknownCritical).toEqual(["1.2.3"]);
    expect(decodeCrl(forge([number(1)], [revokedEntry(1, unknown)])).unknownCritical).toEqual(["1.2.3"]);
  });

  it("of fifty thousand entries is read", () => {
    const entries = Array.from({ length: 50_000 }, (_, i) =>
      sequence(integer(1 + (i >> 14), (i >> 7) & 0x7f, i & 0x7f), der(0x17, Buffer.from("260101000000Z"))),
    );
    expect(
      decodeCrl(forge([number(1)], entries))
        .entries.values()
        .next().value?.size,
    ).toBe(50_000);
  });

  const cut = forge([number(1)], [revokedEntry(1)]);
  it.each<{ why: string; bytes: () => Buffer }>([
    { why: "empty", bytes: () => Buffer.alloc(0) },
    { why: "followed by a byte", bytes: () => Buffer.concat([cut, Buffer.of(0)]) },
    { why: "cut off", bytes: () => cut.subarray(0, -1) },
    { why: "too long", bytes: () => Buffer.alloc(MAX_CRL_BYTES + 1, 0x30) },
    { why: "something else", bytes: () => sequence(sequence(), algorithm, der(0x03, Buffer.of(0))) },
    { why: "of no issuer", bytes: () => forgeList({ issuer: sequence(), by: key }) },
    { why: "of a version that does not exist", bytes: () => withVersion(2) },
    { why: "of version 1 with extensions", bytes: () => withVersion(undefined) },
    { why: "with the same extension twice", bytes: () => forge([number(1), number(2)]) },
    { why: "with a negative number", bytes: () => forge([number(0x80)]) },
    { why: "a delta without a number", bytes: () => forge([extension("2.5.29.27", integer(1), true)]) },
    { why: "only for users and only for CAs", bytes: () => forge([point(yes(0x81), yes(0x82))]) },
    { why: "with a flag that is FALSE", bytes: () => forge([point(der(0x81, Buffer.of(0)))]) },
    { why: "with a flag of 01", bytes: () => forge([point(der(0x81, Buffer.of(1)))]) },
    {
      why: "with reasons whose unused bits are set",
      bytes: () => forge([point(der(0x83, Buffer.of(4, 0xff)))]),
    },
    {
      why: "naming a serial number twice",
      bytes: () => forge([number(1)], [revokedEntry(1), revokedEntry(1)]),
    },
    {
      why: "with a reason that does not exist",
      bytes: () => forge([number(1)], [revokedEntry(1, reason(7))]),
    },
    { why: "with a reason beyond the last", bytes: () => forge([number(1)], [revokedEntry(1, reason(11))]) },
    {
      why: "direct, with an entry of another issuer",
      bytes: () => forge([number(1)], [revokedEntry(1, ofIssuer(name("other")))]),
    },
    {
      why: "with an entry whose issuer is no directory name",
      bytes: () =>
        forge(
          [number(1), point(yes(0x84))],
          [revokedEntry(1, extension("2.5.29.29", sequence(der(0x82, Buffer.from("a"))), true))],
        ),
    },
    { why: "with an entry that is none", bytes: () => forge([number(1)], [sequence(oid("1.2.3"))]) },
    { why: "with an empty list of entries", bytes: () => forge([number(1)], [Buffer.alloc(0)]) },
  ])("is refused when it is $why", ({ bytes }) => {
    expect(() => decodeCrl(bytes())).toThrow(
      expect.objectContaining({ name: "CmsError", code: "CRL_MALFORMED", kind: "refused" }),
    );
  });

  it("signed with an algorithm that is not ours is refused as such", () => {
    const bytes = Buffer.from(
      forge([number(1)])
        .toString("hex")
        .replaceAll("2a8648ce3d040302", "2a8648ce3d040301"),
      "hex",
    );
    expect(() => decodeCrl(bytes)).toThrow(expect.objectContaining({ code: "CMS_ALGORITHM_REFUSED" }));
  });

  it("comes out of PEM, and nothing else does", () => {
    const pem = (label: string): Buffer =>
      Buffer.from(
        `-----BEGIN ${label}-----\n${cut
          .toString("base64")
          .match(/.{1,64}/g)!
          .join("\n")}\n-----END ${label}-----\n`,
      );
    expect(decodeCrlFile(Buffer.concat([pem("X509 CRL"), pem("X509 CRL")]))).toHaveLength(2);
    expect(() => decodeCrlFile(pem("CERTIFICATE"))).toThrow(
      expect.objectContaining({ code: "CRL_MALFORMED" }),
    );
  });

  /** An honest list of version 2 with another version, or none. */
  function withVersion(version: number | undefined): Buffer {
    const own = version === undefined ? [] : [integer(version)];
    const dates = ["260101000000Z", "270101000000Z"].map((text) => der(0x17, Buffer.from(text)));
    const tbs = sequence(...own, algorithm, issuer, ...dates, der(0xa0, sequence(number(1))));
    return sequence(tbs, algorithm, der(0x03, Buffer.of(0, 1)));
  }
});
