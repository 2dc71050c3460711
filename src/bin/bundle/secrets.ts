/** Where secrets may come from on this machine: files and the environment, and a person when one is there. */
import type { SecretSources } from "../../publish/sign/pin.ts";

export function secretSources(files: { pinFile?: string; passphraseFile?: string }): SecretSources {
  const somebodyThere = process.stdin.isTTY && process.stderr.isTTY && !process.env.CI;
  return { env: process.env, ...files, ...(somebodyThere && { prompt: askSecret }) };
}

/** Asks on stderr, so that stdout stays the command's result. */
async function askSecret(question: string): Promise<string> {
  const { default: password } = await import("@inquirer/password");
  return password({ message: question }, { output: process.stderr });
}
