/**
 * Writes blobs into packs, in the order they are handed in, and remembers where each one lies.
 *
 * A blob that is already there is not written again. A pack is closed before it would reach the size
 * that release pages refuse, and the next blob starts the next one: `targets-0.pack`, `targets-1.pack`.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { type Blob, MAX_ASSET_BYTES, PIECE_BYTES } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import { END_OF_ARCHIVE, encodeMemberHeader, memberPadding } from "../format/pack/ustar.ts";
import { PublishError } from "./publish-error.ts";

export class PackWriter {
  readonly #folder: string;
  readonly #name: string;
  readonly #maxBytes: number;
  readonly #packs: Pack[] = [];
  readonly #known = new Map<string, Blob>();
  #growing: GrowingPack | undefined;

  /** @param name what stands before "-0.pack" */
  constructor(folder: string, name: string, maxBytes: number = MAX_ASSET_BYTES) {
    this.#folder = folder;
    this.#name = name;
    this.#maxBytes = maxBytes;
  }

  async add(bytes: Uint8Array, encoding: "identity" | "zstd"): Promise<Blob> {
    const digest = sha256(bytes);
    const known = this.#known.get(`${encoding} ${digest}`);
    if (known) return known;
    const member = encodeMemberHeader(digest, bytes.length);
    const padding = memberPadding(bytes.length);
    const total = member.length + bytes.length + padding.length;
    if (total + END_OF_ARCHIVE.length > this.#maxBytes) {
      throw new PublishError(
        "TREE_UNSUPPORTED",
        `a blob of ${bytes.length} bytes does not fit into one asset of ${this.#maxBytes}`,
      );
    }
    if (this.#growing && this.#growing.lengthBytes + total + END_OF_ARCHIVE.length > this.#maxBytes) {
      await this.#close();
    }
    this.#growing ??= await GrowingPack.start(this.#folder, `${this.#name}-${this.#packs.length}.pack`);
    const growing = this.#growing;
    const offset = growing.lengthBytes + member.length;
    for (const part of [member, bytes, padding]) await growing.write(part);
    const blob: Blob = { pack: growing.asset, offset, length: bytes.length, encoding };
    this.#known.set(`${encoding} ${digest}`, blob);
    return blob;
  }

  /** Closes the last pack and tells of all. */
  async finish(): Promise<readonly Pack[]> {
    await this.#close();
    return this.#packs;
  }

  async abandon(): Promise<void> {
    await this.#growing?.abandon();
    this.#growing = undefined;
  }

  async #close(): Promise<void> {
    if (!this.#growing) return;
    this.#packs.push(await this.#growing.finish());
    this.#growing = undefined;
  }
}

/** One pack on disk, hashed whole and by piece while it grows. */
class GrowingPack {
  readonly asset: string;
  lengthBytes = 0;
  readonly #file: FileHandle;
  readonly #digests = new AssetDigests();

  private constructor(asset: string, file: FileHandle) {
    this.asset = asset;
    this.#file = file;
  }

  static async start(folder: string, asset: string): Promise<GrowingPack> {
    return new GrowingPack(asset, await open(join(folder, asset), "wx", 0o644));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#file.writeFile(bytes);
    this.lengthBytes += bytes.length;
    this.#digests.update(bytes);
  }

  async finish(): Promise<Pack> {
    await this.write(END_OF_ARCHIVE);
    await this.#file.sync();
    await this.#file.close();
    return { asset: this.asset, size_bytes: this.lengthBytes, ...this.#digests.finish() };
  }

  async abandon(): Promise<void> {
    await this.#file.close();
  }
}

/** An asset's digest, and that of each of its pieces, while it goes by. */
export class AssetDigests {
  readonly #whole: Hash = createHash("sha256");
  #piece: Hash = createHash("sha256");
  #pieceBytes = 0;
  readonly #pieces: string[] = [];

  update(bytes: Uint8Array): void {
    this.#whole.update(bytes);
    for (let at = 0; at < bytes.length; ) {
      const take = Math.min(bytes.length - at, PIECE_BYTES - this.#pieceBytes);
      this.#piece.update(bytes.subarray(at, at + take));
      this.#pieceBytes += take;
      at += take;
      if (this.#pieceBytes === PIECE_BYTES) this.#closePiece();
    }
  }

  finish(): Pick<Pack, "sha256_hash" | "pieces"> {
    if (this.#pieceBytes > 0) this.#closePiece();
    return { sha256_hash: this.#whole.digest("hex"), pieces: this.#pieces };
  }

  #closePiece(): void {
    this.#pieces.push(this.#piece.digest("hex"));
    this.#piece = createHash("sha256");
    this.#pieceBytes = 0;
  }
}
