/**
 * Where the PIN of a token and the passphrase of a key file come from, first found wins.
 *
 *   PIN          pin-source of the URI, --pin-file    THEMIS_PIN               prompt
 *   passphrase   --passphrase-file                    THEMIS_KEY_PASSPHRASE    prompt
 *
 * Never argv: every process of the machine can read it, shells keep it in their history and CI prints it.
 * A source that was named and cannot be read is an error, not a reason to try the next: a second guess
 * at a PIN costs one of the three tries that most tokens allow.
 */
import { readSecret } from "../../base/input-file.ts";
import { SignError } from "./sign-error.ts";

export type SecretSources = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pinFile?: string | undefined;
  readonly passphraseFile?: string | undefined;
  /** Asks a person without echo; absent when nobody is there. */
  readonly prompt?: ((question: string) => Promise<string>) | undefined;
};

/** CK_ULONG allows more, no token does; a path to a disk image given by mistake stops here. */
const MAX_SECRET_CHARACTERS = 1024;
/** UTF-8 takes at most four bytes a character; then a line end. */
const MAX_SECRET_FILE_BYTES = 4 * MAX_SECRET_CHARACTERS + 2;

/** @throws SignError TOKEN_PIN_MISSING, SECRET_UNREADABLE */
export async function readPin(sources: SecretSources, tokenLabel: string): Promise<string> {
  const pin = await firstFound(sources, sources.pinFile, "THEMIS_PIN", `PIN of the token "${tokenLabel}": `);
  if (pin !== undefined) return pin;
  throw new SignError("TOKEN_PIN_MISSING", `the token "${tokenLabel}" asks for a PIN and none was given`, {
    hint: "name a file with pin-source=file:/path in the URI, or set THEMIS_PIN",
    facts: { token: tokenLabel },
  });
}

/** @throws SignError KEY_PASSPHRASE, SECRET_UNREADABLE */
export async function readPassphrase(sources: SecretSources, path: string): Promise<string> {
  const question = `passphrase of ${path}: `;
  const passphrase = await firstFound(sources, sources.passphraseFile, "THEMIS_KEY_PASSPHRASE", question);
  if (passphrase !== undefined) return passphrase;
  throw new SignError("KEY_PASSPHRASE", `the key ${path} is encrypted and no passphrase was given`, {
    hint: "name a file with --passphrase-file, or set THEMIS_KEY_PASSPHRASE",
    facts: { path },
  });
}

async function firstFound(
  { env, prompt }: SecretSources,
  file: string | undefined,
  variable: string,
  question: string,
): Promise<string | undefined> {
  if (file !== undefined) return readSecretFile(file);
  // An empty variable is how CI spells "not set".
  const fromEnv = env[variable];
  if (fromEnv) return fromEnv;
  const answer = await prompt?.(question);
  return answer || undefined;
}

/** One line; the newline that editors and `echo` add does not belong to the secret. */
async function readSecretFile(path: string): Promise<string> {
  let content: string;
  try {
    content = (await readSecret(path, MAX_SECRET_FILE_BYTES)).toString("utf8");
  } catch (cause) {
    throw new SignError("SECRET_UNREADABLE", `the secret file ${path} cannot be read`, {
      cause,
      facts: { path },
    });
  }
  const secret = content.replace(/\r?\n$/, "");
  if (secret === "" || secret.length > MAX_SECRET_CHARACTERS || /[\r\n\0]/.test(secret)) {
    throw new SignError(
      "SECRET_UNREADABLE",
      `the secret file ${path} does not hold one line of 1 to ${MAX_SECRET_CHARACTERS} characters`,
      { facts: { path } },
    );
  }
  return secret;
}
