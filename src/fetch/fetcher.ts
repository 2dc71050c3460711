/** Brings the blobs of a plan to the device, counts what came, and does without what only patches needed. */
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import type { DevicePlace } from "./place.ts";
import { type Plan, withoutPack } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import { RateLimit } from "./transfer/rate-limit.ts";
import { PackUnusable, transfer } from "./transfer/transfer.ts";
import type { TransferRecord } from "./transfer-record.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

export type BringOptions = {
  readonly arrived?: (pack: Pack, piece: number) => void;
  readonly signal?: AbortSignal | undefined;
};

export class Fetcher {
  /** Received so far, whether it was of use or not. */
  bytes = 0;
  readonly #request: UpdateRequest;
  readonly #tools: UpdateTools;
  readonly #place: DevicePlace;
  readonly #prepared: Prepared;
  readonly #rateLimit: RateLimit | undefined;

  readonly #record: TransferRecord;

  constructor(
    request: UpdateRequest,
    tools: UpdateTools,
    place: DevicePlace,
    prepared: Prepared,
    record: TransferRecord,
  ) {
    this.#record = record;
    this.#request = request;
    this.#tools = tools;
    this.#place = place;
    this.#prepared = prepared;
    const { limitRate } = request;
    this.#rateLimit = limitRate === undefined ? undefined : new RateLimit(limitRate);
  }

  /** A pack of patches that no source has, or none rightly, costs its files their delta, not the download. */
  async everything(plan: Plan): Promise<void> {
    try {
      await this.blobs(plan.blobs);
    } catch (error) {
      if (!(error instanceof PackUnusable)) throw error;
      const without = withoutPack(plan, error.asset, this.#prepared.release.manifest.packs);
      // The pack of a whole target: there is nothing left to fall back to.
      if (without.paths.length === 0) throw error;
      await this.everything(without.plan);
    }
  }

  /** @param arrived told of every piece that is there @param signal instead of the request's. @throws PackUnusable; what a transfer throws */
  async blobs(
    blobs: readonly Blob[],
    { arrived, signal = this.#request.signal }: BringOptions = {},
  ): Promise<void> {
    const { release, plan } = this.#prepared;
    this.#record.want(blobs);
    const under = transfer({
      sources: release.sources,
      packs: release.manifest.packs,
      blobs,
      folder: this.#place.transfer,
      connections: this.#request.connections,
      signal,
      arrived: (pack, piece) => {
        this.#record.proven(pack, piece);
        arrived?.(pack, piece);
      },
      rateLimit: this.#rateLimit,
      notice: (message) => this.#tools.notice?.(message),
      received: (bytes) => {
        this.bytes += bytes;
      },
      progress: (doneBytes, totalBytes) =>
        this.#tools.progress?.({
          phase: "downloading",
          done: doneBytes >= totalBytes ? blobs.length : 0,
          total: blobs.length,
          doneBytes,
          totalBytes,
          savedBytes: plan.bytesFull - plan.bytesToFetch,
        }),
    });
    await under.finally(() => this.#record.save());
  }

  readonly rebuilding = (done: number, total: number, doneBytes: number, totalBytes: number): void => {
    this.#tools.progress?.({ phase: "rebuilding", done, total, doneBytes, totalBytes, savedBytes: 0 });
  };
}
