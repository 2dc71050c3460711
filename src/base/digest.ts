/** SHA-256 (FIPS 180-4) of bytes, files and streams, always as 64 lower-case hex digits. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** Large enough that the hash, not the system call, is the cost. */
const READ_BYTES = 1 << 20;

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const stream = createReadStream(path, { highWaterMark: READ_BYTES, ...(signal && { signal }) });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
