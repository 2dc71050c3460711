/**
 * How many devices have which release: what a plan weighs deltas by.
 *
 *   # themis-bundle plan --stats
 *   1.4.0 1200
 *   1.3.2 80
 *
 * One line for each version, and whoever counts may write it: a fleet's inventory, a web server's log. Of a page on
 * GitHub it is how often a release's manifest was fetched: a device fetches it once for each release that it comes to.
 */
import { VERSION } from "../../format/manifest/manifest.ts";
import { PublishError } from "../publish-error.ts";
import { readReleases } from "../upload/github/answers.ts";
import type { GitHubApi } from "../upload/github/api.ts";

/** Devices by version. */
export type Usage = ReadonlyMap<string, number>;

export const MAX_STATS_BYTES = 1 << 20;
const LINE = new RegExp(`^(${VERSION.slice(1, -1)})[ \\t]+(\\d{1,12})$`);

/** @throws PublishError STATS_INVALID */
export function readStats(text: string, name: string): Usage {
  const usage = new Map<string, number>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, version, devices] = LINE.exec(line.trimEnd()) ?? [];
    const refuse = (why: string): PublishError =>
      new PublishError("STATS_INVALID", `${name}:${index + 1} ${why}`, {
        facts: { file: name, line: index + 1 },
        hint: "each line is a version, a space, and how many devices have it, such as 1.4.0 1200",
      });
    if (version === undefined) throw refuse(`is no version and number: ${JSON.stringify(line.slice(0, 80))}`);
    if (usage.has(version)) throw refuse(`has ${version} a second time`);
    usage.set(version, Number(devices));
  }
  return usage;
}

/** A call for each hundred releases. @throws GitHubError */
export async function usageOf(api: GitHubApi, versions: readonly string[]): Promise<Usage> {
  const byTag = new Map(versions.flatMap((version) => [`v${version}`, version].map((tag) => [tag, version])));
  const usage = new Map<string, number>();
  for await (const page of api.pages("GET /releases")) {
    for (const { tag, isDraft, assets } of readReleases(page)) {
      const version = byTag.get(tag);
      const manifest = assets.find(({ name }) => name === "manifest.json");
      if (version !== undefined && !isDraft && manifest) usage.set(version, manifest.downloads);
    }
    if (usage.size === versions.length) break;
  }
  return usage;
}
