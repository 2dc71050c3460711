/** Failures from thread to thread: instances do not pass, what they say does. */
import { type FailureArea, type FailureKind, systemCode, ThemisError } from "./error.ts";

export type FailureMessage =
  | {
      readonly name: "themis";
      readonly code: string;
      readonly kind: FailureKind;
      readonly area: FailureArea;
      readonly message: string;
      readonly facts: Readonly<Record<string, unknown>>;
      readonly hint: string | undefined;
    }
  | {
      readonly name: "system";
      /** ENOSPC and the like; undefined for a bug. */
      readonly code: string | undefined;
      readonly message: string;
    };

export function toMessage(error: unknown): FailureMessage {
  if (error instanceof ThemisError) {
    const { code, kind, area, message, facts, hint } = error;
    return { name: "themis", code, kind, area, message, facts, hint };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { name: "system", code: systemCode(error), message };
}

export function fromMessage(failure: FailureMessage): Error {
  if (failure.name === "system")
    return Object.assign(new Error(failure.message), failure.code !== undefined && { code: failure.code });
  const { code, kind, message, area, facts, hint } = failure;
  return new ThemisError(code, kind, message, { area, facts, ...(hint !== undefined && { hint }) });
}
