/** The commands that stand beside each other: ours out of dist/, and those of others that are installed. */
import { themisBundle } from "./measure.ts";

export type Files = {
  readonly source: string;
  readonly target: string;
  readonly patch: string;
  readonly out: string;
  /** A power of two that covers the larger file. */
  readonly window: string;
  /** Digests in hex, as a signed manifest names them. */
  readonly sourceSha256: string;
  readonly targetSha256: string;
};

export type Peer = {
  readonly name: string;
  /** What must be on the PATH. */
  readonly needs?: string;
  readonly make: (files: Files) => readonly string[];
  readonly apply: (files: Files) => readonly string[];
};

export const OURS = {
  bsdiff: "ours BSDIFF40",
  bsdf2: "ours BSDF2",
  vcdiff: "ours VCDIFF",
  zstd: "ours ZSTD_DICT",
  themis: "ours THEMIS",
  auto: "ours auto",
} as const;

export const THEIRS = {
  bsdiff: "bsdiff 4.3",
  xdelta3: "xdelta3 -9 -S none",
  xdelta3Lzma: "xdelta3 -9 -S lzma",
  zstd: "zstd -19",
} as const;

export const PEERS: readonly Peer[] = [
  our(OURS.bsdiff, "--algorithm", "bsdiff"),
  our(OURS.bsdf2, "--algorithm", "bsdiff", "--format", "bsdf2"),
  our(OURS.vcdiff, "--algorithm", "vcdiff"),
  our(OURS.zstd, "--algorithm", "zstd-dict"),
  our(OURS.themis, "--algorithm", "themis"),
  our(OURS.auto, "--algorithm", "auto"),
  {
    name: THEIRS.bsdiff,
    needs: "bsdiff",
    make: ({ source, target, patch }) => ["bsdiff", source, target, patch],
    apply: ({ source, patch, out }) => ["bspatch", source, out, patch],
  },
  xdelta3(THEIRS.xdelta3, "none"),
  xdelta3(THEIRS.xdelta3Lzma, "lzma"),
  {
    name: THEIRS.zstd,
    needs: "zstd",
    make: ({ source, target, patch }) =>
      words`zstd -q -f -19 --long=31 --single-thread ${`--patch-from=${source}`} ${target} -o ${patch}`,
    apply: ({ source, patch, out }) =>
      words`zstd -q -d -f --long=31 ${`--patch-from=${source}`} ${patch} -o ${out}`,
  },
];

/** With both digests proven, as on a device; no peer does that. */
export function applyOurs({ source, patch, out, sourceSha256, targetSha256 }: Files): readonly string[] {
  return delta("apply", source, patch, out, "--source-sha256", sourceSha256, "--sha256", targetSha256);
}

function our(name: string, ...options: string[]): Peer {
  return {
    name,
    make: ({ source, target, patch }) => delta("create", source, target, patch, ...options),
    apply: applyOurs,
  };
}

function delta(...words: string[]): readonly string[] {
  return [...themisBundle, "delta", ...words, "--quiet"];
}

/** -D and -R: archives stay what they are, as for everybody else here. */
function xdelta3(name: string, secondary: string): Peer {
  return {
    name,
    needs: "xdelta3",
    make: ({ source, target, patch, window }) =>
      words`xdelta3 -e -D -f -9 -S ${secondary} -B ${window} -s ${source} ${target} ${patch}`,
    apply: ({ source, patch, out, window }) =>
      words`xdelta3 -d -D -R -f -B ${window} -s ${source} ${patch} ${out}`,
  };
}

/** A command line as its words; what is put in stays one word whatever it holds. */
function words(texts: TemplateStringsArray, ...values: string[]): string[] {
  return texts.flatMap((text, i) => [
    ...text.split(" ").filter(Boolean),
    ...(i < values.length ? [values[i]!] : []),
  ]);
}
