/**
 * Files that somebody else put there: opened once, asked what they are, read up to a bound.
 *
 * A name is only a promise. Behind it may stand a FIFO, whose opening waits for a writer that never comes,
 * or /dev/zero, which never ends. O_NONBLOCK makes the opening return at once, and fstat of what was
 * opened (not stat of the name, which may point elsewhere a moment later) says whether it is a file.
 */
import { closeSync, constants, fstatSync, openSync, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type FailureDetails, ThemisError } from "./error.ts";

export class InputError extends ThemisError<"FILE_NOT_REGULAR" | "FILE_TOO_LARGE"> {
  constructor(code: "FILE_NOT_REGULAR" | "FILE_TOO_LARGE", message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}

const READ_ONLY_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** @param demand asked about what was opened. @throws InputError FILE_NOT_REGULAR; what demand throws; the system's */
export async function openRegularFile(
  path: string,
  demand?: (stat: Stats) => void,
): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const file = await open(path, READ_ONLY_AT_ONCE);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw notRegular(path);
    demand?.(stat);
    return { file, size: stat.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The same, synchronously; the caller closes. */
export function openRegularFileSync(path: string): { readonly file: number; readonly size: number } {
  const file = openSync(path, READ_ONLY_AT_ONCE);
  const stat = fstatSync(file);
  if (stat.isFile()) return { file, size: stat.size };
  closeSync(file);
  throw notRegular(path);
}

/** @throws InputError; what `demand` throws; the system's error when it cannot be opened or read */
export async function readRegularFile(
  path: string,
  maxBytes: number,
  demand?: (stat: Stats) => void,
): Promise<Buffer> {
  const { file, size } = await openRegularFile(path, demand);
  try {
    if (size > maxBytes) throw tooLarge(path, maxBytes);
    return await readUpTo(file, path, maxBytes);
  } finally {
    await file.close();
  }
}

/** A secret may come through a pipe, `<(pass show pin)`, so that no disk ever holds it; the bound stays. */
export async function readSecret(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    return await readUpTo(file, path, maxBytes);
  } finally {
    await file.close();
  }
}

/** The size is not believed: files in /proc say 0, and others grow. */
async function readUpTo(file: FileHandle, path: string, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(64 << 10));
    if (bytesRead === 0) return Buffer.concat(pieces);
    length += bytesRead;
    if (length > maxBytes) throw tooLarge(path, maxBytes);
    pieces.push(buffer.subarray(0, bytesRead));
  }
}

function notRegular(path: string): InputError {
  return new InputError("FILE_NOT_REGULAR", `${path} is not a regular file, and only those are read`, {
    facts: { path },
    hint: "name a file; a folder, pipe or device cannot stand in its place",
  });
}

function tooLarge(path: string, maxBytes: number): InputError {
  return new InputError("FILE_TOO_LARGE", `${path} has more than the ${maxBytes} bytes allowed here`, {
    facts: { path, maxBytes },
    hint: "check that this is the file you mean",
  });
}
