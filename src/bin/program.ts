/**
 * What both programs share: options that every command takes, errors in our own words, signals, and
 * the way from a parsed command to an exit status.
 */
import type { EventEmitter } from "node:events";
import { Command, CommanderError } from "commander";
import { ThemisError } from "../base/error.ts";
import { EXIT } from "./exit-status.ts";
import type { Reporter } from "./reporter.ts";

export type Tools = { readonly say: Reporter; readonly signal: AbortSignal };

/** What a narrow terminal and a man page have. */
const HELP_COLUMNS = 80;

/** A command of ours: what it is for, and examples under its help. */
export function command(name: string, summary: string, examples: readonly string[] = []): Command {
  const made = new Command(name).summary(summary).description(summary).showSuggestionAfterError(true);
  if (examples.length > 0) {
    made.addHelpText("after", `\nExamples:\n${examples.map(foldExample).join("\n")}`);
  }
  return made;
}

/** A long command goes on in the next line as a shell would take it. */
function foldExample(example: string): string {
  const lines: string[] = [];
  let line = " ";
  for (const word of example.split(" ")) {
    if (line.length + 1 + word.length > HELP_COLUMNS - 2) {
      lines.push(`${line} \\`);
      line = "     ";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}

export function withGlobalOptions(program: Command): Command {
  return program
    .option("--json", "print one JSON document on stdout, for failures too")
    .option("--quiet", "errors only; what is asked for (inspect, list, status) is still shown")
    .option("--debug", "print stack traces");
}

/** Ctrl-C once stops cleanly, twice stops now. */
export function interruption(say: Reporter): AbortSignal {
  const controller = new AbortController();
  let asked = false;
  const stop = (): void => {
    if (asked) process.exit(say.failure(new DOMException("interrupted", "AbortError")));
    asked = true;
    say.note("stopping; once more to stop at once");
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}

export async function runProgram(program: Command, say: Reporter, argv: readonly string[]): Promise<void> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `themis-bundle inspect | head` closes the pipe early; that is no failure.
    if (error.code === "EPIPE") process.exit(EXIT.done);
    say.unwritable(error);
    process.exit(EXIT.local);
  });
  // What stands behind "--" is another program's.
  const own = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  say.options = {
    json: own.includes("--json"),
    quiet: own.includes("--quiet"),
    debug: own.includes("--debug"),
  };
  const shown = prepare(program, say);
  const behindDashes = Math.max(0, argv.length - own.length - 1);
  program.hook("preAction", (_, action) => refuseEmptyArguments(action, behindDashes));
  try {
    refuseSecrets(argv);
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = usageStatus(error, say, shown.text);
    else process.exitCode = say.failure(error);
  }
}

/** Global options may stand before or behind the command, and every level refuses with our status. */
function prepare(program: Command, say: Reporter, shown = { text: "" }): { text: string } {
  refuseTwice(program);
  refuseEmptyOptions(program);
  program.hook("preAction", (_, action) => {
    say.isAction = ACTIONS.has(action.name()) && !action.opts().dryRun;
  });
  // `build --version V` is the release's version; the program's own stands before the command.
  program
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        if (!say.options.json) process.stderr.write(text);
      },
      // Help and version; with --json stdout is for one document.
      writeOut: (text) => {
        if (say.options.json) shown.text += text;
        else process.stdout.write(text);
      },
    });
  program.configureHelp({
    helpWidth: Math.min(process.stdout.columns ?? HELP_COLUMNS, HELP_COLUMNS),
    minWidthToWrap: 20,
    showGlobalOptions: false,
  });
  for (const child of program.commands) {
    withGlobalOptions(child);
    prepare(child, say, shown);
  }
  return shown;
}

/** Of `--key a --key b` one would be forgotten, and nobody would say which. */
function refuseTwice(program: Command): void {
  const given = new Set<string>();
  for (const option of program.options) {
    const gathers = option.parseArg === (repeated as unknown) || Array.isArray(option.defaultValue);
    const takesOne = (option.required || option.optional) && !option.variadic && !gathers;
    if (!takesOne) continue;
    program.on(`option:${option.name()}`, () => {
      if (given.has(option.name())) {
        throw new ThemisError("USAGE", "usage", `${option.long} is given twice, and only one can count`, {
          hint: `give ${option.long} once`,
        });
      }
      given.add(option.name());
    });
  }
}

/** Of these an empty text says something: a release without notes. */
const MAY_BE_EMPTY = new Set(["--release-notes"]);

/**
 * `--root "$ROOT"` where nothing set ROOT: an empty name would resolve to the folder that one stands in, and an
 * update would go there. Before the option's own reading, so that the hint is this one.
 */
function refuseEmptyOptions(program: Command): void {
  for (const option of program.options) {
    const name = option.long ?? option.flags;
    if (MAY_BE_EMPTY.has(name)) continue;
    // It is one, which its types leave out.
    const events = program as unknown as EventEmitter;
    events.prependListener(`option:${option.name()}`, (value: unknown) => {
      if (value === "") throw emptyText(name);
    });
  }
}

/** What stands behind "--" is another program's, and it may want an empty one. */
function refuseEmptyArguments(action: Command, behindDashes: number): void {
  const own = action.args.slice(0, action.args.length - behindDashes);
  const empty = own.indexOf("");
  if (empty === -1) return;
  const declared = action.registeredArguments;
  throw emptyText(`<${(declared[empty] ?? declared.at(-1))?.name()}>`);
}

function emptyText(name: string): ThemisError {
  return new ThemisError("USAGE", "usage", `${name} is given an empty text`, {
    hint: "a variable of the shell may be unset; give a value, or leave it out",
  });
}

/** Messages repeat arguments, and logs keep messages: a key among the arguments stops here. */
function refuseSecrets(argv: readonly string[]): void {
  if (!argv.some((argument) => /PRIVATE KEY-----|PRIVATE\+KEY\+/.test(argument))) return;
  throw new ThemisError(
    "KEY_UNREADABLE",
    "usage",
    "an argument holds a private key, not the name of its file",
    {
      hint: "give the name of a file by --key; this key has been on a command line, so think about making a new one",
    },
  );
}

/** Commands that are asked for what they do; the others for what they say. */
const ACTIONS = new Set([
  ...[
    "keygen",
    "build",
    "assemble",
    "sign",
    "resign",
    "attest",
    "timestamp",
    "verify",
    "publish",
    "prune",
    "create",
    "append",
    "prove",
    "apply",
  ],
  ...["update", "watch", "download", "bundle", "rollback", "self-update"],
]);

function usageStatus(error: CommanderError, say: Reporter, shown: string): number {
  if (error.code === "commander.version") {
    if (say.options.json) say.result({ version: shown.trim() }, "");
    return EXIT.done;
  }
  if (say.options.json) {
    const isHelp = error.code.startsWith("commander.help");
    const message = isHelp ? "no command was given, and help is text" : error.message.replace(/^error: /, "");
    return say.failure(
      new ThemisError("USAGE", "usage", message, isHelp ? { hint: "--help without --json shows it" } : {}),
    );
  }
  const asked =
    error.code === "commander.helpDisplayed" || (error.code === "commander.help" && error.exitCode === 0);
  return asked ? EXIT.done : EXIT.usage;
}

/** @throws ThemisError USAGE */
export function wholeNumber(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new ThemisError(
        "USAGE",
        "usage",
        `${option} takes a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`,
      );
    }
    return value;
  };
}

export function repeated(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
