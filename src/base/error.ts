/**
 * Every failure the product can name.
 *
 *   refused   bad bytes or bad trust: stop, keep what runs, never retry
 *   failed    the world: network, disk, lock; asking again may help
 *   usage     the caller's words: tell the person
 *
 * `code` is for programs and never changes meaning. `message` is one sentence for a person:
 * what was expected, what was found. `facts` carry the values, `hint` says what to do next.
 * Anything that is not a ThemisError is a bug.
 */
import { constants } from "node:os";

export type FailureKind = "refused" | "failed" | "usage";

/** Who has to act on it: decides the exit status (bin/exit-status.ts). */
export type FailureArea = "general" | "network" | "local";

export type FailureDetails = {
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly hint?: string;
  readonly cause?: unknown;
  readonly area?: FailureArea;
};

export class ThemisError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly kind: FailureKind;
  readonly area: FailureArea;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;

  constructor(code: Code, kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.kind = kind;
    this.area = details.area ?? "general";
    this.facts = details.facts ?? {};
    this.hint = details.hint;
  }
}

/** The same failure with the next step for this caller, by its code; anything else is returned as it is. */
export function withHint(error: unknown, hints: Readonly<Record<string, string>>): unknown {
  if (!(error instanceof ThemisError)) return error;
  const hint = hints[error.code];
  if (hint === undefined) return error;
  const { code, kind, message, facts, area } = error;
  return new ThemisError(code, kind, message, { facts, area, hint, cause: error });
}

/**
 * The `code` of a Node system error ("ENOENT"), or undefined for anything else.
 *
 * Our own errors have codes too; one that is taken for the system's becomes "cannot be read (OUR_CODE)".
 */
export function systemCode(error: unknown): string | undefined {
  if (error instanceof ThemisError) return undefined;
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  if (typeof error.code !== "string") return undefined;
  return isQuotaExceeded(error) ? "EDQUOT" : error.code;
}

/** libuv has no name for it: its code is "Unknown system error -122". */
function isQuotaExceeded(error: Error): boolean {
  return "errno" in error && error.errno === -constants.errno.EDQUOT;
}
