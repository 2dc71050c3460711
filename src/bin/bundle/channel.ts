/** What is offered to whom: each command makes the next version of one small document, and signs it when a key is given. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { sha256 } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import {
  ALL_DEVICES,
  type Channel,
  type ChannelRelease,
  encodeChannel,
} from "../../format/channel/channel.ts";
import { openBundle } from "../../publish/bundle.ts";
import {
  proveChannelFile,
  publishChannel,
  readChannelFile,
  writeChannelFile,
} from "../../publish/channel/channel-file.ts";
import {
  deadEnds,
  held,
  newChannel,
  next,
  promoted,
  recalledFrom,
  rolledOut,
} from "../../publish/channel/edit-channel.ts";
import { proveBundle } from "../../publish/prove-bundle.ts";
import { command, repeated, type Tools, wholeNumber } from "../program.ts";
import { loadTrustPolicy } from "../trust-options.ts";
import { table } from "../units.ts";
import { type SigningOptions, withChannelSigner, withSigning } from "./channel-signing.ts";
import { parsePage } from "./publish.ts";

type Options = SigningOptions & { readonly expires?: string };
type PlaceOptions = { readonly platform: string; readonly architecture: string };
type TrustOption = { readonly trustAnchor?: string | undefined };

export function channelCommand(tools: Tools): Command {
  const channel = command(
    "channel",
    "what is offered to which devices: a small signed document beside the releases",
  );
  for (const make of [create, promote, percentage, recall, hold, unhold, renew, sign, show, publish])
    channel.addCommand(make(tools));
  return channel;
}

function create({ say }: Tools): Command {
  return withSigning(
    command("create", "begin a channel that offers nothing yet", [
      "themis-bundle channel create channel-stable.json --product app --channel stable --expires 2027-01-31",
    ]),
  )
    .argument("<file>", "the document to make")
    .requiredOption("--product <name>", "what it offers releases of")
    .requiredOption("--channel <name>", "the line of releases, such as stable")
    .requiredOption("--expires <date>", "devices refuse it after this date: renew it before")
    .action(
      async (file: string, options: Options & { product: string; channel: string; expires: string }) => {
        if (existsSync(file))
          throw new ThemisError("OUTPUT_INVALID", "usage", `${file} is there already; nothing was written`);
        await write(file, newChannel(options, options.expires, new Date()), "create", options, say);
      },
    );
}

function promote({ say, signal }: Tools): Command {
  return withPlace(
    changing(
      command("promote", "offer a release, to all devices or to a share of them", [
        "themis-bundle channel promote channel-stable.json bundle --percentage 5 --key signer-key.pem --certificates signer.pem",
      ]),
    ),
  )
    .argument("<bundle>", "a signed bundle")
    .option("--percentage <percent>", "for so many of the devices, such as 5 or 0.25", "100")
    .option("--through <bundle>", "a release that may be passed on the way; repeat for more", repeated, [])
    .option("--trust-anchor <file>", "also prove that the bundle's signer ends at this certificate")
    .action(
      async (
        file: string,
        folder: string,
        options: Options & PlaceOptions & TrustOption & { percentage: string; through: readonly string[] },
      ) => {
        const rollout = parsePercentage(options.percentage);
        const { document } = await readChannelFile(file);
        const { product, release } = await releaseOf(folder, options, signal);
        const through: ChannelRelease[] = [];
        for (const each of options.through) through.push((await releaseOf(each, options, signal)).release);
        const offers = promoted(document, {
          ...{ product, place: placeOf(options), through },
          release: { ...release, rollout },
        });
        await change(file, document, { offers }, "promote", options, say);
      },
    );
}

function percentage({ say }: Tools): Command {
  return withPlace(
    changing(
      command("percentage", "say for how many of the devices the newest release is", [
        "themis-bundle channel percentage channel-stable.json 25 --key signer-key.pem --certificates signer.pem",
      ]),
    ),
  )
    .argument("<percent>", "from 0 to 100, with two places at the most")
    .action(async (file: string, percent: string, options: Options & PlaceOptions) => {
      const { document } = await readChannelFile(file);
      const offers = rolledOut(document, placeOf(options), parsePercentage(percent));
      await change(file, document, { offers }, "percentage", options, say);
    });
}

function recall({ say, signal }: Tools): Command {
  return changing(
    command("recall", "take a release back: nobody installs it any more", [
      "themis-bundle channel recall channel-stable.json 3.0.0 --reason 'loses writes' --go-back",
    ]),
  )
    .argument("<version>", "the release")
    .requiredOption("--reason <text>", "one sentence for the people at the devices")
    .option("--go-back", "devices that run it go to what is offered, even if that is older", false)
    .option("--bundle <folder>", "the release's bundle, when the channel does not offer it")
    .action(
      async (
        file: string,
        version: string,
        options: Options & { reason: string; goBack: boolean; bundle?: string },
      ) => {
        const { document } = await readChannelFile(file);
        const known =
          options.bundle === undefined ? undefined : await bundleOf(options.bundle, version, signal);
        const { reason, goBack: go_back } = options;
        const after = recalledFrom(document, { version, reason, go_back }, known);
        await change(file, document, after, "recall", options, say);
        if (after.offers.length === 0)
          say.warn("nothing is offered now; themis-bundle channel promote offers another release");
      },
    );
}

function hold({ say }: Tools): Command {
  return changing(command("hold", "offer nothing for now; devices stay where they are"))
    .requiredOption("--reason <text>", "one sentence for the people at the devices")
    .action(async (file: string, options: Options & { reason: string }) => {
      const { document } = await readChannelFile(file);
      await change(file, document, { hold: held(document, options.reason) }, "hold", options, say);
    });
}

function unhold({ say }: Tools): Command {
  return changing(command("unhold", "offer again what was held back")).action(
    async (file: string, options: Options) => {
      const { document } = await readChannelFile(file);
      await change(file, document, { hold: held(document, "") }, "unhold", options, say);
    },
  );
}

function renew({ say }: Tools): Command {
  return changing(command("renew", "the same once more, for longer"))
    .option(
      "--number <n>",
      "the document's version, to leap over what a stolen key has signed (default: one more)",
      wholeNumber("--number", 1, Number.MAX_SAFE_INTEGER),
    )
    .action(async (file: string, options: Options & { number?: number }) => {
      if (options.expires === undefined)
        throw new ThemisError("USAGE", "usage", "renew wants --expires: the date until which it is good");
      const { document } = await readChannelFile(file);
      await change(file, document, {}, "renew", options, say, options.number);
    });
}

function sign({ say }: Tools): Command {
  return withSigning(command("sign", "sign a channel document as it is"))
    .argument("<file>", "the channel document")
    .action(async (file: string, options: Options) => {
      if (options.key === undefined)
        throw new ThemisError("USAGE", "usage", "sign wants --key and --certificates");
      const { document } = await readChannelFile(file);
      await write(file, document, "sign", options, say);
    });
}

function show({ say }: Tools): Command {
  return command("show", "say what a channel document offers")
    .argument("<file>", "the channel document")
    .option("--trust-anchor <file>", "also prove it as devices do that pin this certificate")
    .action(async (file: string, { trustAnchor }: TrustOption) => {
      const found = await readChannelFile(file);
      const policy = await policyOf({ trustAnchor });
      if (policy) await proveChannelFile(found, { policy, now: new Date() });
      const { document, signature } = found;
      const isSigned = signature !== undefined;
      say.result(
        { schema: "themis-bundle/channel-show/1", document, isSigned, isProven: policy !== undefined },
        [textOf(document), ...(policy ? ["it is proven"] : [])].join("\n"),
      );
    });
}

function publish({ say }: Tools): Command {
  return command("publish", "put a signed channel document onto a release page", [
    "themis-bundle channel publish channel-stable.json --to file:/srv/releases/app --trust-anchor pki/root.pem",
  ])
    .argument("<file>", "a signed channel document")
    .requiredOption("--to <page>", "file:FOLDER, the page that has the releases")
    .option("--trust-anchor <file>", "also prove that the signer's chain ends at this certificate")
    .action(async (file: string, { to, trustAnchor }: TrustOption & { to: string }) => {
      if (/^github:/i.test(to)) throw goesByUpload(file);
      const page = parsePage(to);
      const policy = await policyOf({ trustAnchor });
      const found = await readChannelFile(file);
      const published = await publishChannel(found, page, { policy, now: new Date() });
      const { channel, version } = found.document;
      say.result(
        { schema: "themis-bundle/channel-publish/1", channel, version, ...published },
        published.changed
          ? `published version ${version} of the channel ${channel} as ${published.location}`
          : `version ${version} of the channel ${channel} is there already; nothing to do`,
      );
    });
}

/** A tag's assets are replaced by GitHub's own tool; what they are is proven by `show` before. */
function goesByUpload(file: string): ThemisError {
  return new ThemisError("USAGE", "usage", "a channel's document is uploaded to GitHub by its own tool", {
    hint: `themis-bundle channel show ${file} --trust-anchor ROOT.pem && gh release upload channel-NAME ${file} ${file}.p7s --clobber`,
  });
}

function changing(made: Command): Command {
  return withSigning(made)
    .argument("<file>", "the channel document")
    .option("--expires <date>", "good until then (default: as before)");
}

function withPlace(made: Command): Command {
  return made
    .option("--platform <name>", "for devices of this system only, such as linux", "any")
    .option("--architecture <name>", "for devices of this processor only, such as x86_64", "any");
}

function placeOf({ platform, architecture }: PlaceOptions): PlaceOptions {
  return { platform, architecture };
}

async function change(
  file: string,
  before: Channel,
  what: Partial<Pick<Channel, "hold" | "offers" | "recalls">>,
  name: string,
  options: Options,
  say: Tools["say"],
  number?: number,
): Promise<void> {
  const after = next(before, what, { now: new Date(), expires: options.expires, number });
  await write(file, after, name, options, say);
}

async function write(
  file: string,
  document: Channel,
  name: string,
  options: SigningOptions,
  say: Tools["say"],
): Promise<void> {
  const signed = await withChannelSigner(options, (sign) => writeChannelFile(file, document, sign));
  for (const { version, min_upgrade_from: least } of deadEnds(document))
    say.warn(`${version} takes devices from ${least} on, and the channel offers no step for older ones`);
  if (!signed) say.note(`${file} is not signed; themis-bundle channel sign does it`);
  say.result(
    {
      schema: `themis-bundle/channel-${name}/1`,
      ...{ channel: document.channel, version: document.version, expires: document.expires },
      ...{ isSigned: signed !== undefined, sha256: sha256(encodeChannel(document)) },
    },
    textOf(document),
  );
}

async function releaseOf(
  folder: string,
  trust: TrustOption,
  signal: AbortSignal,
): Promise<{ readonly product: string; readonly release: ChannelRelease }> {
  const policy = await policyOf(trust);
  const { bundle } = await proveBundle(await openBundle(folder), { policy, now: new Date(), signal });
  const { product, version, sequence, min_upgrade_from, is_critical } = bundle.manifest;
  const manifest_sha256 = sha256(bundle.manifestBytes);
  return {
    product,
    release: { version, sequence, manifest_sha256, min_upgrade_from, is_critical, rollout: ALL_DEVICES },
  };
}

/** @throws ThemisError USAGE: it is of another version */
async function bundleOf(folder: string, version: string, signal: AbortSignal): Promise<ChannelRelease> {
  const { release } = await releaseOf(folder, {}, signal);
  if (release.version === version) return release;
  throw new ThemisError("USAGE", "usage", `the bundle ${folder} is of ${release.version}, not of ${version}`);
}

async function policyOf({ trustAnchor }: TrustOption) {
  return trustAnchor === undefined ? undefined : loadTrustPolicy({ crl: [] }, trustAnchor);
}

/** In basis points. @throws ThemisError USAGE */
function parsePercentage(text: string): number {
  const points = Math.round(Number(text) * 100);
  if (/^\d{1,3}(\.\d{1,2})?$/.test(text) && points <= ALL_DEVICES) return points;
  throw new ThemisError(
    "USAGE",
    "usage",
    `a percentage is a number from 0 to 100 with two places at the most, not ${JSON.stringify(text)}`,
  );
}

function textOf(document: Channel): string {
  const { product, channel, version, expires, hold: held, offers, recalls } = document;
  const rows = offers.flatMap(({ platform, architecture, releases }) =>
    releases.map((release) => [
      `${platform}/${architecture}`,
      release.version,
      `${release.rollout / 100} %`,
      release.min_upgrade_from || "any",
      release.is_critical ? "yes" : "",
    ]),
  );
  return [
    `${product}, channel ${channel}, version ${version}, good until ${expires}`,
    ...(held === "" ? [] : [`held: ${held}`]),
    rows.length > 0
      ? table(["for", "release", "share", "from", "critical"], rows, [2])
      : "nothing is offered",
    ...recalls.map(
      ({ version: each, reason, go_back }) =>
        `recalled: ${each} (${reason})${go_back ? "; devices go back" : ""}`,
    ),
  ].join("\n");
}
