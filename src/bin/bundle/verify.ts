import type { Command } from "commander";
import { openBundle } from "../../publish/bundle.ts";
import { proveBundle } from "../../publish/prove-bundle.ts";
import { type CrlOptions, loadCrls, withCrlOptions } from "../crl-options.ts";
import { command, type Tools } from "../program.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";

export function verifyCommand({ say, signal }: Tools): Command {
  return withCrlOptions(
    command("verify", "prove a bundle: signature, certification path, every asset", [
      "themis-bundle verify bundle --trust-anchor pki/root.pem",
      "themis-bundle verify bundle --trust-anchor pki/root.pem --crl ca.crl --require-crl",
    ])
      .argument("<bundle>", "a signed bundle")
      .requiredOption("--trust-anchor <file>", "the certificate that devices pin, PEM"),
  ).action(async (folder: string, options: CrlOptions & { trustAnchor: string }) => {
    const anchors = await loadTrustAnchors(options.trustAnchor);
    const { bundle, signers } = await proveBundle(await openBundle(folder), {
      anchors,
      ...(await loadCrls(options)),
      now: new Date(),
      signal,
    });
    const { product, version, packs } = bundle.manifest;
    say.result(
      { schema: "themis-bundle/verify/1", product, version, signers, packs: packs.length },
      [
        `${product} ${version} is proven: signature, certification path, ${packs.length} packs`,
        ...signers.map(
          (signer) =>
            `signed by ${signer.subject} (${signer.algorithm}), until ${signer.notAfter.toISOString()}`,
        ),
      ].join("\n"),
    );
  });
}
