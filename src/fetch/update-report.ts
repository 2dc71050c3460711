/** What an update would do, and what one did: for people and for programs. */
import type { SignerReport } from "../trust/verify-signature.ts";
import type { CheckReport } from "./health/check.ts";
import type { Recovery } from "./install/recover.ts";
import type { StrategyName } from "./install/strategy.ts";
import type { OperatorsFile } from "./operators-files.ts";
import type { Plan } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import type { FellBack } from "./rebuild.ts";
import type { Restart } from "./service/restart.ts";
import type { FileOutcome } from "./switch-steps.ts";

export type Offer = {
  readonly from: string;
  readonly to: string;
  readonly product: string;
  readonly signers: readonly SignerReport[];
  readonly strategy: StrategyName;
  readonly plan: Plan;
  readonly bytesToFetch: number;
  readonly upToDate: boolean;
};

export type UpdateResult = {
  readonly kind: "updated" | "nothing-to-do" | "downloaded";
  readonly product: string;
  readonly from: string;
  readonly to: string;
  readonly signers: readonly SignerReport[];
  readonly strategy: StrategyName;
  readonly bytesFetched: number;
  readonly bytesFull: number;
  readonly perFile: readonly FileOutcome[];
  readonly fellBack: readonly FellBack[];
  readonly kept: readonly string[];
  readonly operators: readonly OperatorsFile[];
  readonly restorePoint: string;
  /** After the switch, in the order in which they ran. */
  readonly checks: readonly CheckReport[];
  /** undefined when no service was restarted. */
  readonly restart: Restart | undefined;
  /** Until when an operator must confirm it, RFC 3339; "" when nobody is waited for. */
  readonly confirmUntil: string;
  readonly recovery: Recovery["outcome"];
  readonly durationMs: number;
};

export function reporting(found: Prepared, recovery: Recovery, startedMs: number) {
  const { manifest, report } = found.release;
  return (kind: UpdateResult["kind"], rest: Partial<UpdateResult>): UpdateResult => ({
    kind,
    product: manifest.product,
    from: found.from,
    to: manifest.version,
    signers: report.signers,
    strategy: found.strategy.name,
    bytesFetched: found.bytesFetched,
    bytesFull: found.plan.bytesFull,
    perFile: [],
    fellBack: [],
    kept: found.plan.kept,
    operators: found.plan.operators,
    restorePoint: "",
    checks: [],
    restart: undefined,
    confirmUntil: "",
    recovery: recovery.outcome,
    durationMs: Math.round(performance.now() - startedMs),
    ...rest,
  });
}
