/**
 * Which older releases get a delta: those that save most bytes over all devices, within what a release may cost.
 *
 * `chooseDeltas` is pure: estimates, devices and limits in, a decision with its reason for each release out.
 */
import type { Estimate } from "./estimate.ts";
import type { Usage } from "./usage.ts";

export type PlanLimits = {
  /** Releases with deltas. */
  readonly deltas: number;
  /** Of all patches together. */
  readonly bytes: number;
  readonly cpuSeconds: number;
};

export type PlannedDelta = Estimate & {
  readonly devices: number;
  /** Over all its devices. */
  readonly savedBytes: number;
  readonly isChosen: boolean;
  /** One sentence. */
  readonly reason: string;
};

export type DeltaPlan = {
  /** In the order in which they were given. */
  readonly deltas: readonly PlannedDelta[];
  /** Bytes over all devices that were counted, without and with what was chosen. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly patchBytes: number;
  readonly cpuSeconds: number;
  readonly assets: number;
  /** To publish them. */
  readonly calls: number;
};

/** A pack and a delta manifest for each; targets, manifest and signature. */
const ASSETS_OF_DELTA = 2;
const OTHER_ASSETS = 3;
/** Looking, making, publishing, proving (upload/github/). */
const OTHER_CALLS = 12;

/** @param usage undefined when nobody counted: then every release has one device */
export function chooseDeltas(
  estimates: readonly Estimate[],
  usage: Usage | undefined,
  limits: PlanLimits,
): DeltaPlan {
  const weighed = estimates.map((estimate) => {
    const devices = usage ? (usage.get(estimate.version) ?? 0) : 1;
    return { ...estimate, devices, savedBytes: devices * (estimate.wholeBytes - estimate.deltaBytes) };
  });
  const best = weighed.toSorted((a, b) => b.savedBytes - a.savedBytes || (a.version < b.version ? -1 : 1));
  const left = { ...limits };
  const reasons = new Map<string, string>();
  const chosen = new Set<string>();
  for (const each of best) {
    const refusal = whyNot(each, left);
    reasons.set(each.version, refusal ?? `saves ${each.savedBytes} bytes over its devices`);
    if (refusal !== undefined) continue;
    chosen.add(each.version);
    left.deltas--;
    left.bytes -= each.patchBytes;
    left.cpuSeconds -= each.cpuSeconds;
  }
  const deltas = weighed.map((each) => ({
    ...each,
    isChosen: chosen.has(each.version),
    reason: reasons.get(each.version)!,
  }));
  const taken = deltas.filter(({ isChosen }) => isChosen);
  const sum = (of: (each: PlannedDelta) => number, list: readonly PlannedDelta[] = deltas): number =>
    list.reduce((total, each) => total + of(each), 0);
  const bytesBefore = sum(({ devices, wholeBytes }) => devices * wholeBytes);
  const assets = OTHER_ASSETS + ASSETS_OF_DELTA * taken.length;
  return {
    ...{ deltas, bytesBefore, assets, calls: assets + OTHER_CALLS },
    bytesAfter: bytesBefore - sum(({ savedBytes }) => savedBytes, taken),
    patchBytes: sum(({ patchBytes }) => patchBytes, taken),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds, taken),
  };
}

function whyNot(each: Omit<PlannedDelta, "isChosen" | "reason">, left: PlanLimits): string | undefined {
  if (each.devices === 0) return "no device has it";
  if (each.savedBytes <= 0) return "a delta would save nothing";
  if (left.deltas <= 0) return "others save more, and there are as many as allowed";
  if (each.patchBytes > left.bytes) return `its ${each.patchBytes} bytes of patches are more than is left`;
  if (each.cpuSeconds > left.cpuSeconds) return `its ${each.cpuSeconds} s of work are more than is left`;
  return undefined;
}
