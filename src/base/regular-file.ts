/**
 * Reads a file that somebody else named: a regular one, and no more of it than allowed.
 *
 * A FIFO would wait for a writer and a device never ends, so it is opened without waiting and looked at
 * before a byte is read; what grows meanwhile is cut off by the bound.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

export class NotRegular extends Error {
  constructor(path: string) {
    super(`${path} is not a regular file`);
  }
}

export class TooLong extends Error {
  constructor(path: string, maxBytes: number) {
    super(`${path} is longer than the ${maxBytes} bytes it may have`);
  }
}

/** @throws NotRegular, TooLong, the system's errors */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new NotRegular(path);
    if (stat.size > maxBytes) throw new TooLong(path, maxBytes);
    const bytes = Buffer.alloc(stat.size);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}
