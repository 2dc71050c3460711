/**
 * May a device go from one version to another directly? `min_upgrade_from` names the oldest that may.
 *
 *   1.0.0 installed, 3.0.0 wants 2.0.0   ->   no: 2.0.0 first
 *
 * Versions are compared by their releases' sequences where those are known, else as numbers with dots
 * (SemVer 2.0.0, or 1.4 and v2), else not at all: what nobody can compare is refused.
 */
import { compareVersions, parseVersion } from "../../base/version.ts";

export type Step = { readonly version: string; readonly sequence: number };

/**
 * @param from what is installed; version "" is nothing, and goes everywhere
 * @param least of the release that is gone to; "" is any
 * @param known other releases, of which sequences are taken
 */
export function mayUpgradeFrom(from: Step, least: string, known: readonly Step[] = []): boolean {
  if (least === "" || from.version === "" || from.version === least) return true;
  const named = known.find(({ version }) => version === least);
  if (named) return from.sequence >= named.sequence;
  const [a, b] = [from.version, least].map(parseVersion);
  if (a && b) return compareVersions(a, b) >= 0;
  const [fields, wanted] = [from.version, least].map(fieldsOf);
  return fields !== undefined && wanted !== undefined && compareFields(fields, wanted) >= 0;
}

function fieldsOf(version: string): readonly number[] | undefined {
  const digits = /^v?(\d{1,15}(?:\.\d{1,15}){0,15})$/.exec(version)?.[1];
  return digits?.split(".").map(Number);
}

function compareFields(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = (a[i] ?? 0) - (b[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}
