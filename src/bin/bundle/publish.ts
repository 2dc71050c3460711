import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { checkPacks, openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { publishToFolder } from "../../publish/upload/folder-page.ts";
import { checkFreshness, NOTHING_TRUSTED } from "../../trust/verify-release.ts";
import { checkSignedContent, verifySignature } from "../../trust/verify-signature.ts";
import { command, type Tools } from "../program.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";

export function publishCommand({ say, signal }: Tools): Command {
  return command("publish", "put a signed bundle on its release page", [
    "themis-bundle publish bundle --to file:/srv/releases/app",
  ])
    .argument("<bundle>", "a signed bundle")
    .requiredOption("--to <page>", "file:FOLDER, which any web server can serve")
    .option("--trust-anchor <file>", "also prove the certification path, as devices will")
    .action(async (folder: string, { to, trustAnchor }: { to: string; trustAnchor?: string }) => {
      const page = parsePage(to);
      const anchors = trustAnchor === undefined ? undefined : await loadTrustAnchors(trustAnchor);
      const bundle = await openBundle(folder);
      if (!bundle.signature) {
        throw new PublishError("BUNDLE_INCOMPLETE", `the bundle ${folder} is not signed`, {
          hint: `themis-bundle sign ${folder} --key KEY --certificates CHAIN.pem`,
        });
      }
      // What devices would refuse is not put before them.
      const now = new Date();
      const signed = { content: bundle.manifestBytes, signature: bundle.signature };
      if (anchors) verifySignature({ ...signed, anchors, now });
      else checkSignedContent(signed);
      checkFreshness(bundle.manifest, { now, trusted: NOTHING_TRUSTED, version: "" });
      await checkPacks(bundle, signal);
      const published = await publishToFolder(bundle, page);
      const { version } = bundle.manifest;
      say.result(
        { schema: "themis-bundle/publish/1", version, ...published },
        published.changed
          ? `published ${version}: ${published.assets} assets in ${published.location}`
          : `${version} is already published in ${published.location}, whole; nothing to do`,
      );
    });
}

function parsePage(to: string): string {
  if (to.startsWith("file://")) return decodeURIComponent(new URL(to).pathname);
  if (to.startsWith("file:") && to.length > "file:".length) return to.slice("file:".length);
  throw new ThemisError("USAGE", "usage", `--to takes file:FOLDER, not ${JSON.stringify(to)}`);
}
