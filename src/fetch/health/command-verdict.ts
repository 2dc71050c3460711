/** A check that is a program: its status, and what it prints. */
import { type CommandEnd, runCommand } from "../../base/command.ts";
import { lastOfLine } from "../../base/one-line.ts";
import { type UpdateFacts, updateEnvironment } from "../command-environment.ts";
import type { CommandRun, Verdict } from "./check.ts";

/** Where programs say why they failed. */
const SAID_CHARACTERS = 300;

export type CommandAttempt = {
  readonly run: CommandRun;
  readonly facts: UpdateFacts;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
};

/** @throws the signal's reason */
export async function commandVerdict({ run, facts, timeoutMs, signal }: CommandAttempt): Promise<Verdict> {
  const end = await runCommand({
    argv: run.command,
    cwd: facts.root,
    environment: updateEnvironment(facts),
    timeoutMs,
    signal,
  });
  const isRight = end.kind === "exited" && end.status === run.expectStatus;
  const lacks = run.expectOutput !== undefined && !end.output.includes(run.expectOutput);
  const passed = isRight && !lacks;
  return {
    passed,
    expected: commandExpectation(run),
    found: passed ? endOf(end) : withOutput(endOf(end), end.output),
  };
}

export function commandExpectation({ expectStatus, expectOutput }: CommandRun): string {
  const output = expectOutput === undefined ? "" : ` and ${JSON.stringify(expectOutput)} in its output`;
  return `status ${expectStatus}${output}`;
}

/** In words, such as "status 3". */
export function endOf(end: CommandEnd): string {
  switch (end.kind) {
    case "exited":
      return `status ${end.status}`;
    case "killed":
      return `it was ended by ${end.by}`;
    case "timed-out":
      return `it had not ended after ${end.durationMs} ms`;
    case "not-started":
      return `it cannot be started (${end.errno})`;
  }
}

/** With the last that a program said, if it said anything. */
export function withOutput(what: string, output: string): string {
  const said = lastOfLine(output, SAID_CHARACTERS);
  return said === "" ? what : `${what}: ${said}`;
}
