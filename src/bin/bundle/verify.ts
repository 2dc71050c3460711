import type { Command } from "commander";
import { checkPacks, openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { checkFreshness, NOTHING_TRUSTED } from "../../trust/verify-release.ts";
import { verifySignature } from "../../trust/verify-signature.ts";
import { command, type Tools } from "../program.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";

export function verifyCommand({ say, signal }: Tools): Command {
  return command("verify", "prove a bundle: signature, certification path, every asset", [
    "themis-bundle verify bundle --trust-anchor pki/root.pem",
  ])
    .argument("<bundle>", "a signed bundle")
    .requiredOption("--trust-anchor <file>", "the certificate that devices pin, PEM")
    .action(async (folder: string, { trustAnchor }: { trustAnchor: string }) => {
      const anchors = await loadTrustAnchors(trustAnchor);
      const bundle = await openBundle(folder);
      if (!bundle.signature)
        throw new PublishError("BUNDLE_INCOMPLETE", `the bundle ${folder} is not signed`);
      const { signers } = verifySignature({
        content: bundle.manifestBytes,
        signature: bundle.signature,
        anchors,
        now: new Date(),
      });
      checkFreshness(bundle.manifest, { now: new Date(), trusted: NOTHING_TRUSTED, version: "" });
      await checkPacks(bundle, signal);
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
