import type { Command } from "commander";
import { type ClientIdentity, compiledIn } from "../client/compiled-in.ts";
import { command, type Tools } from "../program.ts";
import { version } from "../version.ts";

export function aboutCommand({ say }: Tools): Command {
  return command("about", "say what this client is, and what is compiled into it").action(() => {
    const own = compiledIn();
    say.result(
      {
        schema: "themis-fetch/about/1",
        version: version(),
        node: process.versions.node,
        ...(own ? aboutOf(own) : { product: "", channel: "", source: "", anchors: [] }),
      },
      own
        ? text(own)
        : `themis-fetch ${version()}; nothing is compiled in, and --trust-anchor says what it believes`,
    );
  });
}

function aboutOf({ product, channel, source, threshold, trustAnchors, ...own }: ClientIdentity) {
  return {
    ...{ product, channel, source, threshold },
    anchors: trustAnchors.map(({ subject, fingerprintSha256, certificate: { notAfter } }) => ({
      ...{ subject, fingerprintSha256, notAfter },
    })),
    ...{ clientProduct: own.client_product, clientSource: own.client_source },
  };
}

function text({ product, channel, source, threshold, trustAnchors, client_source }: ClientIdentity): string {
  return [
    `themis-fetch ${version()} for ${product}${channel && `, channel ${channel}`}, from ${source}`,
    ...trustAnchors.map(
      ({ subject, fingerprintSha256, certificate: { notAfter } }) =>
        `believes ${subject} until ${notAfter.toISOString()} (${fingerprintSha256})`,
    ),
    ...(threshold > 1 ? [`${threshold} distinct signers must have signed`] : []),
    client_source === ""
      ? "newer clients are nowhere by themselves"
      : `newer clients are at ${client_source}`,
  ].join("\n");
}
