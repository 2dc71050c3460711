/**
 * Each rule of the verification profile, kept and broken, with real keys: what we say, and what OpenSSL says of the
 * same bytes. Where the two differ a reason stands beside the row, and in schemas/certificates.md.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasTool } from "../kit/tools.ts";
import { algorithmRows } from "./agreement/algorithms.ts";
import { attributeRows } from "./agreement/attributes.ts";
import { encodingRows } from "./agreement/encoding.ts";
import { Hierarchy } from "./agreement/hierarchy.ts";
import { listRows } from "./agreement/lists.ts";
import { pathRows } from "./agreement/paths.ts";
import { judge, opensslAccepts, type Row } from "./agreement/row.ts";

const rows: readonly Row[] = [...algorithmRows, ...encodingRows, ...attributeRows, ...pathRows, ...listRows];

describe.skipIf(!hasTool("openssl"))("beside `openssl cms -verify`, we", () => {
  let hierarchy: Hierarchy;
  beforeAll(() => {
    hierarchy = new Hierarchy();
  });
  afterAll(() => hierarchy?.remove());

  it.each(rows.map((row) => ({ ...row, verdict: row.code === undefined ? "accept" : "refuse" })))(
    "$verdict ($rule) $what",
    ({ make, code, differs }) => {
      const judged = { anchors: [hierarchy.root], ...make(hierarchy) };
      if (code === undefined) expect(judge(judged).signers.length).toBeGreaterThan(0);
      else
        expect(() => judge(judged)).toThrow(
          expect.objectContaining({ name: "TrustError", code, kind: "refused" }),
        );
      expect(opensslAccepts(judged)).toBe((code === undefined) === (differs === undefined));
    },
  );
});

it("every rule of the profile has a row that breaks it", () => {
  const rules = new Set(rows.filter(({ code }) => code !== undefined).map(({ rule }) => rule));
  expect([...rules]).toEqual([
    ...["algorithms", "DER", "detached", "content type", "versions", "structure"],
    ...[
      "contentType",
      "messageDigest",
      "attributes",
      "CMSAlgorithmProtection",
      "signingCertificateV2",
      "signers",
    ],
    ...[
      "anchor",
      "validity",
      "basicConstraints",
      "pathLen",
      "keyUsage",
      "extendedKeyUsage",
      "nameConstraints",
    ],
    ...["policies", "critical extensions", "certificates", "revocation"],
  ]);
});

it("schemas/certificates.md lists the differences, and no others", () => {
  const text = readFileSync(resolve(import.meta.dirname, "../../schemas/certificates.md"), "utf8");
  const table = text.slice(text.indexOf("| OpenSSL 3.0 "));
  const listed = [...table.matchAll(/^\| (refuses|accepts) \| (.*?) \| (.*?) \|$/gm)];
  const expected = rows.flatMap(({ what, code, differs }) =>
    differs === undefined ? [] : [[code === undefined ? "refuses" : "accepts", what, differs]],
  );
  expect(listed.map(([, ...cells]) => cells)).toEqual(expected);
});
