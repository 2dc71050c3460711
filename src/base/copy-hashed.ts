/** A copy that lasts, and what it is: the bytes are read once, whether they are written or shared. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { syncFile } from "./atomic-file.ts";
import { sha256OfFile } from "./digest.ts";
import { openRegularFile } from "./input-file.ts";
import { cloneFile } from "./share-file.ts";

const PIECE_BYTES = 1 << 20;

export type Copied = { readonly sha256: string; readonly size: number };

/**
 * @param from a regular file @param to where nothing is yet; only its owner may read it
 * @throws InputError FILE_NOT_REGULAR; the system's errors
 */
export async function copyHashed(from: string, to: string): Promise<Copied> {
  const { file: source, size } = await openRegularFile(from);
  try {
    if (await cloneFile(from, to)) {
      await syncFile(to);
      return { sha256: await sha256OfFile(to), size };
    }
    const out = await open(to, "wx", 0o600);
    try {
      const hash = createHash("sha256");
      const buffer = new Uint8Array(Math.min(PIECE_BYTES, size + 1));
      let copied = 0;
      for (;;) {
        const { bytesRead } = await source.read(buffer, 0, buffer.length);
        if (bytesRead === 0) break;
        const piece = buffer.subarray(0, bytesRead);
        hash.update(piece);
        await out.writeFile(piece);
        copied += bytesRead;
      }
      await out.sync();
      return { sha256: hash.digest("hex"), size: copied };
    } finally {
      await out.close();
    }
  } finally {
    await source.close();
  }
}
