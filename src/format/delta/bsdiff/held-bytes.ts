/** Bytes that come in small pieces and are kept until all are there; nothing is copied while they grow. */

const CHUNK_BYTES = 256 * 1024;

export class HeldBytes {
  #chunks: Uint8Array[] = [];
  length = 0;

  push(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length; ) {
      const at = this.length % CHUNK_BYTES;
      if (at === 0) this.#chunks.push(new Uint8Array(CHUNK_BYTES));
      const piece = bytes.subarray(taken, taken + CHUNK_BYTES - at);
      this.#chunks.at(-1)!.set(piece, at);
      taken += piece.length;
      this.length += piece.length;
    }
  }

  /** Slices of `sliceBytes` each that lie as far from each other as they can; all must not be shorter than they. */
  sample(slices: number, sliceBytes: number): Uint8Array {
    const sample = new Uint8Array(slices * sliceBytes);
    const apart = (this.length - sliceBytes) / Math.max(1, slices - 1);
    for (let slice = 0; slice < slices; slice++) {
      this.#copy(Math.floor(slice * apart), sample.subarray(slice * sliceBytes, (slice + 1) * sliceBytes));
    }
    return sample;
  }

  /** All in one piece, which then is no longer held. */
  take(): Uint8Array {
    const all = new Uint8Array(this.length);
    this.#copy(0, all);
    this.clear();
    return all;
  }

  clear(): void {
    this.#chunks = [];
    this.length = 0;
  }

  #copy(from: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const at = from + done;
      const chunk = this.#chunks[Math.floor(at / CHUNK_BYTES)]!;
      const piece = chunk.subarray(at % CHUNK_BYTES).subarray(0, into.length - done);
      into.set(piece, done);
      done += piece.length;
    }
  }
}
