import type { HostileFormat, Seed } from "../../format/delta/fuzz/hostile-format.ts";
import { patchTarget } from "../targets/patches.ts";
import type { FuzzTarget, TargetEntry } from "./target.ts";

/** Only what is fuzzed is loaded: a thread carries its own copy of everything. */
export async function loadTarget({ module, name, kind }: TargetEntry): Promise<FuzzTarget> {
  const exported = ((await import(module)) as Readonly<Record<string, unknown>>)[kind.export];
  if (exported === undefined) throw new Error(`${module} has no ${kind.export} for ${name}`);
  return kind.isPatch
    ? (patchTarget(exported as HostileFormat<Seed>) as unknown as FuzzTarget)
    : (exported as FuzzTarget);
}
