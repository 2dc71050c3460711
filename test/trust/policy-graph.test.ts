/** The graph in place of the tree (RFC 9618): what the tree would take for ever takes no time. */
import { expect, it } from "vitest";
import { decodeCertificate } from "../../src/format/cms/certificate.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../src/trust/certification-path.ts";
import { noPolicyInputs } from "../../src/trust/policy-graph.ts";
import { der, integer, oid, sequence } from "./craft.ts";
import { extension, forgeCertificate, name, newKey } from "./forge.ts";

const authority = extension("2.5.29.19", sequence(der(0x01, Buffer.of(0xff))), true);
const policy = (index: number): Buffer => oid(`1.2.3.${index}`);
const policies = (...indexes: readonly number[]): Buffer =>
  extension("2.5.29.32", sequence(...indexes.map((index) => sequence(policy(index)))));

it("each policy mapped to every other, five CAs deep, is decided at once", () => {
  const all = Array.from({ length: 8 }, (_, index) => index + 1);
  // Eight by eight, the most that a certificate may hold; a tree would have 8^6 leaves and more.
  const pairs = all.flatMap((a) => all.map((b) => sequence(policy(a), policy(b))));
  const mappings = extension("2.5.29.33", sequence(...pairs), true);
  const key = newKey();
  const at = (depth: number): Buffer => name(`ca-${depth}`);
  const chain = [0, 1, 2, 3, 4, 5, 6].map((depth) =>
    forgeCertificate({
      subject: at(depth),
      issuer: at(Math.max(0, depth - 1)),
      key,
      by: key,
      serial: depth + 1,
      extensions: depth === 0 ? [authority] : [authority, policies(...all), ...(depth < 6 ? [mappings] : [])],
    }),
  );
  const { policies: outcome } = verifyCertificatePath({
    signer: decodeCertificate(chain.at(-1)!),
    intermediates: chain.slice(1, -1).map(decodeCertificate),
    anchors: readTrustAnchors(chain[0]!),
    now: new Date("2026-06-01T00:00:00Z"),
    purpose: "any",
    policies: { ...noPolicyInputs, requireExplicitPolicy: true, acceptable: new Set(["1.2.3.4"]) },
  });
  expect(outcome.authority).toEqual(all.map((index) => `1.2.3.${index}`));
  expect(outcome.user).toEqual(["1.2.3.4"]);
});

it.each([
  {
    why: "65 policies",
    value: extension("2.5.29.32", sequence(...Array.from({ length: 65 }, (_, i) => sequence(policy(i))))),
  },
  { why: "a policy twice", value: policies(1, 1) },
  { why: "no policies", value: extension("2.5.29.32", sequence()) },
  { why: "empty policy constraints", value: extension("2.5.29.36", sequence(), true) },
  {
    why: "a negative number of certificates",
    value: extension("2.5.29.36", sequence(der(0x80, Buffer.of(0x80))), true),
  },
  {
    why: "a padded number of certificates",
    value: extension("2.5.29.36", sequence(der(0x80, Buffer.of(0, 1))), true),
  },
  {
    why: "a huge number of certificates",
    value: extension("2.5.29.54", integer(0x7f, 0xff, 0xff, 0xff, 0xff), true),
  },
])("a certificate with $why is refused", ({ value }) => {
  const key = newKey();
  const bytes = forgeCertificate({
    subject: name("a"),
    issuer: name("b"),
    key,
    by: key,
    extensions: [value],
  });
  expect(() => decodeCertificate(bytes)).toThrow(
    expect.objectContaining({ name: "CmsError", kind: "refused" }),
  );
});
