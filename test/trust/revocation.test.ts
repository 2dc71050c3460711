/** Revocation lists, good and bad, of a root and a CA made with openssl; and what OpenSSL says of the same lists. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCertificate } from "../../src/format/cms/certificate.ts";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../src/trust/certification-path.ts";
import { readCrls } from "../../src/trust/crl-file.ts";
import { Authority, type List, type ListRequest, opensslAccepts, pemOf } from "../kit/authority.ts";
import type { Identity } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";

const now = new Date("2026-06-01T00:00:00Z");
const KEYS = ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"];
const CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", ...KEYS];
const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning", ...KEYS];

/** Without this in the complete list OpenSSL looks at no delta. */
const FRESHEST = ["freshestCRL=URI:http://example.org/delta.crl"];

const OLD = "20260101000000Z";
const NEW = "20260501000000Z";
const PAST = "20260515000000Z";

describe.skipIf(!hasTool("openssl"))("revocation", () => {
  let authority: Authority;
  let root: Identity;
  let ca: Identity;
  let leaf: Identity;
  /** The key of the CA, which may not sign lists in this certificate. */
  let noLists: Identity;
  /** The CA with its next key. */
  let renewed: Identity;
  let rootList: List;
  beforeAll(() => {
    authority = new Authority();
    root = authority.issue({ name: "root", extensions: CA });
    ca = authority.issue({ name: "ca", by: root, extensions: CA });
    leaf = authority.issue({ name: "leaf", by: ca, extensions: SIGNER });
    const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign", ...KEYS];
    noLists = authority.issue({ name: "ca", by: root, extensions, keyOf: ca });
    renewed = authority.issue({ name: "ca", by: root, extensions: CA });
    rootList = authority.list({ by: root });
  });
  afterAll(() => authority?.remove());

  const list = (more: Partial<ListRequest> = {}): List => authority.list({ by: ca, ...more });
  const revoking = (more: Partial<ListRequest> = {}, reason = "keyCompromise"): List =>
    list({ revoked: [{ certificate: leaf, reason }], ...more });

  function check(lists: readonly List[], { requireCrl = true, issuers = [ca] } = {}) {
    return verifyCertificatePath({
      signer: decodeCertificate(leaf.der),
      intermediates: issuers.map(({ der }) => decodeCertificate(der)),
      anchors: readTrustAnchors(root.pem),
      crls: lists.map(({ der }) => decodeCrl(der)),
      requireCrl,
      now,
    });
  }
  const secondOpinion = (lists: readonly List[], issuers: readonly Identity[]): boolean =>
    opensslAccepts({ leaf, root, untrusted: issuers, lists, now });
  const refusal = (code: string) => expect.objectContaining({ name: "TrustError", code, kind: "refused" });

  type Case = {
    readonly why: string;
    readonly lists: () => readonly List[];
    readonly issuers?: () => Identity[];
    /** Why OpenSSL thinks otherwise. */
    readonly openssl?: string;
  };

  describe("that is required accepts", () => {
    it.each<Case>([
      { why: "fresh lists of every issuer", lists: () => [list(), rootList] },
      { why: "them in another order", lists: () => [rootList, list()] },
      { why: "a list of version 1", lists: () => [list({ version1: true }), rootList] },
      {
        why: "a list that revokes another certificate",
        lists: () => [list({ revoked: [{ certificate: noLists }] }), rootList],
      },
      {
        why: "a hold that a newer list does not repeat",
        lists: () => [
          revoking({ from: OLD, number: 1 }, "certificateHold"),
          list({ from: NEW, number: 2 }),
          rootList,
        ],
      },
      {
        why: "lists of its kind of certificates, and of the others",
        lists: () => [
          list({ extensions: ["issuingDistributionPoint=critical,@point", "[point]", "onlyuser=TRUE"] }),
          authority.list({
            by: root,
            extensions: ["issuingDistributionPoint=critical,@point", "[point]", "onlyCA=TRUE"],
          }),
        ],
      },
      {
        why: "a hold that a delta list takes away",
        lists: () => [
          rootList,
          revoking({ from: OLD, number: 1, extensions: FRESHEST }, "certificateHold"),
          revoking(
            { from: NEW, number: 2, extensions: ["2.5.29.27=critical,ASN1:INTEGER:1"] },
            "removeFromCRL",
          ),
        ],
      },
      {
        why: "a delta list for a later list than is there, which is not about this one",
        lists: () => [
          list({ from: OLD, number: 1, extensions: FRESHEST }),
          revoking({ from: NEW, number: 9, extensions: ["2.5.29.27=critical,ASN1:INTEGER:5"] }),
          rootList,
        ],
      },
    ])("$why", ({ lists, openssl }) => {
      const all = lists();
      expect(check(all).notRevoked).toBe(true);
      expect(secondOpinion(all, [ca])).toBe(openssl === undefined);
    });
  });

  describe("that is required refuses", () => {
    it.each<Case & { readonly code: string }>([
      { why: "no lists", code: "CRL_MISSING", lists: () => [] },
      { why: "no list of the signer's issuer", code: "CRL_MISSING", lists: () => [rootList] },
      { why: "no list of the CA's issuer", code: "CRL_MISSING", lists: () => [list()] },
      { why: "a revoked signer", code: "CERTIFICATE_REVOKED", lists: () => [revoking(), rootList] },
      {
        why: "a revoked CA",
        code: "CERTIFICATE_REVOKED",
        lists: () => [
          list(),
          authority.list({ by: root, revoked: [{ certificate: ca, reason: "cACompromise" }] }),
        ],
      },
      {
        why: "a signer on hold",
        code: "CERTIFICATE_REVOKED",
        lists: () => [revoking({}, "certificateHold"), rootList],
      },
      { why: "an expired list", code: "CRL_EXPIRED", lists: () => [list({ to: PAST }), rootList] },
      {
        why: "a list from the future",
        code: "CRL_NOT_YET_VALID",
        lists: () => [list({ from: "20270101000000Z" }), rootList],
      },
      {
        why: "a newer list that revokes, beside an older clean one",
        code: "CERTIFICATE_REVOKED",
        lists: () => [list({ from: OLD, number: 1 }), revoking({ from: NEW, number: 2 }), rootList],
      },
      {
        why: "a newer list that has expired, beside an older clean one that claims to be good for long",
        code: "CRL_EXPIRED",
        lists: () => [list({ from: OLD, number: 1 }), list({ from: NEW, to: PAST, number: 2 }), rootList],
        openssl: "it takes any list that is within its dates",
      },
      {
        why: "a list by another CA of the same name",
        code: "CRL_INVALID",
        lists: () => [
          authority.list({
            by: authority.issue({ name: "ca", extensions: CA }),
            extensions: ["authorityKeyIdentifier=none"],
          }),
          rootList,
        ],
      },
      {
        why: "a list by a key that may not sign lists",
        code: "CRL_INVALID",
        lists: () => [list(), rootList],
        issuers: () => [noLists],
      },
      {
        why: "a critical extension of the list that is unknown",
        code: "CRL_INVALID",
        lists: () => [list({ extensions: ["1.2.3.4=critical,ASN1:NULL"] }), rootList],
      },
      {
        why: "a list that is only about CAs",
        code: "CRL_MISSING",
        lists: () => [
          list({ extensions: ["issuingDistributionPoint=critical,@point", "[point]", "onlyCA=TRUE"] }),
          rootList,
        ],
      },
      {
        why: "a list for some reasons only",
        code: "CRL_MISSING",
        lists: () => [
          list({
            extensions: [
              "issuingDistributionPoint=critical,@point",
              "[point]",
              "onlysomereasons=keyCompromise",
            ],
          }),
          rootList,
        ],
      },
      {
        why: "a list of another distribution point",
        code: "CRL_MISSING",
        lists: () => [
          list({
            extensions: [
              "issuingDistributionPoint=critical,@point",
              "[point]",
              "fullname=URI:http://example.org/a.crl",
            ],
          }),
          rootList,
        ],
      },
      {
        why: "a delta list alone",
        code: "CRL_MISSING",
        lists: () => [list({ number: 2, extensions: ["2.5.29.27=critical,ASN1:INTEGER:1"] }), rootList],
      },
      {
        why: "a delta list that revokes",
        code: "CERTIFICATE_REVOKED",
        lists: () => [
          list({ from: OLD, number: 1, extensions: FRESHEST }),
          revoking({ from: NEW, number: 2, extensions: ["2.5.29.27=critical,ASN1:INTEGER:1"] }),
          rootList,
        ],
      },
      {
        why: "a signer that the list of its CA's older key revokes, beside a newer one of the new key",
        code: "CERTIFICATE_REVOKED",
        lists: () => [
          revoking({ from: OLD, number: 1 }),
          authority.list({ by: renewed, from: NEW, number: 2 }),
          rootList,
        ],
        issuers: () => [ca, renewed],
      },
    ])("$why: $code", ({ lists, code, issuers = () => [ca], openssl }) => {
      const all = lists();
      expect(() => check(all, { issuers: issuers() })).toThrow(refusal(code));
      expect(secondOpinion(all, issuers())).toBe(openssl !== undefined);
    });
  });

  describe("that is not required", () => {
    const optional = { requireCrl: false };

    it.each<Case>([
      { why: "no lists", lists: () => [] },
      { why: "a list that has expired", lists: () => [list({ to: PAST })] },
      {
        why: "a list by nobody",
        lists: () => [authority.list({ by: authority.issue({ name: "ca", extensions: CA }) })],
      },
    ])("accepts $why, and says that nothing is proven", ({ lists }) => {
      expect(check(lists(), optional).notRevoked).toBe(false);
    });

    it.each<Case>([
      { why: "a fresh list that revokes", lists: () => [revoking()] },
      { why: "one that has expired and revokes", lists: () => [revoking({ to: PAST })] },
      { why: "one from the future that revokes", lists: () => [revoking({ from: "20270101000000Z" })] },
      {
        why: "one that revokes beside an older clean one",
        lists: () => [revoking({ from: NEW }), list({ from: OLD })],
      },
    ])("refuses $why", ({ lists }) => {
      expect(() => check(lists(), optional)).toThrow(refusal("CERTIFICATE_REVOKED"));
    });

    /** A copy that differs somewhere nobody looks before the signature. */
    const altered = (der: Buffer, at: number, by: number): Buffer => {
      const copy = Buffer.from(der);
      copy[copy.length - 1 - at]! ^= by;
      return copy;
    };

    it("a revoking list is not drowned by forged ones", () => {
      const genuine = decodeCrl(revoking({ from: OLD }).der);
      const newer = list({ from: NEW }).der;
      const forged = Array.from({ length: 31 }, (_, i) => decodeCrl(altered(newer, 1, i + 1)));
      const request = {
        signer: decodeCertificate(leaf.der),
        anchors: readTrustAnchors(root.pem),
        crls: [...forged, genuine],
        now,
      };
      const intermediates = [decodeCertificate(ca.der)];
      expect(() => verifyCertificatePath({ ...request, intermediates })).toThrow(
        refusal("CERTIFICATE_REVOKED"),
      );
      // With many keys that could have signed each of them, the answer is no, and not a shrug.
      const keys = Array.from({ length: 31 }, (_, i) => decodeCertificate(altered(ca.der, 1, i + 1)));
      expect(() => verifyCertificatePath({ ...request, intermediates: [...intermediates, ...keys] })).toThrow(
        refusal("CHAIN_TOO_COMPLEX"),
      );
    });
  });

  it("reads files with several lists, and refuses what is none", () => {
    const pem = Buffer.concat([list(), rootList].map(({ der }) => pemOf("X509 CRL", der)));
    expect(readCrls(pem).map(({ issuer }) => issuer.text)).toEqual([
      "CN=ca,O=Themis Test",
      "CN=root,O=Themis Test",
    ]);
    expect(readCrls(rootList.der)).toHaveLength(1);
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from("hello"),
      ca.pem,
      ca.der,
      rootList.der.subarray(0, -1),
    ]) {
      expect(() => readCrls(bytes)).toThrow(refusal("CRL_MALFORMED"));
    }
  });
});
