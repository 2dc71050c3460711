/** A new file that holds what was promised, or is not there: counted and hashed as it is written, then synced. */
import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";

export type Content = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export type Promised = {
  readonly sizeBytes: number;
  /** undefined when nobody knows it beforehand. */
  readonly sha256: string | undefined;
};

export type ProofTools = {
  /** What is thrown when something else came. */
  readonly otherwise: (found: string) => Error;
  readonly signal?: AbortSignal | undefined;
  readonly written?: ((bytes: number) => void) | undefined;
};

/** @param path where nothing is yet @param mode permissions, such as 0o755 @returns the digest */
export async function writeProven(
  path: string,
  content: Content,
  promised: Promised & { readonly mode: number },
  tools: ProofTools,
): Promise<string> {
  const file = await open(path, "wx", 0o600);
  try {
    try {
      const { pieces, digest } = proving(content, promised, tools);
      await file.writeFile(pieces);
      await file.chmod(promised.mode);
      await file.sync();
      return digest();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** The same bytes, none beyond what was promised; the end throws when they are others. */
export function proving(
  content: Content,
  { sizeBytes, sha256 }: Promised,
  { otherwise, signal, written }: ProofTools,
): { readonly pieces: AsyncIterable<Uint8Array>; readonly digest: () => string } {
  const hash = createHash("sha256");
  let digest = "";
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let made = 0;
    for await (const piece of content instanceof Uint8Array ? [content] : content) {
      signal?.throwIfAborted();
      made += piece.length;
      // Before it is written: what does not end must not fill the disk.
      if (made > sizeBytes) throw otherwise(`it has more than ${sizeBytes} bytes`);
      hash.update(piece);
      yield piece;
      written?.(made);
    }
    if (made !== sizeBytes) throw otherwise(`it has ${made} bytes, expected ${sizeBytes}`);
    digest = hash.digest("hex");
    if (sha256 !== undefined && digest !== sha256)
      throw otherwise(`it has the digest ${digest}, expected ${sha256}`);
  }
  return { pieces: pieces(), digest: () => digest };
}
