/**
 * A private key in a file: PKCS#8 in PEM (RFC 7468, sections 10 and 11), plain or encrypted.
 *
 *   -----BEGIN PRIVATE KEY-----              PrivateKeyInfo (RFC 5958)
 *   -----BEGIN ENCRYPTED PRIVATE KEY-----    EncryptedPrivateKeyInfo, PBES2 (RFC 8018)
 *
 * The older forms ("RSA PRIVATE KEY", "EC PRIVATE KEY") are refused: their encryption derives the key
 * with one round of MD5, and a reader of two forms is one more thing to get wrong.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { InputError, readRegularFile } from "../../base/input-file.ts";
import { readPassphrase, type SecretSources } from "./pin.ts";
import { SignError } from "./sign-error.ts";
import { algorithmFor, digestOf, nodeKeyOptions, type RsaPadding, type Signer } from "./signer.ts";

/** An RSA key of 8192 bits, encrypted, takes 7 KiB. */
const MAX_KEY_FILE_BYTES = 64 << 10;

const signAsync = promisify(sign);

export async function openKeyFile(
  path: string,
  { rsaPadding, secrets }: { readonly rsaPadding: RsaPadding; readonly secrets: SecretSources },
): Promise<Signer> {
  const key = await readPrivateKey(path, secrets);
  const algorithm = algorithmFor(key, rsaPadding, `the key file ${path}`);
  return {
    publicKey: createPublicKey(key),
    algorithm,
    sign: async (bytes) => signAsync(digestOf(algorithm), bytes, nodeKeyOptions(algorithm, key)),
    close: async () => {},
  };
}

/** @throws SignError KEY_UNREADABLE, KEY_PASSPHRASE */
async function readPrivateKey(path: string, secrets: SecretSources): Promise<KeyObject> {
  let pem: string;
  try {
    pem = (await readRegularFile(path, MAX_KEY_FILE_BYTES)).toString("utf8");
  } catch (cause) {
    if (cause instanceof InputError) {
      const { message, hint } = cause;
      throw new SignError("KEY_UNREADABLE", `the key file ${message}`, {
        cause,
        facts: { path },
        ...(hint && { hint }),
      });
    }
    throw new SignError("KEY_UNREADABLE", `the key file ${path} cannot be read`, { cause, facts: { path } });
  }
  const label = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----/.exec(pem)?.[1];
  if (label !== "PRIVATE KEY" && label !== "ENCRYPTED PRIVATE KEY") {
    throw new SignError(
      "KEY_UNREADABLE",
      `the key file ${path} should hold "PRIVATE KEY" or "ENCRYPTED PRIVATE KEY" in PEM, it holds ${label ? `"${label}"` : "none"}`,
      { facts: { path }, hint: "convert it with `openssl pkcs8 -topk8 -in old.pem -out key.pem`" },
    );
  }
  if (label === "PRIVATE KEY") {
    try {
      return createPrivateKey(pem);
    } catch (cause) {
      throw new SignError("KEY_UNREADABLE", `the key file ${path} is damaged`, { cause, facts: { path } });
    }
  }
  const passphrase = await readPassphrase(secrets, path);
  try {
    return createPrivateKey({ key: pem, passphrase });
  } catch (cause) {
    throw new SignError("KEY_PASSPHRASE", `the passphrase does not open the key file ${path}`, {
      cause,
      facts: { path },
      hint: "check --passphrase-file or THEMIS_KEY_PASSPHRASE; a damaged file looks the same",
    });
  }
}
