import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { checkPacks, openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { publishToFolder } from "../../publish/upload/folder-page.ts";
import { command, type Tools } from "../program.ts";

export function publishCommand({ say, signal }: Tools): Command {
  return command("publish", "put a signed bundle on its release page", [
    "themis-bundle publish bundle --to file:/srv/releases/app",
  ])
    .argument("<bundle>", "a signed bundle")
    .requiredOption("--to <page>", "file:FOLDER, which any web server can serve")
    .action(async (folder: string, { to }: { to: string }) => {
      const page = parsePage(to);
      const bundle = await openBundle(folder);
      if (!bundle.signature) {
        throw new PublishError("BUNDLE_INCOMPLETE", `the bundle ${folder} is not signed`, {
          hint: `themis-bundle sign ${folder} --key KEY --certificates CHAIN.pem`,
        });
      }
      await checkPacks(bundle, signal);
      const published = await publishToFolder(bundle, page);
      const { version } = bundle.manifest;
      say.result(
        { schema: "themis-bundle/publish/1", version, ...published },
        published.changed
          ? `published ${version}: ${published.assets} assets in ${published.location}`
          : `${version} is already published in ${published.location}; nothing to do`,
      );
    });
}

function parsePage(to: string): string {
  if (to.startsWith("file:"))
    return to.startsWith("file://") ? decodeURIComponent(new URL(to).pathname) : to.slice("file:".length);
  throw new ThemisError("USAGE", "usage", `--to takes file:FOLDER, not ${JSON.stringify(to)}`);
}
