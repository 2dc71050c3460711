/** What a GitHub holds: repositories, releases with their assets, and tokens with their rights. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type FakeAsset = {
  readonly id: number;
  name: string;
  label: string | null;
  contentType: string;
  state: "uploaded" | "open" | "starter";
  bytes: Uint8Array;
  /** As the API names it; null on old assets. */
  digest: string | null;
  downloads: number;
};

export type FakeRelease = {
  readonly id: number;
  tag: string;
  draft: boolean;
  prerelease: boolean;
  name: string;
  body: string;
  target: string;
  immutable: boolean;
  /** Never the latest, by `make_latest: "false"`. */
  aside: boolean;
  /** When it was published, as a number that grows; 0 for a draft. */
  published: number;
  readonly assets: FakeAsset[];
  /** Deleted, and still listed for so many lists more. */
  readonly ghosts: { readonly asset: FakeAsset; lists: number }[];
};

export type Right = "none" | "metadata: read" | "contents: read" | "contents: write";

export class FakeRepository {
  readonly owner: string;
  readonly name: string;
  readonly isPrivate: boolean;
  /** In the order of their making. */
  readonly releases: FakeRelease[] = [];
  /** Whether what is published from now on is immutable. */
  immutable = false;
  /** Tags of immutable releases, deleted ones too. */
  readonly burned = new Set<string>();
  /** Tags of git, by name: the commit. */
  readonly tags = new Map<string, string>();
  /** Commits whose workflows differ from those of the default branch. */
  readonly workflowCommits = new Set<string>();
  isArchived = false;
  readonly #nextId: () => number;

  constructor(fullName: string, isPrivate: boolean, nextId: () => number) {
    [this.owner, this.name] = fullName.split("/") as [string, string];
    this.isPrivate = isPrivate;
    this.#nextId = nextId;
  }

  get fullName(): string {
    return `${this.owner}/${this.name}`;
  }

  addRelease(tag: string, facts: Partial<Omit<FakeRelease, "id" | "tag">> = {}): FakeRelease {
    const release: FakeRelease = {
      ...{ id: this.#nextId(), tag, draft: false, prerelease: false, name: tag, body: "", target: "main" },
      ...{ immutable: false, aside: false, published: 0, assets: [], ghosts: [] },
      ...facts,
    };
    this.releases.push(release);
    if (!release.draft) this.publish(release);
    return release;
  }

  publish(release: FakeRelease): void {
    release.draft = false;
    release.published = this.#nextId();
    release.immutable = this.immutable;
    if (this.immutable) this.burned.add(release.tag);
    if (!this.tags.has(release.tag)) this.tags.set(release.tag, commitOf(release.target));
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
    const digest = state === "uploaded" ? digestOf(bytes) : null;
    const asset: FakeAsset = {
      ...{ id: this.#nextId(), name, label: null, contentType: "application/octet-stream" },
      ...{ state, bytes, digest, downloads: 0 },
    };
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

  removeRelease(release: FakeRelease): void {
    this.releases.splice(this.releases.indexOf(release), 1);
  }

  /** Neither draft nor prerelease, nor put aside, the last that was published. */
  latest(): FakeRelease | undefined {
    return this.releases
      .filter(({ draft, prerelease, aside }) => !draft && !prerelease && !aside)
      .sort((a, b) => a.published - b.published)
      .at(-1);
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

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A branch's head is a commit like any other here. */
export function commitOf(target: string): string {
  return /^[0-9a-f]{40}$/.test(target) ? target : createHash("sha1").update(target).digest("hex");
}
