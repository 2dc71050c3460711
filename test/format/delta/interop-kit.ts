/**
 * What the matrix of writers and readers is made of: the inputs (its rows), and the ways from a pair of
 * files to a patch and back (its columns). Nothing is asserted here.
 *
 * Everything goes through files, as it does for whoever uses two programs together.
 */
import { execFile } from "node:child_process";
import { createCipheriv } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { corpora } from "../../../bench/corpora.ts";
import { growingFileSource, memorySource, openFileSource } from "../../../src/base/byte-source.ts";
import { applyPatch, recognisePatch } from "../../../src/format/delta/algorithm.ts";
import { decodeBzip2 } from "../../../src/format/delta/bzip2/decode.ts";
import type { Algorithm } from "../../../src/format/manifest/delta-manifest.ts";
import type { DiffOptions } from "../../../src/publish/diff/diff-file.ts";
import { DiffPool } from "../../../src/publish/diff/diff-pool.ts";

export type Pair = { readonly source: string; readonly target: string };

export type Reader = {
  readonly name: string;
  /** A program that must be on the PATH. */
  readonly needs?: string;
  readonly rebuild: (pair: Pair, patch: string, rebuilt: string) => Promise<void>;
};

export type Writer = {
  readonly name: string;
  readonly needs?: string;
  /** Why it cannot start from this pair, by its nature, and the words with which it refuses. */
  readonly limits?: readonly Limit[];
  readonly write: (pair: Pair, patch: string) => Promise<void>;
  readonly readers: readonly Reader[];
};

export type Limit = {
  readonly empty: "source" | "target";
  readonly why: string;
  readonly says: RegExp;
};

// --- programs ---

const execute = promisify(execFile);

/** @throws what the program said, when it ended badly */
async function run(program: string, ...args: string[]): Promise<void> {
  await execute(program, args, { maxBuffer: 1 << 24 });
}

// --- ours ---

/** What a build may be given by --memory; the pair of 200 MB would take twice as much. */
const MEMORY_LIMIT = 2 * 2 ** 30;
/** From here on a thread's memory is worth more than the time to start another. */
const LARGE_BYTES = 32 * 2 ** 20;

let pool: DiffPool | undefined;

/** The one place where our writers are called, as a build calls them: in a thread, and proven there. */
async function writeOurs(
  algorithm: Algorithm,
  options: DiffOptions,
  { source, target }: Pair,
  patch: string,
): Promise<void> {
  pool ??= new DiffPool({ jobs: 1 });
  const job = {
    sourcePath: source,
    targetPath: target,
    algorithms: [algorithm],
    options: { memoryLimit: MEMORY_LIMIT, ...options },
  };
  const { winner, candidates } = await pool.diff(job);
  if (!winner) throw new Error(candidates.map(({ note }) => note).join("; "));
  writeFileSync(patch, winner.patch);
  if (statSync(source).size > LARGE_BYTES) await closeOurs();
}

/** Gives the thread's memory back. */
export async function closeOurs(): Promise<void> {
  await pool?.close();
  pool = undefined;
}

function ourWriter(
  name: string,
  algorithm: Algorithm,
  options: DiffOptions,
  ...peers: readonly Reader[]
): Writer {
  return {
    name,
    write: (pair, patch) => writeOurs(algorithm, options, pair, patch),
    readers: [...peers, ourReader],
  };
}

/** Told by the patch alone which format it is. */
export const ourReader: Reader = {
  name: "ours",
  rebuild: async (pair, patchPath, rebuilt) => {
    const patch = openFileSource(patchPath);
    const source = openFileSource(pair.source);
    const written = growingFileSource(rebuilt);
    const out = openSync(rebuilt, "w");
    try {
      const pieces = applyPatch({
        algorithm: recognisePatch(patch).algorithm,
        source,
        patch,
        written,
        targetSize: statSync(pair.target).size,
      });
      for await (const piece of pieces) for (let at = 0; at < piece.length; ) at += writeSync(out, piece, at);
    } finally {
      closeSync(out);
      written.close();
      source.close();
      patch.close();
    }
  },
};

/**
 * BSDIFF40 and ENDSLEY with the bounds of HDiffPatch's bspatch_wrapper.c, which are narrower than bspatch's:
 * no triple begins or reads outside of the source, no stream is missing. HDiffPatch itself is in neither npm
 * nor Debian; what it would refuse must not be written all the same.
 */
const strictReader: Reader = {
  name: "HDiffPatch's bounds",
  rebuild: async (pair, patchPath, rebuilt) => {
    const patch = readFileSync(patchPath);
    const source = readFileSync(pair.source);
    const target = Buffer.alloc(statSync(pair.target).size);
    const endsleys = patch.subarray(0, 16).toString() === "ENDSLEY/BSDIFF43";
    const second = 32 + (endsleys ? 0 : integer(patch, 8));
    const third = second + (endsleys ? 0 : integer(patch, 16));
    const control = endsleys ? taker(patch, 24, patch.length) : taker(patch, 32, second);
    const diff = endsleys ? control : taker(patch, second, third);
    const extra = endsleys ? control : taker(patch, third, patch.length);
    let position = 0;
    for (let made = 0; made < target.length; ) {
      const triple = control(24);
      const [add, copy, seek] = [integer(triple, 0), integer(triple, 8), integer(triple, 16)];
      if (add < 0 || add > target.length - made || position > source.length - add)
        throw new Error(`at ${made}, ${add} bytes are read from ${position} of ${source.length}`);
      const added = diff(add);
      for (let i = 0; i < add; i++) target[made + i] = added[i]! + source[position + i]!;
      made += add;
      if (copy < 0 || copy > target.length - made) throw new Error(`at ${made}, ${copy} bytes are copied`);
      extra(copy).copy(target, made);
      made += copy;
      position += add + seek;
      if (position < 0) throw new Error(`at ${made}, the source is left at ${position}`);
    }
    writeFileSync(rebuilt, target);
  },
};

/** Sign and magnitude, as bsdiff has it. */
function integer(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  const magnitude = Number(value & ~(1n << 63n));
  return value >> 63n === 1n ? -magnitude : magnitude;
}

function taker(patch: Buffer, start: number, end: number): (length: number) => Buffer {
  const pieces = decodeBzip2(memorySource(patch), { start, end, maxBytes: 1 << 28 });
  const bytes = Buffer.concat(Array.from(pieces, (piece) => Buffer.from(piece)));
  let at = 0;
  return (length) => {
    if (length > bytes.length - at) throw new Error("a stream is too short");
    at += length;
    return bytes.subarray(at - length, at);
  };
}

// --- theirs ---

const bspatch: Reader = {
  name: "bspatch",
  needs: "bspatch",
  rebuild: ({ source }, patch, rebuilt) => run("bspatch", source, rebuilt, patch),
};

/** Only a window that holds the whole source reaches all of it; without -D and -R it looks inside of .gz files. */
function sourceWindow({ source }: Pair): string {
  return String(2 ** Math.max(19, Math.ceil(Math.log2(Math.max(1, statSync(source).size)))));
}

const xdelta3: Reader = {
  name: "xdelta3",
  needs: "xdelta3",
  rebuild: (pair, patch, rebuilt) =>
    run("xdelta3", "-d", "-f", "-D", "-R", "-B", sourceWindow(pair), "-s", pair.source, patch, rebuilt),
};

const zstd: Reader = {
  name: "zstd",
  needs: "zstd",
  rebuild: ({ source }, patch, rebuilt) =>
    run("zstd", "-q", "-d", "-f", "--long=31", `--patch-from=${source}`, patch, "-o", rebuilt),
};

const require = createRequire(import.meta.url);

/** VCDIFF in JavaScript by others, made to read what open-vcdiff writes. */
const vcdiffDecoder: Reader = {
  name: "@ably/vcdiff-decoder",
  rebuild: async ({ source }, patch, rebuilt) => {
    const { decode } = require("@ably/vcdiff-decoder") as {
      decode: (patch: Uint8Array, source: Uint8Array) => Uint8Array;
    };
    writeFileSync(rebuilt, decode(readFileSync(patch), readFileSync(source)));
  },
};

/**
 * The Rust crate bsdiff as WebAssembly, the only ENDSLEY/BSDIFF43 in npm or Debian that is not ours. Its package
 * has a JavaScript door that lets only Hermes bytecode in, so the module is used directly.
 */
type EndsleyModule = {
  readonly memory: WebAssembly.Memory;
  readonly alloc: (length: number) => number;
  readonly create_patch: Operation;
  readonly apply_patch: Operation;
  readonly output_ptr: () => number;
  readonly output_len: () => number;
};
type Operation = (source: number, sourceLength: number, other: number, otherLength: number) => number;

/** An instance of its own for each call: its memory never shrinks. */
function endsley(operation: "create_patch" | "apply_patch", ...files: readonly [string, string]): Uint8Array {
  const folder = dirname(require.resolve("@hot-updater/bsdiff/node"));
  const module = new WebAssembly.Module(readFileSync(join(folder, "../assets/hdiff.wasm")));
  const wasm = new WebAssembly.Instance(module, {}).exports as EndsleyModule;
  const put = (file: string): readonly [at: number, length: number] => {
    const bytes = readFileSync(file);
    const at = wasm.alloc(bytes.length);
    new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
    return [at, bytes.length];
  };
  const status = wasm[operation](...put(files[0]), ...put(files[1]));
  if (status !== 0) throw new Error(`${operation} ended with ${status}`);
  return new Uint8Array(wasm.memory.buffer, wasm.output_ptr(), wasm.output_len());
}

const endsleyReader: Reader = {
  name: "@hot-updater/bsdiff",
  rebuild: async ({ source }, patch, rebuilt) =>
    writeFileSync(rebuilt, endsley("apply_patch", source, patch)),
};

/** With nothing but what is said. */
export function writeByXdelta3(
  { source, target }: Pair,
  patch: string,
  ...options: readonly string[]
): Promise<void> {
  return run("xdelta3", "-e", "-f", ...options, "-s", source, target, patch);
}

function xdelta3Writer(...options: readonly string[]): Writer {
  return {
    name: `xdelta3 ${options.join(" ")}`.trim(),
    needs: "xdelta3",
    write: (pair, patch) =>
      writeByXdelta3(
        pair,
        patch,
        "-D",
        ...(options.includes("-B") ? [] : ["-B", sourceWindow(pair)]),
        ...options,
      ),
    readers: [ourReader],
  };
}

function zstdWriter(level: number): Writer {
  return {
    name: `zstd -${level}`,
    needs: "zstd",
    limits: [
      {
        empty: "target",
        why: "with --patch-from it asserts that there is something to pack",
        says: /Assertion `v != 0' failed/,
      },
    ],
    write: ({ source, target }, patch) =>
      run(
        "zstd",
        "-q",
        "-f",
        `-${level}`,
        "--single-thread",
        "--long=31",
        `--patch-from=${source}`,
        target,
        "-o",
        patch,
      ),
    readers: [ourReader],
  };
}

const noEmptySource: Limit = {
  empty: "source",
  why: "it maps its source into memory, and nothing cannot be mapped",
  says: /mmap.*Invalid argument|makes no patch from an empty file/,
};

export const WRITERS: readonly Writer[] = [
  ourWriter("our BSDIFF40", "BSDIFF", {}, bspatch, strictReader),
  ourWriter("our ENDSLEY", "BSDIFF", { container: "endsley" }, endsleyReader, strictReader),
  ourWriter("our BSDF2", "BSDIFF", { container: "bsdf2" }),
  ourWriter("our VCDIFF", "VCDIFF", {}, xdelta3, vcdiffDecoder),
  ourWriter("our ZSTD_DICT", "ZSTD_DICT", {}, zstd),
  {
    ...ourWriter("bsdiff-node", "BSDIFF", { engine: "bsdiff-node" }, bspatch),
    needs: "bsdiff-node",
    limits: [noEmptySource],
  },
  {
    name: "bsdiff",
    needs: "bsdiff",
    limits: [
      noEmptySource,
      {
        empty: "target",
        why: "it maps its target into memory, and nothing cannot be mapped",
        says: /mmap.*Invalid argument/,
      },
    ],
    write: ({ source, target }, patch) => run("bsdiff", source, target, patch),
    readers: [ourReader],
  },
  {
    name: "@hot-updater/bsdiff",
    write: async ({ source, target }, patch) => writeFileSync(patch, endsley("create_patch", source, target)),
    readers: [ourReader],
  },
  xdelta3Writer(),
  xdelta3Writer("-S", "none"),
  xdelta3Writer("-S", "djw"),
  xdelta3Writer("-S", "lzma"),
  xdelta3Writer("-S", "none", "-A", "-n"),
  xdelta3Writer("-S", "djw", "-A", "-9"),
  xdelta3Writer("-S", "lzma", "-n", "-9"),
  xdelta3Writer("-S", "none", "-W", "16384"),
  xdelta3Writer("-S", "djw", "-W", "65536", "-B", "1048576"),
  xdelta3Writer("-S", "lzma", "-A", "-W", "262144", "-B", "524288", "-1"),
  zstdWriter(1),
  zstdWriter(3),
  zstdWriter(19),
];

/** As hasTool, for the addon that is optional. */
export function hasAddon(): boolean {
  if (existsSync(join(import.meta.dirname, "../../../node_modules/bsdiff-node/build/Release/bsdiff.node")))
    return true;
  if (process.env.THEMIS_REQUIRE_TOOLS === "1") throw new Error("the addon bsdiff-node is not built");
  console.warn("skipping tests: the addon bsdiff-node is not built");
  return false;
}

// --- inputs ---

export type Input = {
  readonly name: string;
  /** Writes both files. */
  readonly make: (pair: Pair) => void;
  readonly empty?: readonly Limit["empty"][];
  /** Cells that are not filled, by "writer -> reader", and why. */
  readonly without?: { readonly cells: RegExp; readonly why: string };
};

/** Quadratic where everything is alike: a minute for each MiB of zeros, in Debian's bsdiff as well. */
const SLOW = "bsdiff|bsdiff-node|@hot-updater/bsdiff";

/** A part of both releases of a package, or all of it: enough for every kind of file to be itself. */
function release(
  name: string,
  corpus: string,
  [start, length]: readonly [start: number, length?: number] = [0],
  without?: Input["without"],
): Input {
  return {
    name,
    ...(without && { without }),
    make: ({ source, target }) => {
      const [found] = corpora(corpus);
      copyPart(found!.source, source, start, length);
      copyPart(found!.target, target, start, length);
    },
  };
}

function copyPart(from: string, to: string, start: number, length: number | undefined): void {
  if (length === undefined) {
    copyFileSync(from, to);
    return;
  }
  const bytes = Buffer.alloc(length);
  const file = openSync(from, "r");
  const read = readSync(file, bytes, 0, length, start);
  closeSync(file);
  writeFileSync(to, bytes.subarray(0, read));
}

function bytes(
  name: string,
  source: () => Uint8Array,
  target: () => Uint8Array,
  more: Pick<Input, "empty" | "without"> = {},
): Input {
  return {
    name,
    make: (pair) => {
      writeFileSync(pair.source, source());
      writeFileSync(pair.target, target());
    },
    ...more,
  };
}

/** Bytes that look random and are the same on every machine, at a gigabyte a second. */
export function stream(length: number, seed: number): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

const MIB = 1 << 20;

/** Of two hundred parts some change places, some go, some are new, and in most a few bytes differ. */
function large(target: boolean): Buffer {
  const PART = 1_000_000;
  const source = stream(200 * PART, 7);
  if (!target) return source;
  const parts = Array.from({ length: 200 }, (_, index) => source.subarray(index * PART, (index + 1) * PART));
  for (const part of parts) for (let at = 5000; at < PART; at += 61_001) part.writeUInt32LE(at, at);
  parts.splice(150, 0, ...parts.splice(20, 7));
  parts.splice(90, 2, stream(1_500_000, 8), Buffer.alloc(400_000));
  parts.splice(10, 0, parts[199]!.subarray(1000, 700_001));
  return Buffer.concat(parts);
}

function zeros(length: number, change: string): Buffer {
  const file = Buffer.alloc(length);
  file.write(change, Math.floor(length / 3));
  return file;
}

const nothing = (): Uint8Array => Buffer.alloc(0);

export const INPUTS: readonly Input[] = [
  release("a Rust library for Linux x64, ELF", "rollup-linux-x64-minor", [0], {
    cells: /^@hot-updater\/bsdiff ->/,
    why: "too slow for more than a MiB",
  }),
  release("a Rust library for Windows x64, PE, its first MiB", "rollup-win32-x64-patch", [0, MIB]),
  release("a Rust library for Linux arm64, ELF, a MiB", "swc-linux-arm64-patch", [20 * MIB, MIB]),
  release("a Go program for Linux x64, ELF, a MiB", "esbuild-linux-x64-minor", [2 * MIB, MIB]),
  release("a WebAssembly module, a MiB", "esbuild-wasm-patch", [3 * MIB, MIB]),
  release("JavaScript sources as a tar, two MiB", "typescript-tree-patch", [18 * MIB, 2 * MIB]),
  release("a .tgz of 4 MB", "typescript-tgz-patch", [0], {
    cells: new RegExp(`^(${SLOW}|our ENDSLEY|our BSDF2|zstd -19) ->`),
    why: "compressed bytes are all new bytes, whoever looks at them",
  }),
  bytes("nothing, then something", nothing, () => stream(50_000, 1), { empty: ["source"] }),
  bytes("something, then nothing", () => stream(50_000, 1), nothing, { empty: ["target"] }),
  bytes("nothing, twice", nothing, nothing, { empty: ["source", "target"] }),
  bytes(
    "one byte",
    () => Buffer.from("a"),
    () => Buffer.from("b"),
  ),
  bytes(
    "identical files",
    () => stream(300_000, 1),
    () => stream(300_000, 1),
  ),
  bytes(
    "no common byte",
    () => stream(100_000, 1).map((byte) => byte & 0x7f),
    () => stream(90_000, 2).map((byte) => byte | 0x80),
  ),
  bytes(
    "64 KiB of zeros",
    () => zeros(MIB / 16, ""),
    () => zeros(MIB / 16, "a change"),
  ),
  bytes(
    "64 MiB of zeros",
    () => zeros(64 * MIB, ""),
    () => zeros(64 * MIB, "a change"),
    {
      without: {
        cells: new RegExp(
          `^(${SLOW}|our (ENDSLEY|BSDF2)|xdelta3|xdelta3 .*-(A|n|9|djw).*|zstd -19?) ->|-> (@|HDiffPatch)`,
        ),
        why: "a suffix sort of zeros takes an hour, reading byte by byte minutes; of what is alike one is there",
      },
    },
  ),
  bytes(
    "200 MB, edited, moved and grown",
    () => large(false),
    () => large(true),
    {
      without: {
        cells:
          /^(?!our (BSDIFF40|VCDIFF|ZSTD_DICT) -> (bspatch|xdelta3|zstd|ours)$|(xdelta3 -S none|zstd -3) ->)/,
        why: "each cell costs a minute; one way of each kind is enough to find what only size breaks",
      },
    },
  ),
];
