/** VCDIFF as RFC 3284 has it, in open-vcdiff's dialect, and with the secondary compression that only xdelta3 writes. */
import type { HostileFormat, Seed } from "./hostile-format.ts";
import { forgeSecondary, forgeVcdiff, parseVcdiff, squeezed } from "./vcdiff-forge.ts";
import { plainSeeds, vectorSeeds } from "./vcdiff-seeds.ts";

type Parsed = Seed & { readonly file: ReturnType<typeof parseVcdiff> };
type Squeezed = Parsed & { readonly plain: boolean };

export const hostileVcdiff: HostileFormat<Parsed> = plain("VCDIFF", "vcdiff", plainSeeds);
export const hostileSdch: HostileFormat<Parsed> = plain("SDCH", "sdch", []);
export const hostileDjw: HostileFormat<Squeezed> = secondary("XDELTA3 with DJW", "djw", 1);
export const hostileLzma: HostileFormat<Squeezed> = secondary("XDELTA3 with LZMA", "lzma", 2);

function plain(name: string, dialect: string, more: readonly Seed[]): HostileFormat<Parsed> {
  const seeds = [...vectorSeeds({ dialect, secondary: "none" }), ...more].map(parsed);
  const files = seeds.map(({ file }) => file);
  return {
    name,
    algorithm: "VCDIFF",
    seeds,
    forge: (seed, roll) => forgeVcdiff(seed, seed.file, files, roll),
  };
}

function secondary(name: string, compressor: string, id: 1 | 2): HostileFormat<Squeezed> {
  const theirs = vectorSeeds({ dialect: "vcdiff", secondary: compressor });
  // Ours are changed before their sections are squeezed, so the parts are the plain ones.
  const ours = plainSeeds.map((seed) => ({ ...parsed(seed), plain: true }));
  const plainFiles = ours.map(({ file }) => file);
  const theirFiles = theirs.map(({ patch }) => parseVcdiff(patch));
  return {
    name,
    algorithm: "XDELTA3",
    seeds: [
      ...theirs.map((seed) => ({ ...parsed(seed), plain: false })),
      ...ours.map((seed) => ({ ...seed, patch: squeezed(seed.file, id) })),
    ],
    forge: (seed, roll) =>
      seed.plain
        ? forgeSecondary(seed, seed.file, plainFiles, id, roll)
        : forgeVcdiff(seed, seed.file, theirFiles, roll),
  };
}

function parsed(seed: Seed): Parsed {
  return { ...seed, file: parseVcdiff(seed.patch) };
}
