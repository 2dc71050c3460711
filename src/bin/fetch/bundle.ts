import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import type { DeltaChoice } from "../../fetch/offline/choose-assets.ts";
import { makeOfflineBundle, type OfflineBundle } from "../../fetch/offline/make-bundle.ts";
import { compiledIn } from "../client/compiled-in.ts";
import { command, type Tools } from "../program.ts";
import { loadTrustPolicy, type TrustOptions, withTrustOptions } from "../trust-options.ts";
import { size } from "../units.ts";
import { SOURCE, type TransferOptions, transferOf, withTransferOptions } from "./place-options.ts";

type Options = TransferOptions &
  TrustOptions & {
    readonly source?: string;
    readonly trustAnchor?: string;
    readonly out: string;
    readonly version: string;
    readonly from: readonly string[];
    readonly deltas: boolean;
    readonly channel?: string;
  };

export function bundleCommand({ say, signal }: Tools): Command {
  return withTransferOptions(
    withTrustOptions(
      command("bundle", "prove a release and put it into one file, for devices that no network reaches", [
        "themis-fetch bundle --source https://example.org/app --trust-anchor root.pem --out app.tar",
        "themis-fetch update --offline app.tar --root /opt/app --trust-anchor root.pem",
      ])
        .option("--source <place>", SOURCE)
        .option("--trust-anchor <file>", "the pinned certificate, PEM")
        .requiredOption("--out <file>", "the tar file to make; one that is there is replaced at the end")
        .option("--version <version>", "this release and no other", "")
        .option("--channel <name>", "take the channel's document along, and what it offers to all")
        .option("--from <version...>", "deltas from these older versions only (default: from all)", [])
        .option("--no-deltas", "whole files only"),
    ),
  ).action(async (options: Options) => {
    const { mirror: mirrors, version, channel, out: output } = options;
    const source = options.source ?? compiledIn()?.source;
    if (source === undefined)
      throw new ThemisError("USAGE", "usage", "--source is needed: the page to bundle from");
    const made = await makeOfflineBundle(
      {
        source,
        mirrors,
        version,
        channel,
        output,
        signal,
        ...(await transferOf({ ...options, source })),
        deltas: deltaChoice(options),
        ...(await loadTrustPolicy(options, options.trustAnchor)),
        inputs: [
          ...[options.trustAnchor, options.trustRoot, options.ca, options.tokenFile],
          ...[...options.crl, ...(options.timestampAnchor ?? []), ...(options.logKey ?? [])],
        ].filter((path) => path !== undefined),
      },
      {
        now: () => new Date(),
        notice: (message) => say.note(message),
        progress: ({ doneBytes, totalBytes }) =>
          say.progress({
            label: "fetching",
            done: doneBytes < totalBytes ? 0 : 1,
            total: 1,
            doneBytes,
            totalBytes,
          }),
      },
    );
    say.result({ schema: "themis-fetch/bundle/1", ...made }, resultText(made));
  });
}

/** @throws ThemisError USAGE */
function deltaChoice({ from: versions, deltas }: Options): DeltaChoice {
  if (versions.length === 0) return { kind: deltas ? "all" : "none" };
  if (deltas) return { kind: "from", versions };
  throw new ThemisError("USAGE", "usage", "--from asks for deltas and --no-deltas for none", {
    hint: "give one of them",
  });
}

function resultText({
  path,
  product,
  version,
  sizeBytes,
  assets,
  deltasFrom,
  sha256,
  channel,
}: OfflineBundle): string {
  const deltas = deltasFrom.length > 0 ? `deltas from ${deltasFrom.join(", ")}` : "no deltas";
  return [
    `${path}: ${product} ${version}, ${size(sizeBytes)}, ${assets.length} assets, ${deltas}`,
    `sha256 ${sha256}`,
    ...(channel
      ? [`with version ${channel.version} of the channel ${channel.channel}, good until ${channel.expires}`]
      : []),
  ].join("\n");
}
