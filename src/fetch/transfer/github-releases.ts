/**
 * Which asset has which number, by as few calls as it takes.
 *
 *   GET /repos/O/R/releases/latest                         the offered one
 *   GET /repos/O/R/releases/tags/TAG                       this one
 *   GET /repos/O/R/releases/ID/assets?per_page=100&page=N  only when a name is missing and the list may go on
 *
 * A release is asked for once in a run. The one that was the latest is known by its tag from then on, so that
 * another release becoming the latest changes nothing. When an asset is gone, somebody may have put it there
 * anew: then the list is read again, by its ETag, which costs nothing where nothing has changed.
 */
import { FetchError } from "../fetch-error.ts";
import { type AssetIds, MAX_ASSETS, parseAssets, parseRelease, type Release } from "./github-release.ts";
import { type Asking, type Source, statusError } from "./source.ts";

/** 1000 assets of 2 KiB, and notes of 125,000 characters, each escaped; a few times over. */
const MAX_ANSWER_BYTES = 8 << 20;
const PAGE = 100;
/** The shortest page of GitHub's: a list below it has no more. */
const SHORTEST_PAGE = 30;

type Known = {
  readonly release: Release;
  readonly etag: string;
  /** All of them; undefined while the release's own list did for what was asked. */
  pages: Promise<AssetIds> | undefined;
};

export class GitHubReleases {
  readonly #api: Source;
  readonly #repository: string;
  /** By `latest` or `tags/TAG`; promises, so that two who ask at once cost one call. */
  readonly #known = new Map<string, Promise<Known | "absent">>();
  #isSeen = false;

  /**
   * @param api reads JSON below the API's base
   * @param repository "OWNER/REPO"
   */
  constructor(api: Source, repository: string) {
    this.#api = api;
    this.#repository = repository;
  }

  /**
   * @param release "latest" or "tags/TAG"
   * @param asking `fresh` reads the list again
   * @throws FetchError
   */
  async assetId(release: string, asset: string, asking: Asking): Promise<number | "absent"> {
    const known = await this.#release(release, asking);
    if (known === "absent") return "absent";
    const id = known.release.assets.get(asset);
    if (id !== undefined) return id;
    if (known.release.listed < SHORTEST_PAGE) return "absent";
    known.pages ??= this.#allAssets(known.release, asking);
    try {
      return (await known.pages).get(asset) ?? "absent";
    } catch (error) {
      known.pages = undefined;
      throw error;
    }
  }

  #release(release: string, asking: Asking): Promise<Known | "absent"> {
    const known = this.#known.get(release);
    if (known && !asking.fresh) return known;
    const reading = this.#read(release, asking, known);
    this.#known.set(release, reading);
    reading.then(
      (found) => {
        if (found !== "absent") this.#known.set(`tags/${found.release.tag}`, reading);
      },
      // What failed may do better the next time.
      () => this.#known.delete(release),
    );
    return reading;
  }

  async #read(
    release: string,
    asking: Asking,
    earlier?: Promise<Known | "absent">,
  ): Promise<Known | "absent"> {
    const known = await earlier?.catch(() => undefined);
    const before = known === "absent" ? undefined : known;
    const path = `repos/${this.#repository}/releases/${release === "latest" ? release : tagPath(release)}`;
    const found = await this.#api.readAll(path, MAX_ANSWER_BYTES, { ...asking, known: before?.etag ?? "" });
    if (found === "unchanged" && before) return before;
    if (typeof found === "string") {
      await this.#mustSee(asking);
      return "absent";
    }
    const where = this.#url(path);
    const parsed = parseRelease(found.bytes, where);
    this.#isSeen = true;
    if (parsed === "draft") return "absent";
    if (release !== "latest" && parsed.tag !== release.slice("tags/".length)) {
      throw new FetchError("SOURCE_ANSWER_INVALID", `${where} answers with another release`, {
        facts: { url: where },
      });
    }
    // Another one is the latest now, and this run is about the one before.
    if (release === "latest" && before && parsed.id !== before.release.id) return before;
    return { release: parsed, etag: found.etag, pages: undefined };
  }

  async #allAssets({ id }: Release, asking: Asking): Promise<AssetIds> {
    const all = new Map<string, number>();
    for (let page = 1; page <= MAX_ASSETS / PAGE; page++) {
      const path = `repos/${this.#repository}/releases/${id}/assets?per_page=${PAGE}&page=${page}`;
      const found = await this.#api.readAll(path, MAX_ANSWER_BYTES, asking);
      if (typeof found === "string") break;
      const { assets, listed } = parseAssets(found.bytes, this.#url(path));
      for (const [name, assetId] of assets) all.set(name, assetId);
      if (listed < PAGE) break;
    }
    return all;
  }

  /** "Not found" is also what a stranger hears of a private repository: which of the two it is costs one call. */
  async #mustSee(asking: Asking): Promise<void> {
    if (this.#isSeen) return;
    const path = `repos/${this.#repository}`;
    const found = await this.#api.readAll(path, MAX_ANSWER_BYTES, asking);
    const url = this.#url(path);
    if (found === "absent") throw statusError(url, 404, { url });
    this.#isSeen = true;
  }

  #url(path: string): string {
    return `${this.#api.name.replace(/\/$/, "")}/${path}`;
  }
}

function tagPath(release: string): string {
  return `tags/${encodeURIComponent(release.slice("tags/".length))}`;
}
