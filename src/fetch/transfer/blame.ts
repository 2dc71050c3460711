/**
 * What is held against mirrors, so that none is asked in vain: a piece with other bytes, another file under the
 * name of a pack, no such pack.
 *
 * Once may be the way: a cache, or a release that is just being put there. So the second time caches are passed
 * by, and only then a mirror is left, for that piece or for that pack.
 */
import type { Pack } from "../../format/manifest/manifest.ts";
import { FetchError } from "../fetch-error.ts";
import type { Mirror } from "./mirrors.ts";
import type { Run } from "./pieces.ts";

export class Blame {
  /** By pack and piece: who brought other bytes, and how often. */
  readonly #wrong = new Map<string, Map<Mirror, number>>();
  /** By pack: who had another file under its name, once. */
  readonly #strange = new Map<string, Set<Mirror>>();
  /** By pack: who is not asked for it again. */
  readonly #left = new Map<string, Set<Mirror>>();
  /** By pack: what was held against somebody last. */
  readonly #last = new Map<string, FetchError>();

  /** Who is not asked for a run. */
  unable({ pack, first }: Run): Set<Mirror> {
    const unable = new Set(this.#left.get(pack.asset));
    for (const [mirror, times] of this.#wrong.get(key(pack, first)) ?? []) if (times > 1) unable.add(mirror);
    return unable;
  }

  /** Whether a mirror is asked for the second time, past caches. */
  isSuspect({ pack, first }: Run, mirror: Mirror): boolean {
    return this.#isStrange(pack, mirror) || (this.#wrong.get(key(pack, first))?.has(mirror) ?? false);
  }

  /** Why the last mirror was left; a pack that nobody was blamed for has none. */
  reason({ asset }: Pack): FetchError | undefined {
    return this.#last.get(asset);
  }

  wrongPiece(pack: Pack, piece: number, mirror: Mirror): void {
    const blamed = this.#wrong.get(key(pack, piece)) ?? new Map<Mirror, number>();
    blamed.set(mirror, (blamed.get(mirror) ?? 0) + 1);
    this.#wrong.set(key(pack, piece), blamed);
    this.#last.set(
      pack.asset,
      new FetchError(
        "TRANSFER_DIGEST_MISMATCH",
        `piece ${piece} of ${pack.asset} from ${mirror.source.name} is not what the manifest names`,
        {
          facts: { asset: pack.asset, piece },
          hint: "the source holds other bytes than were signed; nothing was installed",
        },
      ),
    );
  }

  anotherFile(pack: Pack, mirror: Mirror, error: FetchError): void {
    if (this.#isStrange(pack, mirror)) this.absent(pack, mirror, error);
    else this.#strange.set(pack.asset, new Set(this.#strange.get(pack.asset)).add(mirror));
  }

  absent(pack: Pack, mirror: Mirror, error: FetchError): void {
    this.#left.set(pack.asset, new Set(this.#left.get(pack.asset)).add(mirror));
    // Wrong bytes are worth more words than none.
    if (this.#last.get(pack.asset)?.code !== "TRANSFER_DIGEST_MISMATCH") this.#last.set(pack.asset, error);
  }

  #isStrange({ asset }: Pack, mirror: Mirror): boolean {
    return this.#strange.get(asset)?.has(mirror) ?? false;
  }
}

function key({ asset }: Pack, piece: number): string {
  return `${asset}/${piece}`;
}
