/**
 * What covers are looked for in: files whose addresses are replaced by what stands there.
 *
 * In code they are zeros. A word of data that is an address becomes a sum over the bytes at that address, which
 * are the same in both files when it means the same; so a sorted table of addresses, all of which moved, still
 * has one diagonal that fits. Only who makes a patch does this; how it is done is no part of the format.
 */
import { type ByteSource, memorySource, readAll } from "../../../base/byte-source.ts";
import { type Image, type Range, ThemisKernel } from "../../../kernel/themis-kernel.ts";
import { refuseThemis } from "./apply.ts";
import { KINDS } from "./ranges.ts";

/** So many bytes at an address say which one it is. */
const TOLD_BYTES = 12;
/** Where a record of .eh_frame has the place of its function, from itself. */
const FUNCTION_AT = 8;
/** Smaller numbers are counts and flags rather than addresses. */
const LEAST_ADDRESS = 4096;

export function masked(file: ByteSource, image: Image): ByteSource {
  if (image.ranges.length === 0) return file;
  const bytes = readAll(file);
  const kernel = ThemisKernel.take({ readSource: file.read, refuse: refuseThemis });
  for (const { offset, length, kind } of image.ranges) {
    if (kind === KINDS.x86) kernel.mask(bytes.subarray(offset, offset + length), "x86");
    if (kind === KINDS.arm64) kernel.mask(bytes.subarray(offset, offset + length), "arm64");
  }
  kernel.giveBack();
  const told = new Told(bytes, image);
  for (const range of image.ranges) if (range.kind === KINDS.words) maskWords(bytes, range, image, told);
  return memorySource(bytes);
}

function maskWords(
  bytes: Uint8Array,
  { offset, length, address, bases }: Range,
  image: Image,
  told: Told,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
  // Words told in place would be read as what stands at an address: they are written when all are read.
  const changes: number[] = [];
  const start = (4 - (address % 4)) % 4;
  const only = image.bases[Math.log2(bases)];
  for (let at = start; at + 8 <= length; at += 4) {
    const word = view.getUint32(at, true);
    let place: number | undefined;
    if (only !== undefined) place = (word + only) % 2 ** 32;
    else if ((address + at) % 8 === 0 && word >= LEAST_ADDRESS && view.getUint32(at + 4, true) <= 1)
      place = word;
    const sum = place === undefined ? told.codeAt((address + at + word) % 2 ** 32) : told.at(place);
    if (sum !== undefined) changes.push(at, sum);
  }
  for (let i = 0; i < changes.length; i += 2) view.setUint32(changes[i]!, changes[i + 1]!, true);
}

/** Sums of the bytes at addresses. */
class Told {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #ranges: readonly Range[];
  readonly #code: readonly Range[];
  #last: Range | undefined;

  constructor(bytes: Uint8Array, { ranges }: Image) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#code = ranges.filter(({ kind }) => kind === KINDS.x86 || kind === KINDS.arm64);
    this.#ranges = ranges.filter(({ kind }) => kind !== KINDS.empty);
  }

  /** undefined where nothing stands. */
  at(address: number): number | undefined {
    const range = this.#find(address);
    if (!range) return undefined;
    const place = range.offset + address - range.address;
    if (range.kind === KINDS.words && place + FUNCTION_AT + 4 <= this.#bytes.length) {
      // A record of .eh_frame is whose function's it is, eight bytes behind its start.
      const word = this.#view.getUint32(place + FUNCTION_AT, true);
      const sum = this.codeAt((address + FUNCTION_AT + word) % 2 ** 32);
      if (sum !== undefined) return sum;
    }
    return this.#sum(range, place);
  }

  /** undefined where no code stands. */
  codeAt(address: number): number | undefined {
    for (const range of this.#code) {
      if (address >= range.address && address < range.address + range.length)
        return this.#sum(range, range.offset + address - range.address);
    }
    return undefined;
  }

  #sum({ kind }: Range, place: number): number {
    let sum = 0x811c9dc5;
    for (let i = place; i < Math.min(place + TOLD_BYTES, this.#bytes.length); i++) {
      sum = Math.imul(sum ^ this.#bytes[i]!, 0x01000193);
      // Of a text only its first bytes, up to its end.
      if (kind === KINDS.plain && this.#bytes[i] === 0) break;
    }
    return sum >>> 0;
  }

  #find(address: number): Range | undefined {
    const holds = (range: Range): boolean =>
      address >= range.address && address < range.address + range.length;
    if (this.#last && holds(this.#last)) return this.#last;
    const found = this.#ranges.find(holds);
    if (found) this.#last = found;
    return found;
  }
}
