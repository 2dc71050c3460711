/** What a new release must pass before it counts, and the service that is stopped for the switch. */
import type { Check } from "../health/check.ts";
import type { Service } from "../service/service.ts";
import type { JournalGate } from "./journal-entry.ts";

export type ServiceGate = {
  readonly service: Service;
  /** How long it may take to end by itself. */
  readonly drainMs: number;
  /** When it counts as started; without it, once it was started. */
  readonly ready?: Check | undefined;
};

export type Confirmation =
  /** The release counts when its checks have passed. */
  | { readonly by: "checks" }
  /** And when an operator has said so in time; otherwise the next command goes back. */
  | { readonly by: "operator"; readonly withinMs: number };

export type Gate = {
  readonly checks: readonly Check[];
  readonly service?: ServiceGate | undefined;
  readonly confirmation: Confirmation;
};

/** A release counts once it is there. */
export const NO_GATE: Gate = { checks: [], confirmation: { by: "checks" } };

export function journalGate({ checks, confirmation }: Gate): JournalGate {
  const data = checks.filter(({ run }) => !("function" in run));
  return {
    checks: data,
    hasFunctions: data.length < checks.length,
    confirmation,
    serviceRan: false,
    untilMs: 0,
  };
}
