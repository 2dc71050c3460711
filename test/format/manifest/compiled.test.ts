/** The validators that the build makes say what those of the sources say, of honest documents and of others. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeCanonicalJson, type Json } from "../../../src/base/canonical-json.ts";
import { decodeManifest } from "../../../src/format/manifest/manifest.ts";
import { MANIFEST_FACTS } from "../../kit/manifest-facts.ts";

// A string that the compiler does not follow: dist/ is not there when types are checked.
const index = new URL("../../../dist/index.js", import.meta.url).href;
const built = (await import(index)) as { decodeManifest: typeof decodeManifest };

type Tree = { [key: string]: Tree | Json };
const digest = "0".repeat(64);
const blob = { pack: "a.pack", offset: 0, length: 10, encoding: "identity" };
const plain = { platform: "", architecture: "", download_url: "", permissions: "0644" };
const honest = {
  ...{ ...MANIFEST_FACTS, release_date: "2026-01-01T00:00:00Z", dependencies: ["glibc"] },
  files: [
    { ...plain, path: "a", type: "data", sha256_hash: digest, size_bytes: 10, link_target: "", blob },
    {
      ...{ ...plain, path: "z", type: "symlink", sha256_hash: digest, size_bytes: 0, link_target: "a" },
      blob: { pack: "", offset: 0, length: 0, encoding: "none" },
    },
  ],
  packs: [{ asset: "a.pack", size_bytes: 10, sha256_hash: digest, pieces: [digest] }],
  delta_manifests: [{ from_version: "0.9.0", asset: "d.json", size_bytes: 5, sha256_hash: digest }],
};
const odd = [null, true, -1, 0, 2 ** 40, "", "x", "é".repeat(5000), [], [1], {}, { more: 1 }, "../x"];

it("a document with one thing changed is accepted or refused in the same words", () => {
  let refused = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...pointers(honest)),
      fc.oneof(fc.constantFrom("delete", "add"), fc.constantFrom(...odd.map((value) => ({ value })))),
      (pointer, change) => {
        const document = structuredClone(honest) as unknown as Tree;
        const parent = pointer.slice(0, -1).reduce((at, key) => at[key] as Tree, document);
        const key = pointer.at(-1)!;
        if (change === "delete") delete parent[key];
        else if (change === "add") (Array.isArray(parent) ? {} : parent)[`${key}_`] = 1;
        else parent[key] = change.value as Json;
        if (Array.isArray(parent) && change === "delete") parent.splice(0, parent.length);
        const bytes = encodeCanonicalJson(document as Json);
        const said = outcome(() => decodeManifest(bytes));
        if (said !== "accepted") refused++;
        expect(outcome(() => built.decodeManifest(bytes))).toBe(said);
      },
    ),
    { numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(1000);
});

function pointers(value: unknown): string[][] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, member]) => [
    [key],
    ...pointers(member).map((rest) => [key, ...rest]),
  ]);
}

function outcome(act: () => unknown): string {
  try {
    act();
    return "accepted";
  } catch (error) {
    return String((error as Error).message);
  }
}
