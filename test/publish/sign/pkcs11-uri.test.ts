import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPkcs11Uri, parsePkcs11Uri, redact } from "../../../src/publish/sign/pkcs11-uri.ts";

describe("a PKCS#11 URI", () => {
  it.each([
    { why: "nothing", uri: "pkcs11:", wanted: {} },
    { why: "a token and a key", uri: "pkcs11:token=a;object=b", wanted: { token: "a", object: "b" } },
    { why: "percent-encoding", uri: "pkcs11:token=My%20%C3%A9%3B", wanted: { token: "My é;" } },
    { why: "an id of any bytes", uri: "pkcs11:id=%00%ffA", wanted: { id: Buffer.from([0, 255, 65]) } },
    { why: "a slot", uri: "pkcs11:slot-id=1804289383", wanted: { slotId: 1804289383 } },
    {
      why: "a maker",
      uri: "pkcs11:manufacturer=x;model=y;serial=z;type=private",
      wanted: { manufacturer: "x", model: "y", serial: "z" },
    },
    { why: "a module", uri: "pkcs11:?module-path=/usr/lib/a.so", wanted: { modulePath: "/usr/lib/a.so" } },
    { why: "a PIN file as URI", uri: "pkcs11:?pin-source=file:/run/pin", wanted: { pinSource: "/run/pin" } },
    {
      why: "a PIN file as long URI",
      uri: "pkcs11:?pin-source=file:///run/my%2520pin",
      wanted: { pinSource: "/run/my pin" },
    },
    { why: "a PIN file as path", uri: "pkcs11:?pin-source=/run/pin", wanted: { pinSource: "/run/pin" } },
    { why: "an equals sign in a value", uri: "pkcs11:token=a=b", wanted: { token: "a=b" } },
    { why: "an ampersand before the query", uri: "pkcs11:token=a&b", wanted: { token: "a&b" } },
  ])("may hold $why", ({ uri, wanted }) => {
    expect(parsePkcs11Uri(uri)).toEqual(wanted);
  });

  it.each([
    { why: "another scheme", uri: "https:token=a" },
    { why: "a PIN in the query", uri: "pkcs11:token=a?pin-value=sesame" },
    { why: "a PIN in the path", uri: "pkcs11:token=a;pin-value=sesame" },
    { why: "a PIN with a stray separator", uri: "pkcs11:token=a?pin-source=/x&sesame" },
    { why: "a PIN behind an encoded name", uri: "pkcs11:?pin%2Dvalue=sesame" },
    { why: "an attribute twice", uri: "pkcs11:token=sesame;token=sesame" },
    { why: "an unknown attribute", uri: "pkcs11:x-mine=sesame" },
    { why: "an unknown query", uri: "pkcs11:?module-name=sesame" },
    { why: "an attribute in the wrong half", uri: "pkcs11:module-path=/sesame" },
    { why: "an empty value", uri: "pkcs11:token=" },
    { why: "an empty attribute", uri: "pkcs11:token=a;;object=b" },
    { why: "a bare blank", uri: "pkcs11:token=my sesame" },
    { why: "a broken escape", uri: "pkcs11:token=%4" },
    { why: "text that is not UTF-8", uri: "pkcs11:token=%ff" },
    { why: "a NUL in text", uri: "pkcs11:token=a%00b" },
    { why: "a slot that is no number", uri: "pkcs11:slot-id=0x1" },
    { why: "a public key", uri: "pkcs11:type=public" },
    { why: "a program for the PIN", uri: "pkcs11:?pin-source=|sesame" },
    { why: "a PIN on another machine", uri: "pkcs11:?pin-source=file://host/sesame" },
    { why: "a PIN behind http", uri: "pkcs11:?pin-source=https://sesame" },
    { why: "a second query", uri: "pkcs11:token=a?module-path=/a&pin-source=#sesame" },
    { why: "endless text", uri: `pkcs11:token=${"a".repeat(5000)}` },
  ])("may not hold $why, and the error does not repeat it", ({ uri }) => {
    expect(() => parsePkcs11Uri(uri)).toThrow(
      expect.objectContaining({ code: "PKCS11_URI_INVALID", kind: "usage" }),
    );
    try {
      parsePkcs11Uri(uri);
    } catch (error) {
      expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain("sesame");
    }
  });

  it("reads back whatever it writes", () => {
    const name = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((value) => !value.includes("\0"));
    const id = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.record({ token: name, serial: name, object: name, id, modulePath: name }), (uri) => {
        expect(parsePkcs11Uri(formatPkcs11Uri(uri))).toEqual(uri);
      }),
    );
  });

  it.each([
    {
      uri: "pkcs11:token=a?pin-value=sesame&module-path=/a",
      shown: "pkcs11:token=a?pin-value=***&module-path=/a",
    },
    { uri: "pkcs11:pin-value=sesame;token=a", shown: "pkcs11:pin-value=***;token=a" },
    { uri: "pkcs11:?PIN%2dVALUE%3Dsesame", shown: "pkcs11:?PIN%2dVALUE%3D***" },
    { uri: "pkcs11:token=a", shown: "pkcs11:token=a" },
  ])("is shown as $shown", ({ uri, shown }) => {
    expect(redact(uri)).toBe(shown);
  });
});
