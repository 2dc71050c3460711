import type { Command } from "commander";
import { decodeSignedData } from "../../format/cms/signed-data.ts";
import { checkPacks, type OpenBundle, openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { command, type Tools } from "../program.ts";
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

type Options = MakingOptions & StampOptions & { readonly trustAnchor?: string; readonly add?: boolean };

export function signCommand({ say, signal }: Tools): Command {
  const made = command(
    "sign",
    "sign a bundle's manifest with a key file, a PKCS#11 token or a key elsewhere",
    [
      "themis-bundle sign bundle --key pki/signer-key.pem --certificates pki/signer.pem",
      "themis-bundle sign bundle --add --key second-key.pem --certificates second.pem",
      "themis-bundle sign bundle --certificates chain.pem --key 'pkcs11:token=release;object=signer?module-path=/usr/lib/hsm.so'",
      "themis-bundle sign bundle --key key.pem --certificates chain.pem --timestamp http://timestamp.example",
      "themis-bundle sign bundle --digest-only --certificates chain.pem --out tbs",
      "themis-bundle sign bundle --attach signature --tbs tbs --certificates chain.pem",
    ],
  ).argument("<bundle>", "a bundle made by themis-bundle build");
  withMakingOptions(made)
    .option("--add", "keep the signatures that are there and add this one, for devices with a --threshold")
    .option("--trust-anchor <file>", "also prove that the chain ends at this certificate");
  return withStampOptions(made).action(async (folder: string, options: Options) => {
    const way = wayOf(options);
    if (way.kind === "ask") refuseStampOptions(options);
    const bundle = await openBundle(folder);
    const addTo = options.add ? signatureOf(bundle) : undefined;
    const subject = { ...(await subjectOf(bundle, options)), addTo };
    // Never put a name under something that is not what it says it is.
    await checkPacks(bundle, signal);
    if (way.kind === "ask") {
      const { value, text } = askedResult(await writeAsked(subject, way));
      say.result(value, text);
      return;
    }
    const { signature: bare, algorithm } = await makeSignature(subject, way, options);
    const result = await stamped(bare, options, signal);
    const { signature, stamps } = result;
    await writeSignature(folder, signature);
    const { product, version } = bundle.manifest;
    const signers = decodeSignedData(signature).signers.length;
    say.result(
      {
        schema: "themis-bundle/sign/1",
        product,
        version,
        algorithm,
        signatureBytes: signature.length,
        signers,
        timestamps: stamps,
      },
      [
        `signed ${product} ${version} (${algorithm}, ${signature.length} bytes)${signers > 1 ? `; ${signers} have signed` : ""}`,
        ...stampLines(result),
      ].join("\n"),
    );
  });
}

/** @throws PublishError BUNDLE_INCOMPLETE */
function signatureOf({ signature, folder }: OpenBundle): Uint8Array {
  if (signature !== undefined) return signature;
  throw new PublishError(
    "BUNDLE_INCOMPLETE",
    `the bundle ${folder} has no signature that one could be added to`,
    {
      hint: "the first one signs without --add",
    },
  );
}
