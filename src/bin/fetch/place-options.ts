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

export type PlaceOptions = {
  readonly source?: string;
  readonly offline?: string;
  readonly mirror?: readonly string[];
};

export const SOURCE = "a bundle or release page: a folder, an http(s) URL or github:OWNER/REPO";

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

/** The file in place of a source, when there is one. @throws ThemisError USAGE: with it nothing of a source is named */
export function offlineOf({ source, offline, mirror = [] }: PlaceOptions): string | undefined {
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
  if (offline !== undefined && mirror.length > 0) {
    throw new ThemisError(
      "USAGE",
      "usage",
      "--mirror stands in for a --source, and --offline has all in one file",
      {
        hint: "leave out --mirror, or name the source by --source",
      },
    );
  }
  return offline;
}

/** @throws ThemisError USAGE; FetchError TOKEN_INVALID */
export async function transferOf(options: TransferOptions & { readonly source: string }) {
  const { source, mirror, connections, limitRate, ca: caFile } = options;
  const github = await githubAccess(options, [source, ...mirror]);
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
