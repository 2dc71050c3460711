/** Hostile patches in VCDIFF as RFC 3284 has it, and in open-vcdiff's dialect. */
import { itSurvives, type Seed } from "./survive.ts";
import { forgeVcdiff, parseVcdiff } from "./vcdiff-forge.ts";
import { plainSeeds, vectorSeeds } from "./vcdiff-seeds.ts";

for (const [name, dialect, more] of [
  ["VCDIFF", "vcdiff", plainSeeds],
  ["SDCH", "sdch", []],
] as const) {
  const seeds = [...vectorSeeds({ dialect, secondary: "none" }), ...more].map(parsed);
  const files = seeds.map(({ file }) => file);
  itSurvives({
    name,
    algorithm: "VCDIFF",
    seeds,
    forge: (seed, roll) => forgeVcdiff(seed, seed.file, files, roll),
  });
}

function parsed(seed: Seed) {
  return { ...seed, file: parseVcdiff(seed.patch) };
}
