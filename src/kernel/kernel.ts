/**
 * The door to the kernels: what takes the time when patches are made, compiled to WebAssembly.
 *
 * Each kernel owns a memory of a size known beforehand and is dropped after use; a memory never shrinks.
 */
import { readFileSync } from "node:fs";
import { ThemisError } from "../base/error.ts";

type Exports = {
  readonly SUFFIX_WORK_BYTES: WebAssembly.Global;
  readonly COVER_WORK_BYTES: WebAssembly.Global;
  readonly COVER_OUT_BYTES: WebAssembly.Global;
  readonly WINDOW: WebAssembly.Global;
  readonly searchBytes: (size: number) => number;
  readonly suffixArray: (text: number, length: number, suffixes: number, work: number) => void;
  readonly openSearch: (source: number, size: number, suffixes: number, work: number) => void;
  readonly openCover: (
    source: number,
    size: number,
    target: number,
    length: number,
    work: number,
    forVcdiff: boolean,
  ) => void;
  readonly nextCovers: (segments: number) => number;
  readonly SHARED_BYTES: WebAssembly.Global;
  readonly ENCODER_BYTES: WebAssembly.Global;
  readonly INPUT_BYTES: WebAssembly.Global;
  readonly openBzip2Work: (shared: number, sortWork: number) => void;
  readonly bzip2Input: () => number;
  readonly bzip2Output: () => number;
  readonly openEncoder: (encoder: number) => void;
  readonly encode: (encoder: number, length: number) => number;
  readonly finishEncoder: (encoder: number) => number;
};

const PAGE_BYTES = 65536;
/** Below this lies what the compiler uses for itself. */
const START = PAGE_BYTES;
/** Kernels read a little beyond what they are given. */
const MARGIN = 64;
const MAX_BYTES = 2 ** 32 - PAGE_BYTES;

let compiled: WebAssembly.Module | undefined;

function instantiate(pages: number): { readonly memory: WebAssembly.Memory; readonly exports: Exports } {
  compiled ??= new WebAssembly.Module(
    readFileSync(
      new URL(import.meta.url.endsWith(".ts") ? "../../dist/kernel.wasm" : "./kernel.wasm", import.meta.url),
    ),
  );
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const abort = (): never => {
    throw new Error("the kernel gave up");
  };
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory, abort } });
  return { memory, exports: exports as Exports };
}

/** Gives out places in a memory, one behind the other. */
class Layout {
  #end = START;

  take(bytes: number): number {
    const at = this.#end;
    this.#end = Math.ceil((at + bytes + MARGIN) / 16) * 16;
    return at;
  }

  get bytes(): number {
    return this.#end;
  }
}

let sizes: ReturnType<typeof readSizes> | undefined;

/** What the kernel says that it needs, from an instance too small to work. */
function readSizes() {
  const { exports } = instantiate(2);
  return {
    suffixWork: exports.SUFFIX_WORK_BYTES.value as number,
    coverWork: exports.COVER_WORK_BYTES.value as number,
    coverOut: exports.COVER_OUT_BYTES.value as number,
    window: exports.WINDOW.value as number,
    bzip2Shared: exports.SHARED_BYTES.value as number,
    bzip2Encoder: exports.ENCODER_BYTES.value as number,
    search: (sourceSize: number) => exports.searchBytes(sourceSize),
  };
}

function workSizes(): ReturnType<typeof readSizes> {
  sizes ??= readSizes();
  return sizes;
}

function coverLayout(sourceSize: number, targetSize: number) {
  const { suffixWork, coverWork, coverOut, search } = workSizes();
  const layout = new Layout();
  return {
    work: layout.take(Math.max(suffixWork, coverWork)),
    search: layout.take(search(sourceSize)),
    out: layout.take(coverOut),
    source: layout.take(sourceSize + targetSize),
    suffixes: layout.take(sourceSize * 4),
    bytes: layout.bytes,
  };
}

/** What CoverKernel will take, in bytes. */
export function coverMemory(sourceSize: number, targetSize: number): number {
  return coverLayout(sourceSize, targetSize).bytes;
}

/** Finds which part of a source stands behind each byte of a target. */
export class CoverKernel {
  /** To be filled before covers() is called; they lie in the kernel's memory. */
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly #exports: Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #at: ReturnType<typeof coverLayout>;

  /** @throws ThemisError DIFF_TOO_LARGE when the memory that is needed cannot be had */
  constructor(sourceSize: number, targetSize: number) {
    this.#at = coverLayout(sourceSize, targetSize);
    if (this.#at.bytes > MAX_BYTES) throw tooLarge(this.#at.bytes);
    try {
      const { memory, exports } = instantiate(Math.ceil(this.#at.bytes / PAGE_BYTES));
      this.#memory = memory;
      this.#exports = exports;
    } catch (cause) {
      if (cause instanceof RangeError) throw tooLarge(this.#at.bytes, cause);
      throw cause;
    }
    this.source = new Uint8Array(this.#memory.buffer, this.#at.source, sourceSize);
    this.target = new Uint8Array(this.#memory.buffer, this.#at.source + sourceSize, targetSize);
  }

  /** How much of the target one window of VCDIFF makes. */
  get windowBytes(): number {
    return workSizes().window;
  }

  /**
   * Batches of segments: three numbers each, where in the target, where in the source, how long.
   *
   * For "copy" every byte of a segment is the same as in the source, and what lies behind the source is the
   * target, within the same window of `windowBytes`.
   */
  *covers(purpose: "add" | "copy"): Generator<Uint32Array> {
    const { source, suffixes, search, work, out } = this.#at;
    const target = source + this.source.length;
    this.#exports.suffixArray(source, this.source.length, suffixes, work);
    this.#exports.openSearch(source, this.source.length, suffixes, search);
    this.#exports.openCover(source, this.source.length, target, this.target.length, work, purpose === "copy");
    for (;;) {
      const count = this.#exports.nextCovers(out);
      if (count === 0) return;
      yield new Uint32Array(this.#memory.buffer, out, count * 3).slice();
    }
  }

  /** The suffix array of the source, for tests. */
  suffixArray(): Uint32Array {
    const { source, suffixes, work } = this.#at;
    this.#exports.suffixArray(source, this.source.length, suffixes, work);
    return new Uint32Array(this.#memory.buffer, suffixes, this.source.length);
  }
}

/** Writes bzip2, as many streams at once as it was made for. */
export class Bzip2Kernel {
  readonly #exports: Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #encoders: number[] = [];

  constructor(streams: number) {
    const { suffixWork, bzip2Shared, bzip2Encoder } = workSizes();
    const layout = new Layout();
    const work = layout.take(suffixWork);
    const shared = layout.take(bzip2Shared);
    for (let i = 0; i < streams; i++) this.#encoders.push(layout.take(bzip2Encoder));
    const { memory, exports } = instantiate(Math.ceil(layout.bytes / PAGE_BYTES));
    this.#memory = memory;
    this.#exports = exports;
    exports.openBzip2Work(shared, work);
  }

  /** Starts one of the streams; it is then named by what is returned. */
  open(): number {
    const encoder = this.#encoders.pop();
    if (encoder === undefined) throw new Error("the kernel has no room for one more stream");
    this.#exports.openEncoder(encoder);
    return encoder;
  }

  /** What becomes complete by these bytes, as copies. */
  *push(encoder: number, bytes: Uint8Array): Generator<Uint8Array> {
    const input = this.#exports.bzip2Input();
    const most = this.#exports.INPUT_BYTES.value as number;
    for (let at = 0; at < bytes.length; at += most) {
      const portion = bytes.subarray(at, at + most);
      new Uint8Array(this.#memory.buffer, input, portion.length).set(portion);
      yield this.#output(this.#exports.encode(encoder, portion.length));
    }
  }

  /** The rest of the stream. */
  finish(encoder: number): Uint8Array {
    return this.#output(this.#exports.finishEncoder(encoder));
  }

  #output(length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, this.#exports.bzip2Output(), length).slice();
  }
}

function tooLarge(bytes: number, cause?: unknown): ThemisError {
  return new ThemisError(
    "DIFF_TOO_LARGE",
    "failed",
    `to compare these files takes ${Math.ceil(bytes / 2 ** 20)} MiB of memory at once, which cannot be had`,
    { cause },
  );
}
