/** What a GitHub holds: repositories, releases with their assets, and tokens with their rights. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type FakeAsset = {
  readonly id: number;
  readonly name: string;
  readonly state: "uploaded" | "open" | "starter";
  readonly bytes: Uint8Array;
  /** As the API names it; null on old assets. */
  readonly digest: string | null;
};

export type FakeRelease = {
  readonly id: number;
  readonly tag: string;
  draft: boolean;
  readonly prerelease: boolean;
  readonly assets: FakeAsset[];
};

export type Right = "none" | "metadata: read" | "contents: read" | "contents: write";

export class FakeRepository {
  readonly owner: string;
  readonly name: string;
  readonly isPrivate: boolean;
  /** In the order of their making. */
  readonly releases: FakeRelease[] = [];
  readonly #nextId: () => number;

  constructor(fullName: string, isPrivate: boolean, nextId: () => number) {
    [this.owner, this.name] = fullName.split("/") as [string, string];
    this.isPrivate = isPrivate;
    this.#nextId = nextId;
  }

  get fullName(): string {
    return `${this.owner}/${this.name}`;
  }

  addRelease(tag: string, { draft = false, prerelease = false } = {}): FakeRelease {
    const release = { id: this.#nextId(), tag, draft, prerelease, assets: [] };
    this.releases.push(release);
    return release;
  }

  /** A release with every file of a folder. */
  addBundle(tag: string, folder: string): FakeRelease {
    const release = this.addRelease(tag);
    for (const name of readdirSync(folder)) this.addAsset(release, name, readFileSync(join(folder, name)));
    return release;
  }

  addAsset(
    release: FakeRelease,
    name: string,
    bytes: Uint8Array,
    state: FakeAsset["state"] = "uploaded",
  ): FakeAsset {
    const digest = state === "uploaded" ? `sha256:${createHash("sha256").update(bytes).digest("hex")}` : null;
    const asset = { id: this.#nextId(), name, state, bytes, digest };
    release.assets.push(asset);
    return asset;
  }

  /** Deleted, and uploaded again under the same name: another number. */
  replaceAsset(release: FakeRelease, name: string, bytes: Uint8Array): FakeAsset {
    this.removeAsset(release, name);
    return this.addAsset(release, name, bytes);
  }

  removeAsset(release: FakeRelease, name: string): void {
    release.assets.splice(
      release.assets.findIndex((asset) => asset.name === name),
      1,
    );
  }

  /** Neither draft nor prerelease, the newest. */
  latest(): FakeRelease | undefined {
    return this.releases.findLast(({ draft, prerelease }) => !draft && !prerelease);
  }

  published(tag: string): FakeRelease | undefined {
    return this.releases.find((release) => release.tag === tag && !release.draft);
  }

  asset(id: number): { readonly release: FakeRelease; readonly asset: FakeAsset } | undefined {
    for (const release of this.releases) {
      const asset = release.assets.find((each) => each.id === id);
      if (asset) return { release, asset };
    }
    return undefined;
  }
}

export class FakeState {
  readonly #repositories = new Map<string, FakeRepository>();
  readonly #tokens = new Map<string, ReadonlyMap<string, Right>>();
  #lastId = 1000;

  addRepository(fullName: string, { isPrivate = false } = {}): FakeRepository {
    const repository = new FakeRepository(fullName, isPrivate, () => ++this.#lastId);
    this.#repositories.set(fullName.toLowerCase(), repository);
    return repository;
  }

  repository(fullName: string): FakeRepository | undefined {
    return this.#repositories.get(fullName.toLowerCase());
  }

  /** @param rights by repository */
  addToken(token: string, rights: Readonly<Record<string, Right>>): void {
    this.#tokens.set(token, new Map(Object.entries(rights)));
  }

  knowsToken(token: string): boolean {
    return this.#tokens.has(token);
  }

  /** What somebody may do; "" is a stranger. */
  right(token: string, { fullName, isPrivate }: FakeRepository): Right {
    const own = this.#tokens.get(token)?.get(fullName) ?? "none";
    return own === "none" && !isPrivate ? "contents: read" : own;
  }
}
