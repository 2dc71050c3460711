/**
 * Commands of the operator's around an update: `before` may refuse it, `after` hears how it ended.
 *
 * Both are argv in the root, with THEMIS_ROOT, THEMIS_FROM and THEMIS_TO; `after` has THEMIS_OUTCOME too. A hook
 * that does not end is ended with all that it started, in the background too; what shall live on is started
 * by the service manager.
 */
import { type CommandEnd, runCommand } from "../base/command.ts";
import { type UpdateFacts, updateEnvironment } from "./command-environment.ts";
import { FetchError } from "./fetch-error.ts";
import { endOf, withOutput } from "./health/command-verdict.ts";

export type Hook = { readonly command: readonly string[]; readonly timeoutMs: number };

export type UpdateOutcome = "updated" | "failed" | "rolled-back";

/** @throws FetchError HOOK_FAILED when it does not end with status 0; the signal's reason */
export async function runBeforeHook(hook: Hook, facts: UpdateFacts, signal?: AbortSignal): Promise<void> {
  const end = await run(hook, facts, {}, signal);
  if (succeeded(end)) return;
  throw new FetchError("HOOK_FAILED", `the hook before the update refused it: ${inWords(end)}`, {
    facts: { command: hook.command[0], end: endOf(end), durationMs: end.durationMs },
    hint: "nothing was changed; see to what the hook says",
  });
}

/** The update is done by then, so a failure is only said: in a sentence, or undefined. @throws the signal's reason */
export async function runAfterHook(
  hook: Hook,
  facts: UpdateFacts & { readonly outcome: UpdateOutcome },
  signal?: AbortSignal,
): Promise<string | undefined> {
  const end = await run(hook, facts, { THEMIS_OUTCOME: facts.outcome }, signal);
  return succeeded(end) ? undefined : `the hook after the update failed: ${inWords(end)}`;
}

function run(
  { command, timeoutMs }: Hook,
  facts: UpdateFacts,
  more: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<CommandEnd> {
  const environment = { ...updateEnvironment(facts), ...more };
  return runCommand({ argv: command, cwd: facts.root, environment, timeoutMs, signal });
}

function succeeded(end: CommandEnd): boolean {
  return end.kind === "exited" && end.status === 0;
}

function inWords(end: CommandEnd): string {
  return withOutput(endOf(end), end.output);
}
