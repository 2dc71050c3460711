import type { Command } from "commander";
import { NOTHING_TRUSTED, verifyRelease } from "../../trust/verify-release.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";
import { type TrustOptions, withoutSource, withTrustOptions } from "../trust-options.ts";
import { type SettingOptions, settled, settledPolicy, withConfig } from "./settings.ts";

type Options = SettingOptions &
  TrustOptions & {
    readonly manifest: string;
    readonly signature: string;
  };

export function verifyCommand({ say }: Tools): Command {
  const made = command("verify", "prove a manifest by its signature; installs nothing", [
    "themis-fetch verify --trust-anchor root.pem --manifest manifest.json --signature manifest.json.p7s",
  ])
    .option("--trust-anchor <file>", "the pinned certificate, PEM")
    .requiredOption("--manifest <file>", "manifest.json")
    .requiredOption("--signature <file>", "manifest.json.p7s");
  return withConfig(withTrustOptions(made)).action(async (options: Options) => {
    const { configuration } = await settled(options, say);
    const now = new Date();
    const { manifest, report } = await verifyRelease({
      ...withoutSource(await settledPolicy(configuration, options), now),
      manifestBytes: await readInput(options.manifest),
      signatureBytes: await readInput(options.signature),
      now,
      trusted: NOTHING_TRUSTED,
      version: "",
    });
    const { product, version, sequence } = manifest;
    say.result(
      { schema: "themis-fetch/verify/1", product, version, sequence, signers: report.signers },
      [
        `${product} ${version} (sequence ${sequence}) is proven`,
        ...report.signers.map(
          (signer) =>
            `signed by ${signer.subject} (${signer.algorithm}), until ${signer.notAfter.toISOString()}`,
        ),
      ].join("\n"),
    );
  });
}
