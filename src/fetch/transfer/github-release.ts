/**
 * A release as GitHub's API tells it, read for what is needed: its number, its tag, and which asset has which number.
 *
 *   {"id": 7, "tag_name": "v1.5.0", "draft": false, "assets": [{"id": 42, "name": "manifest.json", "state": "uploaded"}]}
 *
 * The answer is nobody's signature: it may come from anyone. So numbers are all that is taken for making URLs,
 * the URLs in it are not read, and a name that no asset of ours can have is passed over.
 */
import { ASSET_NAME } from "../../format/manifest/blob.ts";
import { FetchError } from "../fetch-error.ts";

/** GitHub's bound on a release. */
export const MAX_ASSETS = 1000;
/** As a ref of git may have (a path component of 255 bytes). */
const MAX_TAG_CHARACTERS = 255;
const MAX_NAME_CHARACTERS = 128;
const NAME = new RegExp(ASSET_NAME);

export type AssetIds = ReadonlyMap<string, number>;

export type Release = {
  readonly id: number;
  readonly tag: string;
  readonly assets: AssetIds;
  /** How many the answer listed, of ours or not. */
  readonly listed: number;
};

/** "draft" for one that is not published. @throws FetchError SOURCE_ANSWER_INVALID */
export function parseRelease(bytes: Uint8Array, where: string): Release | "draft" {
  const refuse = refusal(where);
  const { id, tag_name: tag, draft, assets } = record(parseJson(bytes, refuse), refuse);
  if (!isId(id)) throw refuse("its release has no number");
  if (typeof tag !== "string" || tag === "" || tag.length > MAX_TAG_CHARACTERS)
    throw refuse("its release has no tag");
  if (typeof draft !== "boolean") throw refuse("it does not say whether its release is published");
  if (draft) return "draft";
  return { id, tag, ...assetIds(assets, refuse) };
}

/** One page of a release's assets. @throws FetchError SOURCE_ANSWER_INVALID */
export function parseAssets(bytes: Uint8Array, where: string): Pick<Release, "assets" | "listed"> {
  const refuse = refusal(where);
  return assetIds(parseJson(bytes, refuse), refuse);
}

type Refuse = (why: string) => FetchError;

function refusal(where: string): Refuse {
  return (why) =>
    new FetchError("SOURCE_ANSWER_INVALID", `${where} does not answer as GitHub's API: ${why}`, {
      facts: { url: where },
    });
}

function parseJson(bytes: Uint8Array, refuse: Refuse): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw refuse("that is no JSON");
  }
}

function record(value: unknown, refuse: Refuse): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("that is no object");
  return value as Readonly<Record<string, unknown>>;
}

function assetIds(value: unknown, refuse: Refuse): Pick<Release, "assets" | "listed"> {
  if (!Array.isArray(value)) throw refuse("it lists no assets");
  if (value.length > MAX_ASSETS) throw refuse(`it lists more than ${MAX_ASSETS} assets`);
  const assets = new Map<string, number>();
  for (const each of value) {
    const { id, name, state } = record(each, refuse);
    if (!isId(id) || typeof name !== "string" || typeof state !== "string")
      throw refuse("an asset lacks its number, name or state");
    // `starter` is what an upload that failed leaves behind.
    if (state !== "uploaded" || name.length > MAX_NAME_CHARACTERS || !NAME.test(name)) continue;
    if (assets.has(name)) throw refuse(`two assets are called ${name}`);
    assets.set(name, id);
  }
  return { assets, listed: value.length };
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}
