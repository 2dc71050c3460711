import { join } from "node:path";
import type { Command } from "commander";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { ThemisError } from "../../base/error.ts";
import { decodeSignedData } from "../../format/cms/signed-data.ts";
import { checkPacks, type OpenBundle, openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { openSigner, signManifest } from "../../publish/sign/sign.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";
import { secretSources } from "./secrets.ts";
import { type StampOptions, stamped, stampLines, withStampOptions } from "./stamp-options.ts";

type Options = StampOptions & {
  readonly key: string;
  readonly certificates: string;
  readonly trustAnchor?: string;
  readonly rsaPadding: string;
  readonly passphraseFile?: string;
  readonly pinFile?: string;
  readonly add?: boolean;
};

export function signCommand({ say, signal }: Tools): Command {
  const made = command("sign", "sign a bundle's manifest with a key file or a key in a PKCS#11 token", [
    "themis-bundle sign bundle --key pki/signer-key.pem --certificates pki/signer.pem",
    "themis-bundle sign bundle --add --key second-key.pem --certificates second.pem",
    "themis-bundle sign bundle --certificates chain.pem --key 'pkcs11:token=release;object=signer?module-path=/usr/lib/hsm.so'",
    "themis-bundle sign bundle --key key.pem --certificates chain.pem --timestamp http://timestamp.example",
  ])
    .argument("<bundle>", "a bundle made by themis-bundle build")
    .requiredOption("--key <key>", "a PKCS#8 PEM file, or a pkcs11: URI (RFC 7512)")
    .requiredOption("--certificates <file>", "the signer's certificate, then its chain, PEM")
    .option("--add", "keep the signatures that are there and add this one, for devices with a --threshold")
    .option("--trust-anchor <file>", "also prove that the chain ends at this certificate")
    .option("--rsa-padding <name>", "pkcs1 or pss, for RSA keys", "pkcs1")
    .option("--passphrase-file <file>", "for an encrypted key; or THEMIS_KEY_PASSPHRASE")
    .option("--pin-file <file>", "for a token; or pin-source in the URI, THEMIS_PIN, a prompt; tried once");
  return withStampOptions(made).action(async (folder: string, options: Options) => {
    const rsaPadding = parsePadding(options.rsaPadding);
    const certificatesPem = (await readInput(options.certificates)).toString("latin1");
    const anchorsPem = options.trustAnchor && (await readInput(options.trustAnchor)).toString("latin1");
    const bundle = await openBundle(folder);
    // Never put a name under something that is not what it says it is.
    await checkPacks(bundle, signal);
    const addTo = options.add ? signatureOf(bundle) : undefined;
    const signer = await openSigner({
      key: options.key,
      secrets: secretSources(options),
      rsaPadding,
      certificatesPem,
    });
    try {
      const made = await signManifest({
        manifest: bundle.manifestBytes,
        certificatesPem,
        signer,
        now: new Date(),
        anchorsPem: anchorsPem || undefined,
        addTo,
      });
      const result = await stamped(made, options, signal);
      const { signature, stamps } = result;
      await writeFileAtomically(join(folder, "manifest.json.p7s"), signature);
      const { product, version } = bundle.manifest;
      const signers = decodeSignedData(signature).signers.length;
      say.result(
        {
          schema: "themis-bundle/sign/1",
          product,
          version,
          algorithm: signer.algorithm,
          signatureBytes: signature.length,
          signers,
          timestamps: stamps,
        },
        [
          `signed ${product} ${version} (${signer.algorithm}, ${signature.length} bytes)${signers > 1 ? `; ${signers} have signed` : ""}`,
          ...stampLines(result),
        ].join("\n"),
      );
    } finally {
      await signer.close();
    }
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

/** @throws ThemisError USAGE */
export function parsePadding(name: string): "pkcs1" | "pss" {
  if (name === "pkcs1" || name === "pss") return name;
  throw new ThemisError("USAGE", "usage", `--rsa-padding takes pkcs1 or pss, not ${JSON.stringify(name)}`);
}
