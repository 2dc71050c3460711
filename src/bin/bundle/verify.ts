import type { Command } from "commander";
import { openBundle } from "../../publish/bundle.ts";
import { proveBundle } from "../../publish/prove-bundle.ts";
import { logJson, logText } from "../log-words.ts";
import { command, type Tools } from "../program.ts";
import { signerLines } from "../signer-lines.ts";
import { loadReleasePolicy, type TrustOptions, withTrustOptions } from "../trust-options.ts";

export function verifyCommand({ say, signal }: Tools): Command {
  return withTrustOptions(
    command("verify", "prove a bundle: signature, certification path, every asset", [
      "themis-bundle verify bundle --trust-anchor pki/root.pem",
      "themis-bundle verify bundle --trust-anchor pki/root.pem --crl ca.crl --require-crl",
    ])
      .argument("<bundle>", "a signed bundle")
      .option("--trust-anchor <file>", "the certificate that devices pin, PEM"),
  ).action(async (folder: string, options: TrustOptions & { trustAnchor?: string }) => {
    const now = new Date();
    const { bundle, signers, logged } = await proveBundle(await openBundle(folder), {
      policy: await loadReleasePolicy(options, options.trustAnchor, now),
      now,
      signal,
    });
    const { product, version, packs } = bundle.manifest;
    say.result(
      {
        schema: "themis-bundle/verify/1",
        product,
        version,
        signers,
        packs: packs.length,
        ...logJson(logged),
      },
      [
        `${product} ${version} is proven: signature, certification path, ${packs.length} packs`,
        ...signerLines(signers),
        ...logText(logged),
      ].join("\n"),
    );
  });
}
