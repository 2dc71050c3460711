import { join } from "node:path";
import type { Command } from "commander";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { ThemisError } from "../../base/error.ts";
import { openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { checkSignedContent } from "../../trust/verify-signature.ts";
import { command, type Tools } from "../program.ts";
import { type StampOptions, stamped, stampLines, withStampOptions } from "./stamp-options.ts";

export function timestampCommand({ say, signal }: Tools): Command {
  return withStampOptions(
    command("timestamp", "have a bundle's signature time-stamped, which stays as it is", [
      "themis-bundle timestamp bundle --timestamp http://timestamp.example --timestamp-anchor tsa-root.pem",
    ]).argument("<bundle>", "a signed bundle that is not published yet"),
  ).action(async (folder: string, options: StampOptions) => {
    if (options.timestamp.length === 0)
      throw new ThemisError("USAGE", "usage", "--timestamp names no authority");
    const { signature: before, manifestBytes: content } = await openBundle(folder);
    if (before === undefined) {
      throw new PublishError("BUNDLE_INCOMPLETE", `the bundle ${folder} is not signed`, {
        hint: `themis-bundle sign ${folder} --key KEY --certificates CHAIN.pem`,
      });
    }
    checkSignedContent({ content, signature: before, now: new Date() });
    const result = await stamped(before, options, signal);
    const { signature, stamps } = result;
    await writeFileAtomically(join(folder, "manifest.json.p7s"), signature);
    say.result(
      { schema: "themis-bundle/timestamp/1", timestamps: stamps, signatureBytes: signature.length },
      stamps.length > 0 ? stampLines(result).join("\n") : "every signer has a time-stamp already",
    );
  });
}
