import { mkdir } from "node:fs/promises";
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { generatePki, type KeygenAlgorithm } from "../../publish/sign/keygen.ts";
import { readPassphrase } from "../../publish/sign/pin.ts";
import { openSigner } from "../../publish/sign/sign.ts";
import { command, type Tools, wholeNumber } from "../program.ts";
import { secretSources } from "./secrets.ts";

const ALGORITHMS: readonly string[] = ["ecdsa-p256", "ecdsa-p384", "rsa-3072"];

type Options = {
  readonly out: string;
  readonly algorithm: string;
  readonly key?: string;
  readonly rootName: string;
  readonly signerName: string;
  readonly organization?: string;
  readonly rootDays?: number;
  readonly signerDays?: number;
  readonly passphraseFile?: string;
  readonly pinFile?: string;
};

export function keygenCommand({ say }: Tools): Command {
  return command("keygen", "make a small PKI to start with: a root to pin, a signer to sign", [
    "themis-bundle keygen --out pki",
    "themis-bundle keygen --out pki --passphrase-file passphrase.txt",
    "themis-bundle keygen --out pki --key 'pkcs11:token=release;object=signer?module-path=/usr/lib/hsm.so'",
  ])
    .requiredOption("--out <folder>", "gets root.pem, root-key.pem, signer.pem, signer-key.pem")
    .option("--algorithm <name>", "ecdsa-p256, ecdsa-p384 or rsa-3072", "ecdsa-p256")
    .option("--key <uri>", "the signer's key is in this PKCS#11 token already")
    .option("--root-name <name>", "the root's common name", "Release Root")
    .option("--signer-name <name>", "the signer's common name", "Release Signer")
    .option("--organization <name>", "in both certificates")
    .option("--root-days <n>", "how long the root is valid", wholeNumber("--root-days", 1, 36_500))
    .option("--signer-days <n>", "how long the signer is valid", wholeNumber("--signer-days", 1, 36_500))
    .option("--passphrase-file <file>", "encrypts the key files")
    .option("--pin-file <file>", "the token's PIN; or pin-source in the URI, or THEMIS_PIN")
    .action(async (options: Options) => {
      if (!ALGORITHMS.includes(options.algorithm)) {
        throw new ThemisError(
          "USAGE",
          "usage",
          `there is no key algorithm ${JSON.stringify(options.algorithm)}`,
          {
            hint: ALGORITHMS.join(", "),
          },
        );
      }
      const passphrase =
        options.passphraseFile && (await readPassphrase(secretSources(options), options.out));
      const signerPublicKey = options.key && (await publicKeyInToken(options));
      await mkdir(options.out, { recursive: true });
      const pki = await generatePki({
        outFolder: options.out,
        algorithm: options.algorithm as KeygenAlgorithm,
        rootName: options.rootName,
        signerName: options.signerName,
        organization: options.organization,
        rootDays: options.rootDays,
        signerDays: options.signerDays,
        now: new Date(),
        signerPublicKey: signerPublicKey || undefined,
        passphrase: passphrase || undefined,
      });
      say.result(
        { schema: "themis-bundle/keygen/1", ...pki },
        [
          `${pki.root}  the trust anchor: pin it on devices`,
          `${pki.rootKey}  keep it offline`,
          `${pki.signer}  the signer's certificate`,
          pki.signerKey ? `${pki.signerKey}  signs releases` : "the signer's key stays in the token",
        ].join("\n"),
      );
    });
}

async function publicKeyInToken(options: Options) {
  const signer = await openSigner({ key: options.key!, secrets: secretSources(options) });
  try {
    return signer.publicKey;
  } finally {
    await signer.close();
  }
}
