/**
 * Which release devices shall find under `latest`: the one with the highest sequence, whatever is published last.
 *
 * GitHub's own rule goes by dates and numbers in tags; ours by what the manifest of the latest release says of itself.
 */

import { ThemisError } from "../../../base/error.ts";
import { decodeManifest, type Manifest, manifestKind } from "../../../format/manifest/manifest.ts";
import { PublishError } from "../../publish-error.ts";
import { readRelease } from "./answers.ts";
import type { GitHubApi } from "./api.ts";

export type Latest = {
  /** For the API: a text, not a boolean. */
  readonly makeLatest: "true" | "false";
  /** The version that is and stays the latest; "" when ours becomes it. */
  readonly stays: string;
};

/** @throws PublishError PAGE_CONFLICT when the latest release is of another product */
export async function whoIsLatest(
  api: GitHubApi,
  { product, sequence, version }: Manifest,
  readBytes: (id: number, maxBytes: number) => Promise<Uint8Array>,
): Promise<Latest> {
  const ours: Latest = { makeLatest: "true", stays: "" };
  const found = await api.find("GET /releases/latest");
  if (found === "absent") return ours;
  const asset = readRelease(found).assets.find(
    ({ name, state }) => name === "manifest.json" && state === "uploaded",
  );
  if (!asset) return ours;
  const latest = readable(await readBytes(asset.id, manifestKind.maxBytes));
  if (!latest) return ours;
  if (latest.product !== product) {
    const { owner, repo } = api.repository;
    throw new PublishError(
      "PAGE_CONFLICT",
      `the releases of ${owner}/${repo} are of the product ${latest.product}, the bundle is of ${product}`,
      { hint: "every product has a repository of its own", facts: { page: latest.product, bundle: product } },
    );
  }
  if (latest.sequence <= sequence || latest.version === version) return ours;
  return { makeLatest: "false", stays: latest.version };
}

function readable(bytes: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(bytes);
  } catch (error) {
    if (error instanceof ThemisError) return undefined;
    throw error;
  }
}
