/** The check behind a block of an .xz stream (the format's section 2.1.1.2): none, CRC-32, CRC-64 or SHA-256. */
import { createHash, type Hash } from "node:crypto";
import { DeltaError } from "../error.ts";
import { crc32 } from "./crc32.ts";

const NONE = 0;
const CRC32 = 1;
const CRC64 = 4;
const SHA256 = 10;

/** How many bytes the check takes. @throws DeltaError DELTA_SECONDARY for one that nobody has defined */
export function checkBytes(type: number): number {
  switch (type) {
    case NONE:
      return 0;
    case CRC32:
      return 4;
    case CRC64:
      return 8;
    case SHA256:
      return 32;
    default:
      throw new DeltaError(
        "DELTA_SECONDARY",
        `an .xz stream in the patch has a check ${type} that nobody knows`,
      );
  }
}

export class BlockCheck {
  readonly #type: number;
  readonly #hash: Hash | undefined;
  readonly #crc64 = new Crc64();
  #crc32 = 0;

  constructor(type: number) {
    this.#type = type;
    this.#hash = type === SHA256 ? createHash("sha256") : undefined;
  }

  update(bytes: Uint8Array): void {
    if (this.#type === CRC32) this.#crc32 = crc32(bytes, this.#crc32);
    else if (this.#type === CRC64) this.#crc64.update(bytes);
    else this.#hash?.update(bytes);
  }

  matches(check: Uint8Array): boolean {
    return Buffer.from(check).equals(this.#digest());
  }

  #digest(): Buffer {
    const digest = Buffer.alloc(checkBytes(this.#type));
    if (this.#type === CRC32) digest.writeUInt32LE(this.#crc32);
    else if (this.#type === CRC64) this.#crc64.write(digest);
    else this.#hash?.digest().copy(digest);
    return digest;
  }
}

/** CRC-64 of ECMA-182, bits reversed as in CRC-32; two halves, because 64 bits do not fit a number. */
const lows = new Uint32Array(256);
const highs = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit++) {
    const odd = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd) {
      low ^= 0xd7870f42;
      high ^= 0xc96c5795;
    }
  }
  lows[byte] = low;
  highs[byte] = high;
}

class Crc64 {
  #low = -1;
  #high = -1;

  update(bytes: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < bytes.length; i++) {
      const index = (low ^ bytes[i]!) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ lows[index]!;
      high = (high >>> 8) ^ highs[index]!;
    }
    this.#low = low;
    this.#high = high;
  }

  write(into: Buffer): void {
    into.writeInt32LE(~this.#low, 0);
    into.writeInt32LE(~this.#high, 4);
  }
}
