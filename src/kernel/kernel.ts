/**
 * The door to the kernels: what takes the time when patches are made, compiled to WebAssembly.
 *
 * Each kernel owns a memory of a size known beforehand and is dropped after use; a memory never shrinks.
 */
import { readFileSync } from "node:fs";
import type { ByteSource } from "../base/byte-source.ts";
import { ThemisError } from "../base/error.ts";

type Exports = {
  readonly SUFFIX_WORK_BYTES: WebAssembly.Global;
  readonly INDEX_WORK_BYTES: WebAssembly.Global;
  readonly COVER_WORK_BYTES: WebAssembly.Global;
  readonly COVER_OUT_BYTES: WebAssembly.Global;
  readonly WINDOW: WebAssembly.Global;
  readonly MORE: WebAssembly.Global;
  readonly suffixArray: (text: number, length: number, suffixes: number, work: number) => void;
  readonly searchBytes: (size: number, stride: number) => number;
  readonly openSearch: (
    source: number,
    size: number,
    stride: number,
    suffixes: number,
    search: number,
    work: number,
  ) => void;
  readonly openCover: (source: number, size: number, length: number, work: number) => void;
  readonly choosePurpose: (forVcdiff: boolean) => void;
  readonly provide: (at: number, first: number, end: number) => void;
  readonly oldestNeeded: () => number;
  readonly nextCovers: (segments: number) => number;
  readonly transform: (
    block: number,
    length: number,
    column: number,
    turned: number,
    suffixes: number,
    work: number,
  ) => number;
};

const PAGE_BYTES = 65536;
/** Below this lies what the compiler uses for itself. */
const START = PAGE_BYTES;
/** Kernels read a little beyond what they are given. */
const MARGIN = 64;
/** What 32-bit addresses reach. */
export const MAX_KERNEL_BYTES = 2 ** 32 - PAGE_BYTES;

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
    indexWork: exports.INDEX_WORK_BYTES.value as number,
    coverWork: exports.COVER_WORK_BYTES.value as number,
    coverOut: exports.COVER_OUT_BYTES.value as number,
    window: exports.WINDOW.value as number,
    more: exports.MORE.value as number,
    search: (sourceSize: number, stride: number) => exports.searchBytes(sourceSize, stride),
  };
}

function workSizes(): ReturnType<typeof readSizes> {
  sizes ??= readSizes();
  return sizes;
}

/** "add": a difference is added to the source (bsdiff). "copy": every byte is the source's, or the target's own (VCDIFF). */
export type CoverPurpose = "add" | "copy";

export type CoverShape = {
  /** In bytes. */
  readonly sourceSize: number;
  readonly targetSize: number;
  /** Every so many bytes of the source are indexed: 4 / stride bytes of memory for each. */
  readonly stride: number;
  readonly purpose: CoverPurpose;
};

/** Of the target so much is held beyond what may be copied from. */
const AHEAD_BYTES = 1 << 20;

function coverLayout({ sourceSize, targetSize, stride, purpose }: CoverShape) {
  const { indexWork, coverWork, coverOut, search, window } = workSizes();
  const held = Math.min(targetSize, purpose === "copy" ? window + AHEAD_BYTES : AHEAD_BYTES);
  const layout = new Layout();
  return {
    work: layout.take(Math.max(indexWork, coverWork)),
    out: layout.take(coverOut),
    target: layout.take(held),
    source: layout.take(sourceSize),
    suffixes: layout.take(Math.ceil(sourceSize / stride) * 4),
    search: layout.take(search(sourceSize, stride)),
    held,
    bytes: layout.bytes,
  };
}

/** What CoverKernel will take, in bytes; more than `MAX_KERNEL_BYTES` cannot be had. */
export function coverMemory(shape: CoverShape): number {
  return coverLayout(shape).bytes;
}

/** How much of a target one window of VCDIFF makes, in bytes. */
export function windowBytes(): number {
  return workSizes().window;
}

/** Finds which part of a source stands behind each byte of a target. */
export class CoverKernel {
  /** To be filled before index() is called; it lies in the kernel's memory. */
  readonly source: Uint8Array;
  readonly #shape: CoverShape;
  readonly #exports: Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #at: ReturnType<typeof coverLayout>;

  /** @throws ThemisError DIFF_TOO_LARGE when the memory that is needed cannot be had */
  constructor(shape: CoverShape) {
    this.#shape = shape;
    this.#at = coverLayout(shape);
    if (this.#at.bytes > MAX_KERNEL_BYTES) throw tooLarge(this.#at.bytes);
    try {
      const { memory, exports } = instantiate(Math.ceil(this.#at.bytes / PAGE_BYTES));
      this.#memory = memory;
      this.#exports = exports;
    } catch (cause) {
      if (cause instanceof RangeError) throw tooLarge(this.#at.bytes, cause);
      throw cause;
    }
    this.source = new Uint8Array(this.#memory.buffer, this.#at.source, shape.sourceSize);
  }

  /** Sorts the source, once it is filled. */
  index(): void {
    const { sourceSize, stride, purpose } = this.#shape;
    const { source, suffixes, search, work } = this.#at;
    this.#exports.choosePurpose(purpose === "copy");
    this.#exports.openSearch(source, sourceSize, stride, suffixes, search, work);
  }

  /**
   * Batches of segments, each valid until the next is asked for: three numbers a segment, where in the target,
   * where in the source (0xffffffff: nowhere), how long.
   *
   * For "copy" every byte of a segment is the same as in the source, and what lies behind the source is the
   * target, within the same window of `windowBytes()`. The target is read once, from front to back.
   */
  *covers(target: ByteSource): Generator<Uint32Array> {
    const { more } = workSizes();
    const { source, work, out, target: place, held } = this.#at;
    this.#exports.openCover(source, this.#shape.sourceSize, target.size, work);
    const view = new Uint8Array(this.#memory.buffer, place, held);
    let first = 0;
    let known = 0;
    for (;;) {
      const count = this.#exports.nextCovers(out) >>> 0;
      if (count === 0) return;
      if (count !== more >>> 0) {
        yield new Uint32Array(this.#memory.buffer, out, count * 3);
        continue;
      }
      const keep = this.#exports.oldestNeeded() >>> 0;
      view.copyWithin(0, keep - first, known - first);
      const end = Math.min(target.size, keep + held);
      target.read(known, view.subarray(known - keep, end - keep));
      first = keep;
      known = end;
      this.#exports.provide(place, first, known);
    }
  }
}

/** The order of all suffixes of a text, for tests. */
export function suffixArray(text: Uint8Array): Uint32Array {
  const layout = new Layout();
  const at = {
    work: layout.take(workSizes().suffixWork),
    text: layout.take(text.length),
    suffixes: layout.take(text.length * 4),
  };
  const { memory, exports } = instantiate(Math.ceil(layout.bytes / PAGE_BYTES));
  new Uint8Array(memory.buffer).set(text, at.text);
  exports.suffixArray(at.text, text.length, at.suffixes, at.work);
  return new Uint32Array(memory.buffer, at.suffixes, text.length).slice();
}

/** The Burrows-Wheeler transform of blocks up to a size. */
export class TransformKernel {
  readonly #exports: Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #at;

  constructor(maxBlock: number) {
    const layout = new Layout();
    this.#at = {
      work: layout.take(workSizes().suffixWork),
      block: layout.take(maxBlock),
      turned: layout.take(maxBlock),
      column: layout.take(maxBlock),
      suffixes: layout.take(maxBlock * 4),
    };
    const { memory, exports } = instantiate(Math.ceil(layout.bytes / PAGE_BYTES));
    this.#memory = memory;
    this.#exports = exports;
  }

  readonly transform = (block: Uint8Array): { readonly column: Uint8Array; readonly origin: number } => {
    const at = this.#at;
    new Uint8Array(this.#memory.buffer).set(block, at.block);
    const origin = this.#exports.transform(
      at.block,
      block.length,
      at.column,
      at.turned,
      at.suffixes,
      at.work,
    );
    return { column: new Uint8Array(this.#memory.buffer, at.column, block.length), origin };
  };
}

function tooLarge(bytes: number, cause?: unknown): ThemisError {
  return new ThemisError(
    "DIFF_TOO_LARGE",
    "failed",
    `to compare these files takes ${Math.ceil(bytes / 2 ** 20)} MiB of memory at once, which cannot be had`,
    { cause },
  );
}
