/**
 * The door to the kernel of THEMIS: one walk through a target, taken by whoever writes a patch and by whoever
 * reads it.
 *
 * A kernel's memory is known before it starts: tables whose sizes the patch says, and its covers.
 */
import { kernelBytes } from "./kernel-bytes.ts";

/** Why a patch is refused; the order is that of assembly/themis/refusals.ts. */
export const THEMIS_REFUSALS = [
  "coded-truncated",
  "coded-trailing",
  "copy-beyond-source",
  "cover-beyond-target",
] as const;
export type ThemisRefusal = (typeof THEMIS_REFUSALS)[number];

/** What a kernel asks of its caller. What is thrown here goes through the kernel to whoever called it. */
export type ThemisCalls = {
  readonly readSource: (position: number, into: Uint8Array) => void;
  /** While decoding: the next coded bytes; fewer than there is room for are the last. */
  readonly readCoded?: (into: Uint8Array) => number;
  /** While encoding. */
  readonly writeCoded?: (bytes: Uint8Array) => void;
  readonly readTarget?: (into: Uint8Array) => void;
  readonly refuse: (reason: ThemisRefusal) => never;
};

/** What stands where in a file; see assembly/themis/ranges.ts. */
export type Range = {
  readonly offset: number;
  readonly length: number;
  /** Modulo 2^32. */
  readonly address: number;
  readonly kind: number;
  /** A bit for each base that words here may count from. */
  readonly bases: number;
};

export type Image = {
  readonly ranges: readonly Range[];
  /** Addresses that words may count from: of the image's start, of a table of texts and so on; at most MAX_BASES. */
  readonly bases: readonly number[];
};

export type TableShape = {
  /** Powers of two: how many entries the tables have. */
  readonly bucketLog: number;
  readonly learnedLog: number;
  readonly coverCount: number;
};

export type WalkShape = TableShape & {
  /** In bytes. */
  readonly sourceSize: number;
  readonly targetSize: number;
};

type Exports = {
  readonly memory: WebAssembly.Memory;
  readonly OLD_RANGES: WebAssembly.Global;
  readonly NEW_RANGES: WebAssembly.Global;
  readonly OLD_BASES: WebAssembly.Global;
  readonly NEW_BASES: WebAssembly.Global;
  readonly TARGET: WebAssembly.Global;
  readonly SPENT: WebAssembly.Global;
  readonly prepare: () => void;
  readonly coversPlace: (bucketLog: number, learnedLog: number) => number;
  readonly bytesFor: (bucketLog: number, learnedLog: number, covers: number) => number;
  readonly open: (
    encoding: boolean,
    sourceSize: number,
    targetSize: number,
    bucketLog: number,
    learnedLog: number,
    covers: number,
    oldRanges: number,
    newRanges: number,
  ) => void;
  readonly walk: () => number;
  readonly pieceAt: () => number;
  readonly maskX86: (place: number, length: number) => number;
  readonly maskArm64: (place: number, length: number) => void;
};

const PAGE_BYTES = 65536;
const ACCOUNTS = 32;
const RANGE_CELLS = 8;
export const MAX_BASES = 6;
/** Cells of a cover in the kernel: target, source, length and one that is not used. */
const COVER_CELLS = 4;
const MASK_BYTES = 256 * 1024;
const MASK_AHEAD = 32;

const nothing = (): never => {
  throw new Error("the kernel asks for what nobody gave");
};

let compiled: WebAssembly.Module | undefined;
let idle: ThemisKernel | undefined;
/** One that large tables made larger is not kept. */
const MAX_KEPT_BYTES = 8 * 2 ** 20;

export class ThemisKernel {
  readonly #exports: Exports;
  #calls: ThemisCalls | undefined;

  /** To be given back when done; then no view of its memory may be used any more. */
  static take(calls: ThemisCalls): ThemisKernel {
    const kernel = idle ?? new ThemisKernel();
    idle = undefined;
    kernel.#calls = calls;
    return kernel;
  }

  private constructor() {
    compiled ??= new WebAssembly.Module(kernelBytes("themis-kernel"));
    const env = {
      readSource: (position: number, into: number, bytes: number) =>
        this.#calls!.readSource(position, this.#view(into, bytes)),
      readCoded: (into: number, bytes: number) => this.#calls!.readCoded!(this.#view(into, bytes)),
      writeCoded: (from: number, bytes: number) => this.#calls!.writeCoded!(this.#view(from, bytes)),
      readTarget: (into: number, bytes: number) => this.#calls!.readTarget!(this.#view(into, bytes)),
      refuse: (reason: number) => this.#calls!.refuse(THEMIS_REFUSALS[reason]!),
    };
    this.#exports = new WebAssembly.Instance(compiled, { env }).exports as Exports;
    this.#grow(this.#exports.bytesFor(0, 0, 0));
    this.#exports.prepare();
  }

  /** What a walk of this shape takes, in bytes. */
  static memoryOf(shape: TableShape): number {
    const kernel = ThemisKernel.take({ readSource: nothing, refuse: nothing });
    const bytes = memoryOf(kernel.#exports, shape);
    kernel.giveBack();
    return bytes;
  }

  giveBack(): void {
    this.#calls = undefined;
    if (this.#exports.memory.buffer.byteLength <= MAX_KEPT_BYTES) idle = this;
  }

  /** @param covers while encoding: three numbers each, where in the target, where in the source, how long */
  open(shape: WalkShape, old: Image, now: Image, covers?: Uint32Array): void {
    const { sourceSize, targetSize, bucketLog, learnedLog, coverCount } = shape;
    this.#grow(memoryOf(this.#exports, shape));
    this.#putRanges(this.#exports.OLD_RANGES.value as number, old.ranges);
    this.#putRanges(this.#exports.NEW_RANGES.value as number, now.ranges);
    this.#putBases(this.#exports.OLD_BASES.value as number, old.bases);
    this.#putBases(this.#exports.NEW_BASES.value as number, now.bases);
    if (covers) this.#putCovers(this.#exports.coversPlace(bucketLog, learnedLog), covers);
    this.#exports.open(
      covers !== undefined,
      sourceSize,
      targetSize,
      bucketLog,
      learnedLog,
      coverCount,
      old.ranges.length,
      now.ranges.length,
    );
  }

  /** The next piece of the target, valid until the next call; undefined at the end. */
  next(): Uint8Array | undefined {
    const length = this.#exports.walk();
    return length === 0 ? undefined : this.#view(this.#exports.pieceAt(), length);
  }

  /** What was spent on what while encoding, in bits; see schemas/delta-themis.md. */
  spent(): number[] {
    const cells = new BigUint64Array(
      this.#exports.memory.buffer,
      this.#exports.SPENT.value as number,
      ACCOUNTS,
    );
    return Array.from(cells, (cell) => Number(cell) / 65536);
  }

  /** Zeros for the addresses in code, in place: what covers are looked for in. Not while a walk is open. */
  mask(bytes: Uint8Array, kind: "x86" | "arm64"): void {
    const place = this.#exports.TARGET.value as number;
    for (let at = 0; at < bytes.length; ) {
      const view = this.#view(place, MASK_BYTES + MASK_AHEAD);
      const part = bytes.subarray(at, at + MASK_BYTES);
      view.fill(0, part.length);
      view.set(part);
      let done = part.length;
      if (kind === "arm64") this.#exports.maskArm64(place, part.length);
      else done = this.#exports.maskX86(place, part.length) || part.length;
      bytes.set(view.subarray(0, done), at);
      at += done;
    }
  }

  #putRanges(place: number, ranges: readonly Range[]): void {
    const cells = new Uint32Array(this.#exports.memory.buffer, place, ranges.length * RANGE_CELLS);
    for (const [index, { offset, length, address, kind, bases }] of ranges.entries()) {
      cells.set([offset, length, address, kind, bases], index * RANGE_CELLS);
    }
  }

  #putBases(place: number, bases: readonly number[]): void {
    const cells = new Uint32Array(this.#exports.memory.buffer, place, MAX_BASES).fill(0);
    cells.set(bases);
  }

  #putCovers(place: number, covers: Uint32Array): void {
    const cells = new Uint32Array(this.#exports.memory.buffer, place, (covers.length / 3) * COVER_CELLS);
    for (let i = 0, to = 0; i < covers.length; i += 3, to += COVER_CELLS) {
      cells[to] = covers[i]!;
      cells[to + 1] = covers[i + 1]!;
      cells[to + 2] = covers[i + 2]!;
    }
  }

  #view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, bytes);
  }

  #grow(bytes: number): void {
    const missing = bytes - this.#exports.memory.buffer.byteLength;
    if (missing > 0) this.#exports.memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
}

function memoryOf(exports: Exports, { bucketLog, learnedLog, coverCount }: TableShape): number {
  return exports.bytesFor(bucketLog, learnedLog, coverCount) >>> 0;
}
