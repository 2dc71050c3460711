/** Which trust root may follow which, and what a believed one makes of the signatures of releases. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeCanonicalJson, type Json } from "../../src/base/canonical-json.ts";
import type { Manifest } from "../../src/format/manifest/manifest.ts";
import type { TrustRootDocument } from "../../src/format/trust-root/trust-root.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { readCrls } from "../../src/trust/crl-file.ts";
import {
  checkAgainstTrustRoot,
  checkNotExpired,
  pinnedTrustRoot,
  policyFor,
  proveFirstTrustRoot,
  proveNextTrustRoot,
  readTrustRoot,
  type TrustRootFiles,
} from "../../src/trust/trust-root.ts";
import { checkFreshness, NOTHING_TRUSTED } from "../../src/trust/verify-release.ts";
import { verifySignature } from "../../src/trust/verify-signature.ts";
import { type Identity, opensslSign } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { type Party, type RootWish, signedBy, TrustRoots, trustRoot } from "../kit/trust-roots.ts";

const CA_LINES = [
  "basicConstraints=critical,CA:TRUE",
  "keyUsage=critical,keyCertSign",
  "subjectKeyIdentifier=hash",
];
const manifest = Buffer.from('{"version":"1.0.0"}');
const now = new Date("2026-06-01T00:00:00Z");

describe.skipIf(!hasTool("openssl"))("a trust root", () => {
  const made = new TrustRoots();
  let a: Party;
  let b: Party;
  let c: Party;
  let d: Party;
  let thief: Party;
  beforeAll(() => {
    [a, b, c, d, thief] = ["a", "b", "c", "d", "thief"].map((name) => made.party(name)) as [
      Party,
      Party,
      Party,
      Party,
      Party,
    ];
  });
  afterAll(() => made.remove());

  const TWO = { threshold: 2, anchor_threshold: 2 };
  const anchorsOf = (...parties: Party[]) => parties.flatMap(({ ca }) => readTrustAnchors(ca.pem));
  const refused = (code: string, message = /./) =>
    expect.objectContaining({ code, kind: "refused", message: expect.stringMatching(message) });
  /** Two of a, b, c; releases by d. */
  const first = (more: Partial<RootWish> = {}): Uint8Array =>
    trustRoot({ root: { of: [a, b, c], ...TWO }, release: { of: [d] }, ...more });
  const next = (more: Partial<RootWish> = {}): Uint8Array => first({ version: 2, ...more });

  describe("as the first one of a place that is not trusted", () => {
    it("is proven by the pinned anchors and by its own root role", () => {
      const { root, report } = proveFirstTrustRoot(signedBy(first(), a, b), { anchors: anchorsOf(a) }, now);
      expect(root.document.version).toBe(1);
      expect(report.signers).toHaveLength(2);
    });

    it.each([
      { why: "no pinned anchor signed", sign: () => [b, c], pinned: () => [a], code: "THRESHOLD_NOT_MET" },
      {
        why: "nobody signed but the pinned one",
        sign: () => [a],
        pinned: () => [a],
        code: "THRESHOLD_NOT_MET",
      },
      {
        why: "a stranger signed besides",
        sign: () => [a, b, thief],
        pinned: () => [a],
        code: "CHAIN_UNTRUSTED",
      },
    ])("is refused when $why", ({ sign, pinned, code }) => {
      const files = signedBy(first(), ...sign());
      expect(() => proveFirstTrustRoot(files, { anchors: anchorsOf(...pinned()) }, now)).toThrow(
        refused(code),
      );
    });

    it("is refused when the pinned one's signer is over by now, whenever it says that it was issued", () => {
      const past = { from: "20200101000000Z", to: "20210101000000Z" };
      const over = made.party("over", past);
      const backdated = trustRoot({ issued: "2020-06-01T00:00:00Z", root: { of: [over] } });
      const pinned = { anchors: anchorsOf(over) };
      const then = new Date("2020-07-01T00:00:00Z");
      expect(proveFirstTrustRoot(signedBy(backdated, over), pinned, then).root.document.version).toBe(1);
      expect(() => proveFirstTrustRoot(signedBy(backdated, over), pinned, now)).toThrow(
        refused("SIGNER_EXPIRED"),
      );
    });

    it("is refused without a list where one must vouch for the pinned one's signer", () => {
      const pinned = { anchors: anchorsOf(a), requireCrl: true };
      expect(() => proveFirstTrustRoot(signedBy(first(), a, b), pinned, now)).toThrow(refused("CRL_MISSING"));
    });

    it("is refused when it is a later one", () => {
      const files = signedBy(first({ version: 2 }), a, b);
      expect(() => proveFirstTrustRoot(files, { anchors: anchorsOf(a) }, now)).toThrow(
        refused("TRUST_ROOT_VERSION"),
      );
    });

    it("is refused when it was changed after it was signed", () => {
      const { signature } = signedBy(first(), a, b);
      const files = { content: first({ min_sequence: 1 }), signature };
      expect(() => proveFirstTrustRoot(files, { anchors: anchorsOf(a) }, now)).toThrow(
        refused("DIGEST_MISMATCH"),
      );
    });
  });

  describe("as the next one", () => {
    const follow = (files: TrustRootFiles, before = first()) =>
      proveNextTrustRoot(pinnedTrustRoot(before), files, { now });

    it("is believed when the old and the new root role signed", () => {
      expect(follow(signedBy(next(), b, c)).root.document.version).toBe(2);
    });

    it("changes all anchors, signed by enough of both", () => {
      const e = made.party("e");
      const rotated = next({ root: { of: [d, e], ...TWO } });
      expect(follow(signedBy(rotated, a, b, d, e)).root.document.version).toBe(2);
      expect(() => follow(signedBy(rotated, d, e))).toThrow(refused("THRESHOLD_NOT_MET"));
      expect(() => follow(signedBy(rotated, a, b, d))).toThrow(refused("THRESHOLD_NOT_MET"));
      expect(() => follow(signedBy(rotated, a, d, e))).toThrow(refused("THRESHOLD_NOT_MET"));
    });

    it("is not believed by one stolen key of two, whatever it signs", () => {
      const taken = next({ root: { of: [a, thief], ...TWO }, release: { of: [thief] } });
      expect(() => follow(signedBy(taken, a, thief))).toThrow(
        refused("THRESHOLD_NOT_MET", /2 distinct signers/),
      );
      const one = next({ root: { of: [a] }, release: { of: [thief] } });
      expect(() => follow(signedBy(one, a))).toThrow(refused("THRESHOLD_NOT_MET"));
    });

    it("is not believed by a stolen CA that makes signers as it likes", () => {
      const more = ["x", "y", "z"].map((name) => made.signer(name, a.ca));
      expect(() => follow(signedBy(next(), ...more))).toThrow(
        refused("THRESHOLD_NOT_MET", /2 distinct anchors/),
      );
    });

    it("is not believed by who may sign releases", () => {
      expect(() => follow(signedBy(next(), d))).toThrow(refused("THRESHOLD_NOT_MET"));
    });

    it.each([
      { why: "the same version again", version: 1, code: "TRUST_ROOT_OLDER" },
      { why: "a version that leaves one out", version: 3, code: "TRUST_ROOT_VERSION" },
      {
        why: "the highest version there is, after which none could come",
        version: 999_999_999,
        code: "TRUST_ROOT_VERSION",
      },
    ])("is refused as $why", ({ version, code }) => {
      expect(() => follow(signedBy(first({ version }), a, b))).toThrow(refused(code));
    });

    it.each([
      { why: "lowers the smallest sequence", before: { min_sequence: 5 }, after: { min_sequence: 4 } },
      { why: "is of another product", before: {}, after: { product: "other" } },
      { why: "says that it is older", before: { issued: "2026-02-01T00:00:00Z" }, after: {} },
      { why: "takes back a revocation", before: { revoked: () => [thief] }, after: {} },
    ])("is refused when it $why, whoever signed", ({ before, after }) => {
      const revoked = "revoked" in before ? before.revoked() : [];
      const old = first({ ...before, revoked });
      expect(() => follow(signedBy(next(after), a, b), old)).toThrow(refused("TRUST_ROOT_WEAKER"));
    });

    it("is signed by a key that it revokes, because its owner has it still", () => {
      const old = trustRoot({ root: { of: [a, b], ...TWO } });
      const revoking = trustRoot({ version: 2, root: { of: [b, c], ...TWO }, revoked: [a] });
      expect(follow(signedBy(revoking, a, b, c), old).root.revoked.map(({ subject }) => subject)).toEqual([
        "CN=a,O=Themis Test",
      ]);
      // And its own role does not count it.
      const two = trustRoot({ version: 2, root: { of: [b, c], ...TWO }, revoked: [a] });
      expect(() => follow(signedBy(two, a, b), old)).toThrow(refused("THRESHOLD_NOT_MET"));
    });

    it("was signed while its signers' certificates were valid, which they need not be now", () => {
      const past = { from: "20200101000000Z", to: "20210101000000Z" };
      const [x, y] = [made.party("past-x", past), made.party("past-y", past)];
      const role = { of: [x, y], ...TWO };
      const old = trustRoot({ issued: "2020-02-01T00:00:00Z", root: role });
      const then = trustRoot({ version: 2, issued: "2020-06-01T00:00:00Z", root: role });
      expect(follow(signedBy(then, x, y), old).root.document.version).toBe(2);
      const later = trustRoot({ version: 2, issued: "2021-06-01T00:00:00Z", root: role });
      expect(() => follow(signedBy(later, x, y), old)).toThrow(refused("SIGNER_EXPIRED"));
    });

    it("is refused when a list revokes one who signed", () => {
      const crls = [made.authority.list({ by: a.ca, revoked: [{ certificate: a.signer }] })].map(
        ({ der }) => der,
      );
      const lists = crls.flatMap((der) => readCrls(der));
      const before = pinnedTrustRoot(first());
      expect(() => proveNextTrustRoot(before, signedBy(next(), a, b), { crls: lists, now })).toThrow(
        refused("CERTIFICATE_REVOKED"),
      );
      expect(
        proveNextTrustRoot(before, signedBy(next(), b, c), { crls: lists, now }).root.document.version,
      ).toBe(2);
    });
  });

  describe("that is malformed", () => {
    const change = (act: (document: Mutable) => void): Uint8Array => {
      const document = JSON.parse(Buffer.from(first({ revoked: [thief] })).toString()) as Mutable;
      act(document);
      return encodeCanonicalJson(document as unknown as Json);
    };
    // biome-ignore lint/suspicious/noExplicitAny: a document is damaged in every place.
    type Mutable = { -readonly [K in keyof TrustRootDocument]: any };

    it.each([
      { why: "an unknown key", act: (it: Mutable) => Object.assign(it, { more: 1 }) },
      { why: "a key that is missing", act: (it: Mutable) => Reflect.deleteProperty(it, "expires") },
      { why: "an expiry that is never", act: (it: Mutable) => (it.expires = "") },
      { why: "a date that is none", act: (it: Mutable) => (it.expires = "2027-02-31T00:00:00Z") },
      { why: "an end before its beginning", act: (it: Mutable) => (it.expires = it.issued) },
      { why: "version 0", act: (it: Mutable) => (it.version = 0) },
      { why: "a role without anchors", act: (it: Mutable) => (it.roles.release.anchors = []) },
      { why: "a threshold of nobody", act: (it: Mutable) => (it.roles.root.threshold = 0) },
      { why: "more anchors than signers", act: (it: Mutable) => (it.roles.root.anchor_threshold = 3) },
      { why: "more anchors than there are", act: (it: Mutable) => Object.assign(it.roles.release, TWO) },
      {
        why: "an anchor that is not there",
        act: (it: Mutable) => (it.roles.release.anchors = ["0".repeat(64)]),
      },
      { why: "anchors out of order", act: (it: Mutable) => it.anchors.reverse() },
      {
        why: "an anchor twice in a role",
        act: (it: Mutable) => it.roles.root.anchors.push(it.roles.root.anchors.at(-1)),
      },
      { why: "an anchor without a role", act: (it: Mutable) => it.roles.root.anchors.pop() },
      {
        why: "a digest that is another's",
        act: (it: Mutable) => (it.anchors[0].certificate = it.anchors[1].certificate),
      },
      { why: "base64 in another spelling", act: (it: Mutable) => (it.anchors[0].certificate += "=") },
      { why: "a revoked anchor with a role", act: (it: Mutable) => (it.revoked = [it.anchors[0]]) },
      { why: "an OID that is none", act: (it: Mutable) => (it.roles.root.extended_key_usage = "1.02") },
      { why: "a role too many", act: (it: Mutable) => (it.roles.other = it.roles.root) },
      { why: "another schema", act: (it: Mutable) => (it.schema_version = 2) },
    ])("is refused for $why", ({ act }) => {
      expect(() => readTrustRoot(change(act))).toThrow(refused("TRUST_ROOT_MALFORMED"));
    });

    it("is refused for other bytes that mean the same", () => {
      const spaced = Buffer.from(` ${Buffer.from(first()).toString()}`);
      expect(() => readTrustRoot(spaced)).toThrow(refused("TRUST_ROOT_MALFORMED"));
    });

    it("is refused for an anchor that is no CA, no certificate, or PEM", () => {
      const entry = (bytes: Uint8Array) => ({ ca: { der: bytes } as Identity, signer: a.signer });
      for (const bytes of [a.signer.der, Buffer.from("no certificate"), a.ca.pem]) {
        const content = trustRoot({ root: { of: [entry(bytes)] } });
        expect(() => readTrustRoot(content)).toThrow(refused("TRUST_ROOT_MALFORMED"));
      }
    });

    it("is refused for a role that nobody could fill: two certificates of one CA", () => {
      const again = made.authority.issue({ name: "a-again", keyOf: a.ca, extensions: CA_LINES });
      const content = trustRoot({ root: { of: [a, { ca: again, signer: a.signer }], ...TWO } });
      expect(() => readTrustRoot(content)).toThrow(refused("TRUST_ROOT_MALFORMED", /differ in key and name/));
    });

    it("is refused for an anchor whose key is revoked under another certificate", () => {
      const again = made.authority.issue({ name: "a-renewed", keyOf: a.ca, extensions: CA_LINES });
      const content = trustRoot({ root: { of: [{ ca: again, signer: a.signer }] }, revoked: [a] });
      expect(() => readTrustRoot(content)).toThrow(refused("TRUST_ROOT_MALFORMED", /its key is revoked/));
    });
  });

  describe("that is believed", () => {
    const verify = (content: Uint8Array, role: "release" | "channel", ...signers: Identity[]) =>
      verifySignature({
        ...policyFor(pinnedTrustRoot(content), role, {}),
        content: manifest,
        signature: opensslSign({ content: manifest, signers }),
        now,
      });

    it("lets each role's anchors vouch for that role and no other", () => {
      const content = trustRoot({ root: { of: [a] }, release: { of: [b] }, channel: { of: [c] } });
      expect(verify(content, "release", b.signer).signers).toHaveLength(1);
      expect(verify(content, "channel", c.signer).signers).toHaveLength(1);
      for (const other of [a, c, d])
        expect(() => verify(content, "release", other.signer)).toThrow(refused("CHAIN_UNTRUSTED"));
      expect(() => verify(content, "channel", b.signer)).toThrow(refused("CHAIN_UNTRUSTED"));
    });

    it("demands the role's thresholds, and never fewer than the caller does", () => {
      const content = first({ release: { of: [c, d], ...TWO } });
      expect(() => verify(content, "release", d.signer)).toThrow(refused("THRESHOLD_NOT_MET"));
      expect(verify(content, "release", c.signer, d.signer).signers).toHaveLength(2);
      const root = pinnedTrustRoot(content);
      expect(policyFor(root, "release", { threshold: 3 })).toMatchObject({
        threshold: 3,
        anchorThreshold: 2,
      });
      expect(policyFor(root, "release", { threshold: 1 })).toMatchObject({
        threshold: 2,
        anchorThreshold: 2,
      });
    });

    it("is followed to no other product than the one that is compiled in", () => {
      const root = pinnedTrustRoot(first({}));
      expect(policyFor(root, "release", { product: "app" })).toMatchObject({ product: "app" });
      expect(() => policyFor(root, "release", { product: "other" })).toThrow(refused("PRODUCT_MISMATCH"));
    });

    it("binds a role to an extended key usage", () => {
      const usage = "1.3.6.1.4.1.55555.7";
      const content = trustRoot({ root: { of: [a] }, release: { of: [a], extended_key_usage: usage } });
      const extensions = ["keyUsage=critical,digitalSignature", `extendedKeyUsage=codeSigning,${usage}`];
      const bound = made.authority.issue({ name: "bound", by: a.ca, extensions });
      expect(verify(content, "release", bound).signers).toHaveLength(1);
      expect(() => verify(content, "release", a.signer)).toThrow(
        refused("SIGNER_PURPOSE", /1\.3\.6\.1\.4\.1\.55555\.7/),
      );
    });

    it("binds a role to a certificate policy", () => {
      const policy = "1.3.6.1.4.1.55555.8";
      const content = trustRoot({ root: { of: [a] }, release: { of: [a], certificate_policy: policy } });
      const withPolicy = (name: string, oid: string): Identity =>
        made.signer(name, a.ca, {
          extensions: [
            "keyUsage=critical,digitalSignature",
            "extendedKeyUsage=codeSigning",
            `certificatePolicies=${oid}`,
          ],
        });
      expect(verify(content, "release", withPolicy("with", policy)).signers).toHaveLength(1);
      expect(() => verify(content, "release", withPolicy("other", `${policy}.1`))).toThrow(
        refused("CHAIN_POLICY"),
      );
      expect(() => verify(content, "release", a.signer)).toThrow(refused("CHAIN_POLICY"));
    });

    it("has revoked an anchor by its key, and says so", () => {
      const content = trustRoot({ root: { of: [b] }, revoked: [a] });
      expect(() => verify(content, "release", a.signer)).toThrow(refused("ANCHOR_REVOKED", /CN=a,/));
      expect(verify(content, "release", b.signer).signers).toHaveLength(1);
    });

    it("counts a revoked key for nothing where another CA vouches for it", () => {
      const crossed = made.authority.issue({
        ...{ name: "a-crossed", by: b.ca, keyOf: a.ca, extensions: CA_LINES },
        subject: "/O=Themis Test/CN=a",
      });
      const signature = opensslSign({
        content: manifest,
        signers: [a.signer],
        chainPath: crossed.certificatePath,
      });
      const ask = (content: Uint8Array) =>
        verifySignature({
          ...policyFor(pinnedTrustRoot(content), "release", {}),
          content: manifest,
          signature,
          now,
        });
      expect(ask(trustRoot({ root: { of: [b] } })).signers).toHaveLength(1);
      expect(() => ask(trustRoot({ root: { of: [b] }, revoked: [a] }))).toThrow(refused("ANCHOR_REVOKED"));
    });

    it("verifies nothing as long as it was not asked", () => {
      const policy = { anchors: anchorsOf(a), trustRoot: { kind: "source" as const } };
      const signature = opensslSign({ content: manifest, signers: [a.signer] });
      expect(() => verifySignature({ ...policy, content: manifest, signature, now })).toThrow(TypeError);
    });

    it("expires, by the later of the clock and what was seen", () => {
      const root = pinnedTrustRoot(first({ expires: "2026-07-01T00:00:00Z" }));
      expect(() => checkNotExpired(root, Date.parse("2026-07-01T00:00:00Z"))).not.toThrow();
      expect(() => checkNotExpired(root, Date.parse("2026-07-01T00:00:01Z"))).toThrow(
        refused("TRUST_ROOT_EXPIRED"),
      );
    });

    it("allows no release below its smallest sequence, and none of another product", () => {
      const policy = policyFor(pinnedTrustRoot(first({ min_sequence: 10 })), "release", {});
      const release = (sequence: number) =>
        ({ version: "1.0.0", product: "app", expires: "", sequence }) as Manifest;
      const { minSequence } = policy;
      const asked = { now: new Date(), trusted: NOTHING_TRUSTED, version: "", minSequence };
      expect(() => checkFreshness(release(10), asked)).not.toThrow();
      expect(() => checkFreshness(release(9), asked)).toThrow(refused("BELOW_MIN_SEQUENCE"));
      expect(() => checkAgainstTrustRoot({ product: "app" }, policy)).not.toThrow();
      expect(() => checkAgainstTrustRoot({ product: "other" }, policy)).toThrow(refused("PRODUCT_MISMATCH"));
    });
  });
});
