/** Findings as a person reads them, and the exit status that they mean. */
import type { Finding } from "../../publish/finding.ts";
import { EXIT } from "../exit-status.ts";
import type { Reporter } from "../reporter.ts";

const MARKS = { good: "ok  ", poor: "poor", bad: "BAD " } as const;

export function sayFindings(say: Reporter, schema: string, findings: readonly Finding[]): void {
  const lines = findings.flatMap(({ question, outcome, seen, advice, code }) => [
    `${MARKS[outcome]}  ${question}: ${code === "" ? "" : `${code}: `}${seen}`,
    ...(advice === "" ? [] : [`      -> ${advice}`]),
  ]);
  say.result({ schema, findings }, lines.join("\n"));
  if (findings.some(({ outcome }) => outcome === "bad")) process.exitCode = EXIT.failure;
}
