/** Hostile patches with secondary compression, as only xdelta3 writes it: DJW and LZMA. */
import { itSurvives, type Seed } from "./survive.ts";
import { forgeSecondary, forgeVcdiff, parseVcdiff, squeezed } from "./vcdiff-forge.ts";
import { plainSeeds, vectorSeeds } from "./vcdiff-seeds.ts";

for (const [name, id] of [
  ["XDELTA3 with DJW", 1],
  ["XDELTA3 with LZMA", 2],
] as const) {
  const theirs = vectorSeeds({ dialect: "vcdiff", secondary: id === 1 ? "djw" : "lzma" });
  // Ours are changed before their sections are squeezed, so the parts are the plain ones.
  const ours = plainSeeds.map((seed) => ({ ...seed, file: parseVcdiff(seed.patch), plain: true }));
  const seeds: readonly (Seed & { file: ReturnType<typeof parseVcdiff>; plain: boolean })[] = [
    ...theirs.map((seed) => ({ ...seed, file: parseVcdiff(seed.patch), plain: false })),
    ...ours.map((seed) => ({ ...seed, patch: squeezed(seed.file, id) })),
  ];
  const plainFiles = ours.map(({ file }) => file);
  const theirFiles = theirs.map(({ patch }) => parseVcdiff(patch));
  itSurvives({
    name,
    algorithm: "XDELTA3",
    seeds,
    forge: (seed, roll) =>
      seed.plain
        ? forgeSecondary(seed, seed.file, plainFiles, id, roll)
        : forgeVcdiff(seed, seed.file, theirFiles, roll),
  });
}
