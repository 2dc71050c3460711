/** Where a release comes from, and how it is fetched: options that several commands share. */
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { wholeNumber } from "../program.ts";
import { parseBytes } from "../units.ts";
import { type GitHubOptions, githubAccess, withGitHub } from "./github-options.ts";

export type TransferOptions = GitHubOptions & {
  readonly mirror: readonly string[];
  readonly connections: number;
  readonly limitRate?: string;
  readonly ca?: string;
};

export type PlaceOptions = TransferOptions & { readonly source?: string; readonly offline?: string };

export const SOURCE = "a bundle or release page: a folder, an http(s) URL or github:OWNER/REPO";

/** One of the two is required; placeOf() says so. */
export function withPlaceOptions(made: Command): Command {
  return made
    .option("--source <place>", SOURCE)
    .option("--offline <file>", "in place of --source: one tar file, made by themis-fetch bundle");
}

export function withTransferOptions(made: Command): Command {
  made
    .option(
      "--mirror <place...>",
      "where the same releases lie besides; asked when the source fails or is slow",
      [],
    )
    .option(
      "--connections <n>",
      "ranges fetched at once from one source",
      wholeNumber("--connections", 1, 64),
      4,
    )
    .option("--limit-rate <size>", "fetch at most so much a second, such as 2M (default: no limit)")
    .option("--ca <file>", "believe these authorities for TLS too, PEM; NODE_EXTRA_CA_CERTS works as well");
  return withGitHub(made);
}

/** @throws ThemisError USAGE */
export function placeOf({ source, offline, mirror: mirrors }: PlaceOptions) {
  if (source === undefined && offline === undefined) {
    throw new ThemisError("USAGE", "usage", "where the release lies is not said", {
      hint: "--source takes a folder, an http(s) URL or github:OWNER/REPO, --offline a file of themis-fetch bundle",
    });
  }
  if (source !== undefined && offline !== undefined) {
    throw new ThemisError(
      "USAGE",
      "usage",
      "--source and --offline are two places, and one release is wanted",
      {
        hint: "give one of them",
      },
    );
  }
  if (offline !== undefined && mirrors.length > 0) {
    throw new ThemisError(
      "USAGE",
      "usage",
      "--mirror stands in for a --source, and --offline has all in one file",
      {
        hint: "leave out --mirror, or name the source by --source",
      },
    );
  }
  return { source, offline, mirrors };
}

/** @throws ThemisError USAGE; FetchError TOKEN_INVALID */
export async function transferOf(options: TransferOptions & Pick<PlaceOptions, "source">) {
  const { source, mirror, connections, limitRate, ca: caFile } = options;
  const github = await githubAccess(options, source === undefined ? mirror : [source, ...mirror]);
  return {
    connections,
    caFile,
    github,
    limitRate: limitRate === undefined ? undefined : parseRate(limitRate),
  };
}

/** @throws ThemisError USAGE */
function parseRate(text: string): number {
  const rate = parseBytes("--limit-rate", text);
  if (rate > 0) return rate;
  throw new ThemisError("USAGE", "usage", "--limit-rate takes at least one byte a second");
}
