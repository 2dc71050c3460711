import type { Command } from "commander";
import { decodeSignedData } from "../../format/cms/signed-data.ts";
import { checkPacks, openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { makeRoom } from "../../publish/sign/resign.ts";
import { command, type Tools } from "../program.ts";
import { type CrlOptions, loadCrls, withCrlOptions } from "../trust-options.ts";
import {
  askedResult,
  type MakingOptions,
  makeSignature,
  subjectOf,
  wayOf,
  withMakingOptions,
  writeAsked,
  writeSignature,
} from "./make-signature.ts";
import {
  refuseStampOptions,
  type StampOptions,
  stamped,
  stampLines,
  withStampOptions,
} from "./stamp-options.ts";

type Options = MakingOptions & StampOptions & CrlOptions & { readonly trustAnchor: string };

export function resignCommand({ say, signal }: Tools): Command {
  const made = command("resign", "replace the signature of a signer who has expired; the manifest stays", [
    "themis-bundle resign bundle --key new-key.pem --certificates new.pem --trust-anchor pki/root.pem",
    "themis-bundle resign page/1.4.0 --key new-key.pem --certificates new.pem --trust-anchor pki/root.pem",
  ])
    .argument("<bundle>", "a signed bundle, or the folder of a release on a page")
    .requiredOption(
      "--trust-anchor <file>",
      "what devices pin; it must vouch for the old signer and the new",
    );
  withCrlOptions(withMakingOptions(made));
  return withStampOptions(made).action(async (folder: string, options: Options) => {
    const way = wayOf(options);
    if (way.kind === "ask") refuseStampOptions(options);
    const bundle = await openBundle(folder);
    const { signature: old, manifest } = bundle;
    if (old === undefined) {
      throw new PublishError("BUNDLE_INCOMPLETE", `the bundle ${folder} has no signature to replace`, {
        hint: "themis-bundle sign makes the first one",
      });
    }
    const asked = await subjectOf(bundle, options);
    const anchorsPem = asked.anchorsPem!;
    const { kept, keptSubjects, replaced } = makeRoom({
      ...{ ...asked, anchorsPem, signature: old },
      ...(await loadCrls(options)),
    });
    await checkPacks(bundle, signal);
    if (manifest.expires !== "" && Date.parse(manifest.expires) < asked.now.getTime()) {
      say.warn(
        `the manifest expired on ${manifest.expires}: devices refuse it, whoever signs; build it again`,
      );
    }
    if (kept === undefined && decodeSignedData(old).crls.length > 0) {
      say.note(
        "the revocation lists went with the old signature; themis-bundle crl attach puts some in again",
      );
    }
    const subject = { ...asked, addTo: kept };
    if (way.kind === "ask") {
      const { value, text } = askedResult(await writeAsked(subject, way));
      say.result(value, text);
      return;
    }
    const { signature: bare, algorithm } = await makeSignature(subject, way, options);
    const result = await stamped(bare, options, signal);
    await writeSignature(folder, result.signature);
    const { product, version } = manifest;
    say.result(
      {
        schema: "themis-bundle/resign/1",
        ...{ product, version, algorithm, signatureBytes: result.signature.length },
        ...{ replaced, kept: keptSubjects, timestamps: result.stamps },
      },
      [
        `signed ${product} ${version} again (${algorithm}); the manifest is as it was`,
        ...replaced.map(({ subject: who, notAfter }) => `replaced ${who}, until ${notAfter.toISOString()}`),
        ...keptSubjects.map((who) => `kept ${who}`),
        ...stampLines(result),
      ].join("\n"),
    );
  });
}
