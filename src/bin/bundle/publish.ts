import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { openBundle } from "../../publish/bundle.ts";
import { proveBundle } from "../../publish/prove-bundle.ts";
import { type FolderPublication, publishToFolder } from "../../publish/upload/folder-page.ts";
import type { TrustPolicy } from "../../trust/trust-policy.ts";
import { command, type Tools } from "../program.ts";
import { loadReleasePolicy, type TrustOptions, withTrustOptions } from "../trust-options.ts";

export type PublishOptions = TrustOptions & {
  readonly to: string;
  readonly trustAnchor?: string;
  /** `--no-publish` makes it false, `--publish=false` a text. */
  readonly publish: boolean | string;
  readonly prerelease: boolean;
  readonly tokenFile?: string;
};

export function publishCommand(tools: Tools): Command {
  const { say, signal } = tools;
  const made = command("publish", "prove a signed bundle and put it on its release page", [
    "themis-bundle publish bundle --to file:/srv/releases/app --trust-anchor pki/root.pem",
    "GH_TOKEN=... themis-bundle publish bundle --to github:acme/app",
    "themis-bundle publish bundle --to github:acme/app --no-publish",
  ])
    .argument("<bundle>", "a signed bundle")
    .requiredOption("--to <page>", "file:FOLDER, which any web server can serve, or github:OWNER/REPO")
    .option("--trust-anchor <file>", "also prove that the signer's chain ends at this certificate")
    .option("--publish [yes]", "of GitHub: false leaves a complete draft", true)
    .option("--no-publish", "the same as --publish=false")
    .option("--prerelease", "of GitHub: never the latest release", false)
    .option("--token-file <file>", "of GitHub: a token, one line (default: GH_TOKEN or GITHUB_TOKEN)");
  return withTrustOptions(made).action(async (folder: string, options: PublishOptions) => {
    const { to } = options;
    const policy = await policyOf(options, new Date());
    const prove = async () =>
      (await proveBundle(await openBundle(folder), { policy, now: new Date(), signal })).bundle;
    if (/^github:/i.test(to)) {
      const { publishGitHub } = await import("./publish-github.ts");
      await publishGitHub(prove, policy, options, tools);
      return;
    }
    refuseGitHubOptions(options);
    const page = parsePage(to);
    const bundle = await prove();
    const published = await publishToFolder(bundle, page);
    const { version } = bundle.manifest;
    say.result(
      { schema: "themis-bundle/publish/1", version, ...published },
      publishedText(version, published),
    );
  });
}

/** @throws ThemisError USAGE; what loadReleasePolicy throws */
async function policyOf(options: PublishOptions, now: Date): Promise<TrustPolicy | undefined> {
  const { trustAnchor, trustRoot, crl, requireCrl, threshold } = options;
  if (trustAnchor !== undefined || trustRoot !== undefined)
    return loadReleasePolicy(options, trustAnchor, now);
  if (crl.length === 0 && !requireCrl && threshold === undefined) return undefined;
  throw new ThemisError(
    "USAGE",
    "usage",
    "--crl, --require-crl and --threshold ask who signed, and only --trust-anchor or --trust-root says who may",
    {
      hint: "give --trust-anchor too",
    },
  );
}

/** @throws ThemisError USAGE */
function refuseGitHubOptions({ publish, prerelease, tokenFile }: PublishOptions): void {
  const given = [
    publish !== true && "--publish",
    prerelease && "--prerelease",
    tokenFile !== undefined && "--token-file",
  ].find((option) => option !== false);
  if (given === undefined) return;
  throw new ThemisError("USAGE", "usage", `${given} is for github:OWNER/REPO, and --to is none`, {
    hint: `leave ${given} out, or name the repository`,
  });
}

function publishedText(
  version: string,
  { changed, repaired, assets, location, latest }: FolderPublication,
): string {
  const older = latest === version ? "" : `; latest stays at ${latest}, which has a higher sequence`;
  if (repaired.length > 0) {
    return `put back what was missing or damaged in ${location}: ${repaired.join(", ")}${older}`;
  }
  return changed
    ? `published ${version}: ${assets} assets in ${location}${older}`
    : `${version} is already published in ${location}; nothing to do`;
}

/** @throws ThemisError USAGE */
export function parsePage(to: string): string {
  const page = to.startsWith("file://") ? pathOfUrl(to) : to.startsWith("file:") ? to.slice(5) : "";
  if (page !== "") return page;
  throw new ThemisError(
    "USAGE",
    "usage",
    `--to takes file:FOLDER or github:OWNER/REPO, not ${JSON.stringify(to)}`,
    {
      hint: "such as file:/srv/releases/app, or file:page for a folder here",
    },
  );
}

/** RFC 8089; "file://" alone would name the root of the machine. */
function pathOfUrl(url: string): string {
  try {
    return url === "file://" ? "" : fileURLToPath(url);
  } catch {
    return "";
  }
}
