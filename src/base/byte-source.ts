/**
 * Bytes that can be read at any position: memory, or a file of which only a few pages are held.
 *
 * Reading is synchronous, because a decoder asks for many small pieces; whoever must not be held up runs
 * it in a worker thread.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { openRegularFileSync } from "./input-file.ts";

export type ByteSource = {
  /** In bytes. */
  readonly size: number;
  /** Fills `into` with the bytes from `position` on; to ask beyond the end is a bug of the caller. */
  readonly read: (position: number, into: Uint8Array) => void;
};

export type FileSource = ByteSource & { readonly close: () => void };

const PAGE_BYTES = 64 * 1024;
const MAX_PAGES = 64;
/** Whoever asks for so much at once holds pages of its own. */
const DIRECT_BYTES = 4096;

export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: (position, into) => into.set(slice(bytes, position, into.length)),
  };
}

/** At most 4 MiB of the file in memory. @throws InputError; the system's error when it cannot be opened or read */
export function openFileSource(path: string): FileSource {
  const { file, size } = openRegularFileSync(path);
  const pages = new Map<number, Uint8Array>();
  const page = (index: number): Uint8Array => {
    const held = pages.get(index);
    if (held) return held;
    const oldest = pages.size >= MAX_PAGES ? pages.keys().next().value : undefined;
    const bytes = (oldest !== undefined && pages.get(oldest)) || new Uint8Array(PAGE_BYTES);
    if (oldest !== undefined) pages.delete(oldest);
    readFully(file, bytes.subarray(0, Math.min(PAGE_BYTES, size - index * PAGE_BYTES)), index * PAGE_BYTES);
    pages.set(index, bytes);
    return bytes;
  };
  return {
    size,
    read: (position, into) => {
      if (position < 0 || position + into.length > size) throw beyondEnd(position, into.length, size);
      if (into.length >= DIRECT_BYTES) {
        readFully(file, into, position);
        return;
      }
      for (let done = 0; done < into.length; ) {
        const at = position + done;
        const start = at % PAGE_BYTES;
        const length = Math.min(PAGE_BYTES - start, into.length - done);
        into.set(page(Math.floor(at / PAGE_BYTES)).subarray(start, start + length), done);
        done += length;
      }
    },
    close: () => closeSync(file),
  };
}

/** A file that somebody is writing, opened when it is first read; nothing of it is held. */
export function growingFileSource(path: string): FileSource {
  let file: number | undefined;
  const opened = (): number => (file ??= openSync(path, "r"));
  return {
    get size() {
      return fstatSync(opened()).size;
    },
    read: (position, into) => readFully(opened(), into, position),
    close: () => {
      if (file !== undefined) closeSync(file);
    },
  };
}

/** A part of another source, as a source of its own. */
export function partOf({ read }: ByteSource, start: number, size: number): ByteSource {
  return { size, read: (position, into) => read(start + position, into) };
}

export function readAll({ size, read }: ByteSource): Uint8Array {
  const bytes = new Uint8Array(size);
  read(0, bytes);
  return bytes;
}

/** Node takes lengths of 31 bits. */
const MAX_READ_BYTES = 1 << 30;

function readFully(file: number, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length; ) {
    const wanted = Math.min(MAX_READ_BYTES, into.length - done);
    const count = readSync(file, into, done, wanted, position + done);
    if (count === 0) throw beyondEnd(position, into.length, position + done);
    done += count;
  }
}

function slice(bytes: Uint8Array, position: number, length: number): Uint8Array {
  if (position < 0 || position + length > bytes.length) throw beyondEnd(position, length, bytes.length);
  return bytes.subarray(position, position + length);
}

function beyondEnd(position: number, length: number, size: number): RangeError {
  return new RangeError(`${length} bytes at ${position} were asked of ${size}`);
}
