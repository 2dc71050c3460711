/** The options that sign a document, and the signer that they name. */
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { openSigner, signManifest } from "../../publish/sign/sign.ts";
import { readInput } from "../read-input.ts";
import { secretSources } from "./secrets.ts";

export type SigningOptions = {
  readonly key?: string;
  readonly certificates?: string;
  readonly passphraseFile?: string;
  readonly pinFile?: string;
};

export function withSigning(made: Command): Command {
  return made
    .option("--key <key>", "sign it: a PKCS#8 PEM file, or a pkcs11: URI (RFC 7512)")
    .option("--certificates <file>", "the signer's certificate, then its chain, PEM")
    .option("--passphrase-file <file>", "for an encrypted key; or THEMIS_KEY_PASSPHRASE")
    .option("--pin-file <file>", "for a token; or pin-source in the URI, THEMIS_PIN, a prompt; tried once");
}

/** @param work gets undefined when no key was named. @throws ThemisError USAGE; SignError */
export async function withChannelSigner<T>(
  options: SigningOptions,
  work: (sign: ((bytes: Uint8Array) => Promise<Uint8Array>) | undefined) => Promise<T>,
): Promise<T> {
  const { key, certificates } = options;
  if ((key === undefined) !== (certificates === undefined))
    throw new ThemisError("USAGE", "usage", "--key and --certificates belong together");
  if (key === undefined || certificates === undefined) return work(undefined);
  const certificatesPem = (await readInput(certificates)).toString("latin1");
  const signer = await openSigner({ key, secrets: secretSources(options), certificatesPem });
  try {
    return await work((manifest) => signManifest({ manifest, certificatesPem, signer, now: new Date() }));
  } finally {
    await signer.close();
  }
}
