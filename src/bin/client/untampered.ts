/**
 * Does this process run the client's code and no other?
 *
 * The anchor in the file is of no use where other code runs before it: `node --import evil.mjs themis-fetch.mjs`,
 * NODE_OPTIONS in an inherited environment, a configuration of OpenSSL that loads a provider, a cache of compiled
 * code, a program that imports the file. All of these are refused before anything is read. Options that only set a
 * limit or say more are known by name; every other one is refused, so that a new one of Node's is, too.
 *
 * Code that was loaded first could clear `process.execArgv`; so on Linux the kernel is asked as well, which keeps the
 * command line and the environment as the process got them. Code that goes on to replace `fs` is beyond what a
 * process can find out about itself: see SECURITY.md.
 */
import { readFileSync, realpathSync } from "node:fs";
import { ThemisError } from "../../base/error.ts";

/** What the file knows of how it was started (scripts/client-template.ts). */
declare const __THEMIS_SELF__: { readonly main: boolean | undefined; readonly file: string };

/** Limits, words on stderr and what decides about TLS or names, but not which code runs. */
const HARMLESS =
  /^--(max-(old|semi)-space-size(-percentage)?=\d+|stack-trace-limit=\d+|no-warnings|disable-warning=[\w-]+|(no-)?deprecation|trace-(warnings|deprecation|uncaught|exit)|enable-source-maps|use-(system|bundled|openssl)-ca|dns-result-order=\w+|network-family-autoselection(-attempt-timeout=\d+)?|no-network-family-autoselection|max-http-header-size=\d+|tls-(min|max)-v1\.[23]|disable-wasm-trap-handler|unhandled-rejections=\w+)$/;

/** Each makes Node or OpenSSL take code or its meaning from elsewhere. */
const FOREIGN_CODE = ["OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "NODE_COMPILE_CACHE"];

export type Start = {
  /** What Node was given before the program. */
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** @throws ThemisError PROCESS_TAMPERED */
export function demandUntampered(): void {
  if (!isMain()) throw tampered("another program has loaded this file", "run it by itself");
  for (const start of [thisProcess(), asTheKernelKnows()]) if (start) demandOwnCode(start);
}

/** @throws ThemisError PROCESS_TAMPERED */
export function demandOwnCode({ options, environment }: Start): void {
  const strange = options.find((option) => !HARMLESS.test(option));
  if (strange !== undefined)
    throw tampered(`Node was started with ${nameOf(strange)}`, "start it without options of Node");
  const given = words(environment.NODE_OPTIONS ?? "").find((option) => !HARMLESS.test(option));
  if (given !== undefined)
    throw tampered(`NODE_OPTIONS has ${nameOf(given)}`, "start it with: env -u NODE_OPTIONS");
  const foreign = FOREIGN_CODE.find((name) => environment[name]);
  if (foreign !== undefined)
    throw tampered(`${foreign} is set, which lets other code in`, `start it with: env -u ${foreign}`);
}

/**
 * The prototypes that every value has get no property more, and have none that is not the language's.
 *
 * A document's `__proto__` that slipped through some parser would otherwise answer for what a value lacks.
 */
export function closePrototypes(): void {
  for (const prototype of [Object, Array, Function, String, Number, Map, Set, Promise, Uint8Array].map(
    (each) => each.prototype as object,
  )) {
    const strange = Object.keys(prototype)[0];
    if (strange !== undefined)
      throw tampered(`every object has a property ${nameOf(strange)}`, "run it by itself");
    Object.preventExtensions(prototype);
  }
}

/** Before 24.2 Node does not tell a module whether it is the program. */
function isMain(): boolean {
  const { main, file } = __THEMIS_SELF__;
  if (main !== undefined) return main;
  try {
    return realpathSync(process.argv[1] ?? "") === realpathSync(file);
  } catch {
    return false;
  }
}

function thisProcess(): Start {
  return { options: process.execArgv, environment: process.env };
}

/** proc_pid_cmdline(5), proc_pid_environ(5); undefined where there is no /proc. */
function asTheKernelKnows(): Start | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const [line, environ] = ["cmdline", "environ"].map((name) =>
      readFileSync(`/proc/self/${name}`, "utf8").split("\0"),
    ) as [string[], string[]];
    const behind = line.slice(1);
    const end = behind.findIndex((word) => !word.startsWith("-") || word === "--");
    const pairs = environ.map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
    return {
      options: isSingleExecutable() ? [] : behind.slice(0, Math.max(0, end)),
      environment: Object.fromEntries(pairs),
    };
  } catch {
    return undefined;
  }
}

/** There is no program behind Node's options: what follows the name is the client's own. */
function isSingleExecutable(): boolean {
  return __THEMIS_SELF__.file === process.execPath;
}

/** As Node splits NODE_OPTIONS: white space parts, quotes hold together; an odd one is no option that we know. */
function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** A value may be a secret, or a file's whole path. */
function nameOf(option: string): string {
  return JSON.stringify(option.split("=", 1)[0]!.slice(0, 60));
}

function tampered(what: string, hint: string): ThemisError {
  return new ThemisError("PROCESS_TAMPERED", "refused", `${what}, and this client runs no code but its own`, {
    hint,
  });
}
