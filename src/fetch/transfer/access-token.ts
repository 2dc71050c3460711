/**
 * A token for GitHub's API, from where no other process can read it: the environment, or a file.
 *
 *   --token-file FILE        one line; /dev/fd/3 is a file too
 *   GH_TOKEN, GITHUB_TOKEN   in this order, as gh takes them; an empty one is none
 *
 * Never argv. It lies in a private field, so that no message, JSON or inspection shows it, and leaves only as
 * a header.
 */
import { systemCode } from "../../base/error.ts";
import { InputError, readSecret } from "../../base/input-file.ts";
import { FetchError } from "../fetch-error.ts";
import type { Headers } from "./http-source.ts";

/** An installation's token has 520 characters, the others fewer. */
const MAX_TOKEN_CHARACTERS = 1024;
/** What a header may hold (RFC 6750, section 2.1, is narrower; GitHub decides what it gives out). */
const TOKEN = /^[\x21-\x7e]{1,1024}$/;
const VARIABLES = ["GH_TOKEN", "GITHUB_TOKEN"] as const;

export class AccessToken {
  readonly #secret: string;

  /** @param from where it was found, for the message. @throws FetchError TOKEN_INVALID, which does not show it */
  constructor(secret: string, from: string) {
    if (!TOKEN.test(secret)) {
      throw new FetchError(
        "TOKEN_INVALID",
        `${from} holds no token: 1 to ${MAX_TOKEN_CHARACTERS} characters of ASCII without a space or line end`,
        { hint: "copy the token again; nothing was sent" },
      );
    }
    this.#secret = secret;
  }

  /** @throws FetchError TOKEN_INVALID */
  static fromEnvironment(environment: NodeJS.ProcessEnv): AccessToken | undefined {
    const name = VARIABLES.find((each) => environment[each]);
    return name === undefined ? undefined : new AccessToken(environment[name]!, name);
  }

  /** The line end that editors and `echo` add does not belong to it. @throws FetchError TOKEN_INVALID */
  static async fromFile(path: string): Promise<AccessToken> {
    let bytes: Buffer;
    try {
      bytes = await readSecret(path, MAX_TOKEN_CHARACTERS + 2);
    } catch (cause) {
      const why = cause instanceof InputError ? "it is too long" : systemCode(cause);
      throw new FetchError("TOKEN_INVALID", `the token file ${path} cannot be read (${why})`, {
        cause,
        hint: "--token-file takes a file with the token as its one line",
      });
    }
    return new AccessToken(bytes.toString("latin1").replace(/\r?\n$/, ""), `the token file ${path}`);
  }

  /** RFC 6750. */
  authorization(): Headers {
    return { authorization: `Bearer ${this.#secret}` };
  }
}
