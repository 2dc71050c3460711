/** Tells the operator's hook and people how an update ended. Nothing that they do changes it. */
import { hostname } from "node:os";
import type { UpdateFacts } from "./command-environment.ts";
import { runAfterHook, type UpdateOutcome } from "./hooks.ts";
import type { UpdateEvent } from "./notify/update-event.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

export type Ending = Pick<UpdateEvent, "product" | "message"> & { readonly kind: UpdateOutcome };

/** What did not get through is a notice. Never rejects. */
export async function announce(
  { hooks, notify }: UpdateRequest,
  { now, notice }: UpdateTools,
  facts: UpdateFacts,
  { kind, product, message }: Ending,
): Promise<void> {
  const { from, to } = facts;
  if (hooks?.after) {
    const note = await runAfterHook(hooks.after, { ...facts, outcome: kind }).catch(String);
    if (note !== undefined) notice?.(note);
  }
  const notes = await notify?.({ kind, product, from, to, host: hostname(), at: now(), message });
  for (const note of notes ?? []) notice?.(note);
}
