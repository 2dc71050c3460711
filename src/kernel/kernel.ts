/**
 * The door to the kernels: what takes the time when patches are made, compiled to WebAssembly.
 *
 * Each kernel owns a memory of a size known beforehand and is dropped after use; a memory never shrinks.
 */

import type { ByteSource } from "../base/byte-source.ts";
import { ThemisError } from "../base/error.ts";
import { kernelBytes } from "./kernel-bytes.ts";

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
  ) => void;
  readonly foresee: (at: number, length: number) => void;
  readonly indexSource: (work: number) => number;
  readonly openCover: (source: number, size: number, length: number, work: number) => void;
  readonly choosePurpose: (forVcdiff: boolean) => void;
  readonly provide: (at: number, first: number, end: number) => void;
  readonly oldestNeeded: () => number;
  readonly nextCovers: (segments: number) => number;
  readonly SHARED_BYTES: WebAssembly.Global;
  readonly ENCODER_BYTES: WebAssembly.Global;
  readonly INPUT_BYTES: WebAssembly.Global;
  readonly openBzip2Work: (shared: number, sortWork: number) => void;
  readonly bzip2Input: () => number;
  readonly bzip2Output: () => number;
  readonly openEncoder: (encoder: number, level: number) => void;
  readonly encode: (encoder: number, length: number) => number;
  readonly finishEncoder: (encoder: number) => number;
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
  compiled ??= new WebAssembly.Module(kernelBytes("kernel"));
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
    bzip2Shared: exports.SHARED_BYTES.value as number,
    bzip2Encoder: exports.ENCODER_BYTES.value as number,
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

  /**
   * Sorts the source, once it is filled.
   *
   * @param target what it will be compared with: what of it the source has as it is, in long runs, need not be
   *   found in every way, and costs little. Read once, from front to back.
   * @returns how many places of the source are indexed
   */
  index(target?: ByteSource): number {
    const { sourceSize, stride, purpose } = this.#shape;
    const { source, suffixes, search, work, target: place, held } = this.#at;
    this.#exports.choosePurpose(purpose === "copy");
    this.#exports.openSearch(source, sourceSize, stride, suffixes, search);
    for (let at = 0; target && at < target.size; at += held) {
      const part = new Uint8Array(this.#memory.buffer, place, Math.min(held, target.size - at));
      target.read(at, part);
      this.#exports.foresee(place, part.length);
    }
    return this.#exports.indexSource(work) >>> 0;
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

function bzip2Layout(streams: number) {
  const { suffixWork, bzip2Shared, bzip2Encoder } = workSizes();
  const layout = new Layout();
  return {
    work: layout.take(suffixWork),
    shared: layout.take(bzip2Shared),
    encoders: Array.from({ length: streams }, () => layout.take(bzip2Encoder)),
    bytes: layout.bytes,
  };
}

/** What Bzip2Kernel will take, in bytes. */
export function bzip2Memory(streams: number): number {
  return bzip2Layout(streams).bytes;
}

/** Writes bzip2, as many streams at once as it was made for. */
export class Bzip2Kernel {
  readonly #exports: Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #encoders: number[];

  constructor(streams: number) {
    const { work, shared, encoders, bytes } = bzip2Layout(streams);
    this.#encoders = encoders;
    const { memory, exports } = instantiate(Math.ceil(bytes / PAGE_BYTES));
    this.#memory = memory;
    this.#exports = exports;
    exports.openBzip2Work(shared, work);
  }

  /**
   * Starts one of the streams; it is then named by what is returned.
   *
   * @param level 1 to 9: how many times 100,000 bytes a block has at most
   */
  open(level: number): number {
    const encoder = this.#encoders.pop();
    if (encoder === undefined) throw new Error("the kernel has no room for one more stream");
    this.#exports.openEncoder(encoder, level);
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
