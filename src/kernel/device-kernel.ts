/**
 * The door to what a device needs: patches carried out in WebAssembly.
 *
 * A kernel has a memory of its own, a few MiB and a window of VCDIFF, and asks for bytes when it needs them.
 * Making one costs as much as applying a small patch, so one that is given back is used again.
 */
import { kernelBytes } from "./kernel-bytes.ts";

/** Why a patch is refused; the order is that of assembly/device/refusals.ts. */
export const REFUSALS = [
  ...["bzip2-magic", "bzip2-truncated", "bzip2-level", "bzip2-block-mark", "bzip2-randomised"],
  ...["bzip2-alphabet", "bzip2-tables", "bzip2-no-selectors", "bzip2-selector", "bzip2-few-selectors"],
  ...["bzip2-code", "bzip2-run", "bzip2-long-block", "bzip2-origin", "bzip2-block-crc"],
  ...["bzip2-stream-crc", "bzip2-trailing", "stream-too-long", "stream-truncated", "stream-trailing"],
  ...["integer-too-large", "length-negative", "beyond-target", "no-progress", "far-outside"],
  ...["section-truncated", "section-trailing", "window-too-long", "window-too-short", "copy-outside"],
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** What a kernel asks of its caller. What is thrown here goes through the kernel to whoever called it. */
export type DeviceCalls = {
  /** The next bytes of a compressed stream; fewer than there is room for are its last. */
  readonly readStream?: (stream: number, into: Uint8Array) => number;
  readonly readSource?: (position: number, into: Uint8Array) => void;
  readonly refuse: (reason: Refusal) => never;
};

/** Of a patch of the bsdiff family: control, diff and extra; which may be one and the same. */
export type StreamNumbers = { readonly control: number; readonly diff: number; readonly extra: number };

export type WindowSections = {
  readonly data: number;
  readonly instructions: number;
  readonly addresses: number;
  readonly interleaved: boolean;
};

type Exports = {
  readonly memory: WebAssembly.Memory;
  readonly ARENA: WebAssembly.Global;
  readonly BZIP2_BYTES: WebAssembly.Global;
  readonly REBUILD_BYTES: WebAssembly.Global;
  readonly FOREIGN_BYTES: WebAssembly.Global;
  readonly prepare: () => void;
  readonly openAlone: (maxBytes: number) => void;
  readonly nextAlone: () => number;
  readonly pieceAlone: () => number;
  readonly openSource: (size: number) => void;
  readonly openRebuild: (targetSize: number, control: number, diff: number, extra: number) => void;
  readonly openStream: (index: number, maxBytes: number, filledOutside: boolean) => void;
  readonly streamPlace: (index: number) => number;
  readonly streamFilled: (index: number, bytes: number) => void;
  readonly rebuild: () => number;
  readonly finishStream: (index: number) => number;
  readonly targetPiece: () => number;
  readonly codeTablePlace: () => number;
  readonly openVcdiff: (nearSize: number, sameSize: number) => void;
  readonly openSegment: (position: number, length: number) => void;
  readonly openWindow: (
    sections: number,
    dataBytes: number,
    instructionBytes: number,
    addressBytes: number,
    target: number,
    targetBytes: number,
    interleaved: boolean,
  ) => void;
  readonly followInstructions: (count: number) => number;
  readonly adler32: (bytes: number, length: number, start: number) => number;
};

const PAGE_BYTES = 65536;
/** Kernels move bytes sixteen at a time. */
const MARGIN = 64;
/** So many instructions at once: few calls, and a faster version of the code is soon taken up. */
const OPCODES = 4096;
/** One that a large window made larger is not kept. */
const MAX_KEPT_BYTES = 32 * 2 ** 20;
const MAX_KEPT = 2;

let compiled: WebAssembly.Module | undefined;
const kept: DeviceKernel[] = [];

const nothingToRead = (): never => {
  throw new Error("the kernel reads what it was not given");
};

export class DeviceKernel {
  readonly #exports: Exports;
  #calls: DeviceCalls | undefined;

  /** To be given back when done; then no view of its memory may be used any more. */
  static take(calls: DeviceCalls): DeviceKernel {
    const kernel = kept.pop() ?? new DeviceKernel();
    kernel.#calls = calls;
    return kernel;
  }

  private constructor() {
    compiled ??= new WebAssembly.Module(kernelBytes("device-kernel"));
    const env = {
      readStream: (stream: number, into: number, bytes: number) =>
        (this.#calls?.readStream ?? nothingToRead)(stream, this.#view(into, bytes)),
      readSource: (position: number, into: number, bytes: number) =>
        (this.#calls?.readSource ?? nothingToRead)(position, this.#view(into, bytes)),
      refuse: (reason: number) => (this.#calls?.refuse ?? nothingToRead)(REFUSALS[reason]!),
    };
    this.#exports = new WebAssembly.Instance(compiled, { env }).exports as Exports;
    this.#grow(this.#exports.ARENA.value as number);
    this.#exports.prepare();
  }

  giveBack(): void {
    this.#calls = undefined;
    if (kept.length < MAX_KEPT && this.#exports.memory.buffer.byteLength <= MAX_KEPT_BYTES) kept.push(this);
  }

  /** One bzip2 stream, number 0; then its pieces, each valid until the next, none at its end. */
  openBzip2(maxBytes: number): void {
    this.#grow(this.#exports.BZIP2_BYTES.value as number);
    this.#exports.openAlone(maxBytes);
  }

  nextPiece(): Uint8Array | undefined {
    const length = this.#exports.nextAlone();
    return length === 0 ? undefined : this.#view(this.#exports.pieceAlone(), length);
  }

  /** Forgets what was read of a source, and asks `readSource` for no byte beyond `size`. */
  openSource(size: number): void {
    this.#exports.openSource(size);
  }

  /** A target of the bsdiff family; its streams are opened next. */
  openRebuild(targetSize: number, { control, diff, extra }: StreamNumbers): void {
    this.#grow(this.#exports.REBUILD_BYTES.value as number);
    this.#exports.openRebuild(targetSize, control, diff, extra);
  }

  /** @param filledOutside not bzip2: whenever a stream's number comes up, fill() is to be called */
  openStream(stream: number, maxBytes: number, filledOutside: boolean): void {
    this.#exports.openStream(stream, maxBytes, filledOutside);
  }

  /** Room for the next bytes of a stream; `filled` says how many came, and none that it ended. */
  roomFor(stream: number): { readonly room: Uint8Array; readonly filled: (bytes: number) => void } {
    return {
      room: this.#view(this.#exports.streamPlace(stream), this.#exports.FOREIGN_BYTES.value as number),
      filled: (bytes) => this.#exports.streamFilled(stream, bytes),
    };
  }

  /** The next piece, valid until the next call; undefined at the end; or the number of a stream to fill. */
  rebuild(): Uint8Array | number | undefined {
    const answer = this.#exports.rebuild();
    if (answer < 0) return -1 - answer;
    return answer === 0 ? undefined : this.#view(this.#exports.targetPiece(), answer);
  }

  /** Refuses a stream that holds more than was used. Says whether it must be filled first. */
  mustFillToFinish(stream: number): boolean {
    return this.#exports.finishStream(stream) < 0;
  }

  /** The instruction code table of VCDIFF and the sizes of its address caches. */
  openVcdiff(codeTable: Uint8Array, nearSize: number, sameSize: number): void {
    this.#view(this.#exports.codeTablePlace(), codeTable.length).set(codeTable);
    this.#exports.openVcdiff(nearSize, sameSize);
  }

  /** Room for the sections of a window, in the order of their names, and for its target. */
  openWindow(
    { data, instructions, addresses, interleaved }: WindowSections,
    targetBytes: number,
  ): { readonly sections: Uint8Array; readonly target: Uint8Array } {
    const sectionBytes = data + instructions + addresses;
    const at = this.#exports.ARENA.value as number;
    const target = Math.ceil((at + sectionBytes + MARGIN) / MARGIN) * MARGIN;
    this.#grow(target + targetBytes + MARGIN);
    this.#exports.openWindow(at, data, instructions, addresses, target, targetBytes, interleaved);
    return { sections: this.#view(at, sectionBytes), target: this.#view(target, targetBytes) };
  }

  /** Makes the target of the open window. The segment lies within what openSource() was called for. */
  followInstructions(segmentPosition: number, segmentLength: number): void {
    this.#exports.openSegment(segmentPosition, segmentLength);
    while (this.#exports.followInstructions(OPCODES) !== 0);
  }

  /** @param bytes a view of this kernel's memory */
  adler32(bytes: Uint8Array, start: number): number {
    return this.#exports.adler32(bytes.byteOffset, bytes.length, start) >>> 0;
  }

  #view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, bytes);
  }

  /** Earlier views end here. */
  #grow(bytes: number): void {
    const missing = bytes - this.#exports.memory.buffer.byteLength;
    if (missing > 0) this.#exports.memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
}
