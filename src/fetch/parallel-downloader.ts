/**
 * Verified downloads for other programs: pieces of packs over several connections and from several places.
 *
 *   const downloader = new ParallelDownloader({ sources: ["https://example.org/app/1.5"], connections: 4 });
 *   const { manifest } = await verifyRelease({ anchors, manifestBytes, signatureBytes, now, trusted: NOTHING_TRUSTED, version: "" });
 *   await downloader.download({ packs: manifest.packs, blobs, folder: "/var/lib/app/transfer" });
 *
 * Every piece is proven by the digest that the signed manifest names before it is written; run again after
 * whatever happened, it goes on from there. Sizes are bytes, failures ThemisError (TRANSFER_*, SOURCE_*,
 * ASSET_SIZE, TLS_UNTRUSTED, NO_SPACE), an abort's reason comes as it is.
 */
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import type { Verified } from "../trust/verified.ts";
import { HTTP_LIMITS, type HttpLimits } from "./transfer/http-limits.ts";
import { openSource } from "./transfer/open-source.ts";
import { partPath } from "./transfer/part-file.ts";
import { wholeOf } from "./transfer/pieces.ts";
import { RateLimit } from "./transfer/rate-limit.ts";
import type { Source } from "./transfer/source.ts";
import { transfer } from "./transfer/transfer.ts";

export type DownloaderOptions = {
  /** Folders and http(s) URLs that hold the same packs, the best first. */
  readonly sources: readonly string[];
  /** Requests at once to one source; default 4. */
  readonly connections?: number;
  /** Bytes a second over all connections; default: no limit. */
  readonly limitRate?: number | undefined;
  /** A PEM file of certification authorities for TLS besides Node's own. */
  readonly caFile?: string | undefined;
  readonly limits?: Partial<HttpLimits>;
};

export type DownloadRequest = {
  readonly packs: readonly Verified<Pack>[];
  /** What is needed of them, in the order in which it is wanted; default: all. */
  readonly blobs?: readonly Blob[];
  /** Where `<sha256 of the pack>.part` grows, sparse. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  readonly progress?: (event: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  /** What a person would wonder about, such as a long wait. */
  readonly notice?: (message: string) => void;
};

export type DownloadResult = {
  /** Over the network, whether it was of use or not. */
  readonly receivedBytes: number;
  readonly files: readonly { readonly pack: Pack; readonly path: string }[];
};

/** More would not be faster where one is not held back, and where one is, four are welcome nearly everywhere. */
const CONNECTIONS = 4;

export class ParallelDownloader {
  readonly #options: DownloaderOptions;

  constructor(options: DownloaderOptions) {
    this.#options = options;
  }

  async download({
    packs,
    folder,
    blobs = packs.map(wholeOf),
    ...rest
  }: DownloadRequest): Promise<DownloadResult> {
    const { connections = CONNECTIONS, limitRate, caFile } = this.#options;
    const limits = { ...HTTP_LIMITS, ...this.#options.limits };
    const sources: Source[] = [];
    let receivedBytes = 0;
    try {
      for (const place of this.#options.sources)
        sources.push(await openSource(place, { connections, caFile, limits }));
      await transfer({
        sources,
        packs,
        blobs,
        folder,
        connections,
        firstRestMs: limits.firstRestMs,
        rateLimit: limitRate === undefined ? undefined : new RateLimit(limitRate),
        signal: rest.signal,
        progress: (doneBytes, totalBytes) => rest.progress?.({ doneBytes, totalBytes }),
        notice: (message) => rest.notice?.(message),
        received: (bytes) => {
          receivedBytes += bytes;
        },
      });
    } finally {
      for (const source of sources) await source.close();
    }
    return { receivedBytes, files: packs.map((pack) => ({ pack, path: partPath(folder, pack) })) };
  }
}
