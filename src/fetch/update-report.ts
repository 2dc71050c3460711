/** What an update would do, and what one did: for people and for programs. */
import type { ChannelAnswer } from "../trust/channel-decision.ts";
import type { SignerReport } from "../trust/verify-signature.ts";
import type { Followed } from "./follow-channel.ts";
import type { CheckReport } from "./health/check.ts";
import type { Recovery } from "./install/recover.ts";
import type { StrategyName } from "./install/strategy.ts";
import type { OperatorsFile } from "./operators-files.ts";
import type { Plan } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import type { FellBack } from "./rebuild.ts";
import type { Restart } from "./service/restart.ts";
import type { FileOutcome } from "./switch-steps.ts";

/** What a channel's document says to this device, for people and for programs. */
export type ChannelNews = {
  readonly name: string;
  readonly version: number;
  readonly expires: string;
  readonly kind: ChannelAnswer["kind"];
  /** The release that all this leads to; "" for none. */
  readonly goal: string;
  readonly isCritical: boolean;
  /** Why what is installed was taken back by its publisher; "" when it was not. */
  readonly recalled: string;
  /** Whole sentences. */
  readonly why: readonly string[];
};

export type Offer = {
  readonly from: string;
  readonly to: string;
  readonly product: string;
  readonly signers: readonly SignerReport[];
  readonly strategy: StrategyName;
  readonly plan: Plan;
  readonly bytesToFetch: number;
  readonly upToDate: boolean;
  /** undefined where no document of a channel is obeyed. */
  readonly channel: ChannelNews | undefined;
  /** For who remembers it; not for programs. */
  readonly followed: Followed | undefined;
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
  /** undefined where no document of a channel is obeyed. */
  readonly channel: ChannelNews | undefined;
};

export const NOTHING_PLANNED: Plan = {
  steps: [],
  kept: [],
  operators: [],
  blobs: [],
  bytesToFetch: 0,
  bytesFull: 0,
};

/** Of what was prepared. */
export function reported({ release, from, strategy, plan, bytesFetched }: Prepared): Reported {
  const { manifest, report } = release;
  const { product, version: to } = manifest;
  return { product, from, to, signers: report.signers, strategy: strategy.name, plan, bytesFetched };
}

type Reported = Pick<Offer, "product" | "from" | "to" | "signers" | "strategy" | "plan"> & {
  readonly bytesFetched: number;
};

export function reporting(
  { plan, ...found }: Reported,
  recovery: Recovery,
  startedMs: number,
  channel: ChannelNews | undefined,
) {
  return (kind: UpdateResult["kind"], rest: Partial<UpdateResult>): UpdateResult => ({
    kind,
    product: found.product,
    from: found.from,
    to: found.to,
    signers: found.signers,
    strategy: found.strategy,
    bytesFetched: found.bytesFetched,
    bytesFull: plan.bytesFull,
    perFile: [],
    fellBack: [],
    kept: plan.kept,
    operators: plan.operators,
    restorePoint: "",
    checks: [],
    restart: undefined,
    confirmUntil: "",
    recovery: recovery.outcome,
    channel,
    durationMs: Math.round(performance.now() - startedMs),
    ...rest,
  });
}
