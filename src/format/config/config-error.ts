import { type FailureDetails, ThemisError } from "../../base/error.ts";
import { type Origin, originText } from "./origin.ts";

/** Every way a configuration is not obeyed. */
const kinds = {
  /** No YAML that we read: syntax, aliases, tags, depth. */
  CONFIG_MALFORMED: "usage",
  /** A key or a value that the schema does not know. */
  CONFIG_INVALID: "usage",
  /** A command needs a setting, and nobody gives it. */
  CONFIG_MISSING: "usage",
  /** Somebody else could have written the file, which names programs that we run. */
  CONFIG_UNSAFE: "refused",
  /** A file or variable that should hold a secret does not. */
  SECRET_UNREADABLE: "usage",
} as const;

export class ConfigError extends ThemisError<keyof typeof kinds> {
  constructor(code: keyof typeof kinds, message: string, details: FailureDetails = {}) {
    super(code, kinds[code], message, details);
  }
}

/** One thing that is wrong with a configuration. */
export type Problem = {
  readonly at: Origin;
  /** "checker.interval"; "" for the whole. */
  readonly key: string;
  /** One sentence without the place. */
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
  /** The key that was probably meant. */
  readonly nearest?: string;
  readonly hint?: string;
};

/** A person mends a screen of them at a time. */
const MAX_PROBLEMS = 20;

/** @param problems one at the least; each gets a line "themis.yml:3:5: …" */
export function invalidConfig(problems: readonly Problem[]): ConfigError {
  const sorted = [...problems].sort((a, b) => lineOf(a) - lineOf(b));
  const said = sorted.slice(0, MAX_PROBLEMS);
  const lines = said.map(({ at, message }) => `${originText(at)}: ${message}`);
  if (said.length < sorted.length) lines.push(`and ${sorted.length - said.length} more`);
  const hint = said.find((each) => each.hint !== undefined)?.hint;
  return new ConfigError("CONFIG_INVALID", lines.join("\n"), {
    facts: { problems: said.map(({ at, ...rest }) => ({ ...placeOf(at), ...rest })) },
    ...(hint && { hint }),
  });
}

function lineOf({ at }: Problem): number {
  return at.kind === "file" ? at.line : 0;
}

function placeOf(at: Origin): Readonly<Record<string, unknown>> {
  return at.kind === "file" ? { file: at.file, line: at.line, column: at.column } : { at: originText(at) };
}
