/** m of n: who counts as one, and what a device with a threshold refuses. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import type { TrustPolicy } from "../../src/trust/trust-policy.ts";
import { verifySignature } from "../../src/trust/verify-signature.ts";
import { Authority } from "../kit/authority.ts";
import { type Identity, opensslSign, opensslVerifies } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";

const CA = [
  "basicConstraints=critical,CA:TRUE",
  "keyUsage=critical,keyCertSign",
  "subjectKeyIdentifier=hash",
];
const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];
const content = Buffer.from('{"version":"1.0.0"}');
const now = new Date("2026-06-01T00:00:00Z");

describe.skipIf(!hasTool("openssl"))("a threshold", () => {
  const authority = new Authority();
  let root: Identity;
  let other: Identity;
  let a: Identity;
  let b: Identity;
  let c: Identity;
  let sameKeyAsA: Identity;
  let sameNameAsA: Identity;
  let sameNameAsB: Identity;
  let nameOfAInOtherCase: Identity;
  let below: Identity;
  beforeAll(() => {
    root = authority.issue({ name: "root", extensions: CA });
    other = authority.issue({ name: "other", extensions: CA });
    const signer = (
      name: string,
      more: { keyOf?: Identity; subject?: string; by?: Identity } = {},
    ): Identity => authority.issue({ name, by: root, extensions: SIGNER, ...more });
    [a, b, c] = [signer("a"), signer("b"), signer("c")];
    sameKeyAsA = signer("a-again", { keyOf: a });
    sameNameAsA = signer("a-renewed", { subject: "/O=Themis Test/CN=a" });
    sameNameAsB = signer("b-renewed", { subject: "/O=Themis Test/CN=b", keyOf: a });
    nameOfAInOtherCase = signer("a-shouted", { subject: "/O=THEMIS  TEST/CN=A" });
    below = signer("below", { by: other });
  });
  afterAll(() => authority.remove());

  const verify = (signers: readonly Identity[], policy: Partial<TrustPolicy>, anchors = [root]) =>
    verifySignature({
      content,
      signature: opensslSign({ content, signers }),
      anchors: anchors.flatMap(({ pem }) => readTrustAnchors(pem)),
      now,
      ...policy,
    });

  it.each([
    { why: "two keys with two names", signers: () => [a, b], threshold: 2 },
    { why: "three", signers: () => [a, b, c], threshold: 3 },
    { why: "more than are wanted", signers: () => [a, b, c], threshold: 2 },
    { why: "two of three, of whom two are one", signers: () => [a, sameKeyAsA, b], threshold: 2 },
    { why: "one, unless somebody wants more", signers: () => [a], threshold: undefined },
  ])("is met by $why", ({ signers, threshold }) => {
    expect(verify(signers(), { threshold }).signers).toHaveLength(signers().length);
  });

  it.each([
    { why: "one signer", signers: () => [a], threshold: 2, found: 1 },
    { why: "two of three", signers: () => [a, b], threshold: 3, found: 2 },
    { why: "one key with two certificates", signers: () => [a, sameKeyAsA], threshold: 2, found: 1 },
    { why: "one name with two keys", signers: () => [a, sameNameAsA], threshold: 2, found: 1 },
    { why: "one name in other letters", signers: () => [a, nameOfAInOtherCase], threshold: 2, found: 1 },
    { why: "two who are one by a third", signers: () => [a, b, sameNameAsB], threshold: 2, found: 1 },
    {
      why: "three of whom the last shows that two are one",
      signers: () => [a, b, c, sameNameAsB],
      threshold: 3,
      found: 2,
    },
  ])("is not met by $why", ({ signers, threshold, found }) => {
    expect(() => verify(signers(), { threshold })).toThrow(
      expect.objectContaining({
        code: "THRESHOLD_NOT_MET",
        kind: "refused",
        message: expect.stringContaining(`${threshold} distinct signers are wanted, and ${found} `),
        facts: expect.objectContaining({
          wanted: threshold,
          found: expect.objectContaining({ length: found }),
        }),
      }),
    );
  });

  it("names who is there", () => {
    expect(() => verify([a, b], { threshold: 3 })).toThrow(/CN=a,O=Themis Test; CN=b,O=Themis Test/);
  });

  it("of anchors is not met by many signers of one CA, which whoever has its key can make", () => {
    const policy = { threshold: 2, anchorThreshold: 2 };
    expect(() => verify([a, b, c], policy, [root, other])).toThrow(
      /2 distinct anchors are wanted, and 1 is here/,
    );
    expect(verify([a, below], policy, [root, other]).signers).toHaveLength(2);
  });

  it("does not excuse a signer that nobody vouches for, however many others there are", () => {
    expect(() => verify([a, b, below], { threshold: 2 })).toThrow(
      expect.objectContaining({ code: "CHAIN_UNTRUSTED" }),
    );
  });

  it("is about signatures that OpenSSL takes too", () => {
    expect(opensslVerifies(root, content, opensslSign({ content, signers: [a, b] }))).toBe(true);
  });
});
