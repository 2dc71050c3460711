/** In which order an update fetches. */
import { expect, it } from "vitest";
import { planUpdate } from "../../src/fetch/plan.ts";
import type { Manifest, Target, TargetType } from "../../src/format/manifest/manifest.ts";
import type { Verified } from "../../src/trust/verified.ts";

it("asks for programs first, then for libraries, then for the rest as the manifest has them", () => {
  const types: TargetType[] = ["data", "library", "config", "executable", "library", "executable"];
  const files = types.map((type, i) => ({
    path: `${type}-${i}`,
    type,
    sha256_hash: String(i).padStart(64, "0"),
    size_bytes: 10,
    permissions: "0644",
    blob: { pack: "targets-0.pack", offset: 512 * i, length: 10, encoding: "identity" },
  })) as Target[];
  const pack = { asset: "targets-0.pack", size_bytes: 512 * types.length, sha256_hash: "", pieces: [""] };
  const wanted = { files, packs: [pack] } as unknown as Verified<Manifest>;
  const plan = planUpdate({ wanted, found: new Map(), recorded: [], deltas: [], removed: [] });
  expect(plan.blobs.map(({ offset }) => files[offset / 512]!.path)).toEqual([
    "executable-3",
    "executable-5",
    "library-1",
    "library-4",
    "data-0",
    "config-2",
  ]);
  // Whole pieces, in both ways of counting.
  expect(plan).toMatchObject({ bytesToFetch: pack.size_bytes, bytesFull: pack.size_bytes });
});
