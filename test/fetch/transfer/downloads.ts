/** A pack at a server that misbehaves, and a device that wants it. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ThemisError } from "../../../src/base/error.ts";
import {
  type DownloaderOptions,
  type DownloadRequest,
  ParallelDownloader,
} from "../../../src/fetch/parallel-downloader.ts";
import type { HttpLimits } from "../../../src/fetch/transfer/http-limits.ts";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import type { Pack } from "../../../src/format/manifest/manifest.ts";
import { markVerified, type Verified } from "../../../src/trust/verified.ts";
import { noise } from "../../kit/world.ts";

export const PACK = "targets-0.pack";

/** Three pieces and a half. */
export const content = noise(3.5 * PIECE_BYTES, 404);

/** As if a proven manifest named it. */
export function packOf(bytes: Uint8Array, asset = PACK): Verified<Pack> {
  const digest = (part: Uint8Array): string => createHash("sha256").update(part).digest("hex");
  const pieces = Array.from({ length: Math.ceil(bytes.length / PIECE_BYTES) }, (_, i) =>
    digest(bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)),
  );
  return markVerified({ asset, size_bytes: bytes.length, sha256_hash: digest(bytes), pieces });
}

export const pack = packOf(content);

/** Short enough that the worst case is a test, long enough that a busy machine is no fault. */
export const LIMITS: HttpLimits = {
  connectMs: 2000,
  headMs: 1000,
  stallMs: 1000,
  lowSpeedMs: 2000,
  lowSpeedBytes: 32 * 1024,
  maxRedirects: 10,
  firstRestMs: 40,
  secondaryLimitMs: 300,
};

export type Ended = {
  readonly error: ThemisError | undefined;
  readonly receivedBytes: number;
  readonly notices: readonly string[];
};

export class Device {
  readonly folder = mkdtempSync(join(tmpdir(), "themis-transfer-"));
  readonly transfer = join(this.folder, "transfer");

  /** @throws what is no ThemisError: a bug */
  async fetch(
    sources: readonly string[],
    connections = 1,
    wanted: readonly Verified<Pack>[] = [pack],
    more: Partial<DownloadRequest> = {},
    options: Partial<DownloaderOptions> = {},
  ): Promise<Ended> {
    const notices: string[] = [];
    const downloader = new ParallelDownloader({ sources, connections, limits: LIMITS, ...options });
    mkdirSync(this.transfer, { recursive: true });
    try {
      const { receivedBytes } = await downloader.download({
        packs: wanted,
        folder: this.transfer,
        notice: (message) => notices.push(message),
        ...more,
      });
      return { error: undefined, receivedBytes, notices };
    } catch (error) {
      if (!(error instanceof ThemisError)) throw error;
      return { error, receivedBytes: Number.NaN, notices };
    }
  }

  /** Every piece that is in place is right (I1), and nothing is longer than it may be (I2). */
  wrong(wanted: Pack = pack, bytes: Uint8Array = content): string[] {
    const wrongs: string[] = [];
    for (const name of readdirSync(this.transfer)) {
      if (name !== `${wanted.sha256_hash}.part`) wrongs.push(`a file ${name}`);
    }
    const path = join(this.transfer, `${wanted.sha256_hash}.part`);
    if (!existsSync(path)) return wrongs;
    const there = readFileSync(path);
    if (there.length > bytes.length) wrongs.push(`${there.length} bytes`);
    for (let at = 0; at < there.length; at += PIECE_BYTES) {
      const piece = there.subarray(at, at + PIECE_BYTES);
      const isHole = piece.every((byte) => byte === 0);
      if (!isHole && !piece.equals(bytes.subarray(at, at + piece.length)))
        wrongs.push(`piece ${at / PIECE_BYTES}`);
    }
    return wrongs;
  }

  isWhole(wanted: Pack = pack, bytes: Uint8Array = content): boolean {
    return readFileSync(join(this.transfer, `${wanted.sha256_hash}.part`)).equals(bytes);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
