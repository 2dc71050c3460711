/**
 * An answer to a question about a place or a document: what was seen, and what to do about it.
 *
 * A failure of one question is its answer, so that all that is wrong is said at once.
 */
import { systemCode, ThemisError } from "../base/error.ts";

export type Finding = {
  readonly question: string;
  /** "poor" will cost somebody something, "bad" ends a release. */
  readonly outcome: "good" | "poor" | "bad";
  readonly seen: string;
  /** What to do; "" where it is good, or nobody knows. */
  readonly advice: string;
  /** Of the failure, where it was one; else "". */
  readonly code: string;
};

export type Answer = Pick<Finding, "outcome" | "seen" | "advice">;

export const good = (seen: string): Answer => ({ outcome: "good", seen, advice: "" });
export const poor = (seen: string, advice: string): Answer => ({ outcome: "poor", seen, advice });

/** @throws what is neither a ThemisError nor the system's: a bug, or an interruption */
export async function ask(question: string, work: () => Promise<Answer> | Answer): Promise<Finding> {
  try {
    return { question, code: "", ...(await work()) };
  } catch (error) {
    if (error instanceof ThemisError) {
      const { code, message, hint = "" } = error;
      return { question, code, outcome: "bad", seen: message, advice: hint };
    }
    const code = systemCode(error);
    if (code === undefined) throw error;
    return { question, code, outcome: "bad", seen: (error as Error).message, advice: "" };
  }
}

const DAY_MS = 86_400_000;
/** What a person needs to get another certificate, or to build another release. */
const SOON_DAYS = 30;

export function untilWhen(what: string, end: Date, now: Date, advice: string): Answer {
  const days = Math.floor((end.getTime() - now.getTime()) / DAY_MS);
  const seen = `${what} until ${end.toISOString()}, ${days} days`;
  return days >= SOON_DAYS ? good(seen) : poor(seen, advice);
}
