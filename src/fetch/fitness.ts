/** Is this device fit for that release? What its operator and the release ask for, and what it can say of itself. */
import type { Manifest } from "../format/manifest/manifest.ts";
import { parseRequirement } from "./health/dependency.ts";
import { type Dependency, HealthCheck } from "./health/health-check.ts";
import type { DevicePlace } from "./place.ts";
import type { Plan } from "./plan.ts";
import type { Fitness } from "./update-request.ts";

/** @returns what the release depends on and nobody here can tell. @throws FetchError HEALTH_CHECK_FAILED; the signal's reason */
export async function checkFitness(
  { dependencies: own, memoryBytes = 0 }: Fitness,
  { root }: DevicePlace,
  manifest: Manifest,
  plan: Plan,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const known = new Map(own.map(({ requirement, version }) => [nameOf(requirement), version]));
  const asked = manifest.dependencies.filter((requirement) => known.has(nameOf(requirement)));
  const ofRelease = asked.map(
    (requirement): Dependency => ({ requirement, version: known.get(nameOf(requirement)) }),
  );
  const ofDeltas = plan.steps.map((step) => (step.kind === "patch" ? step.delta.apply_memory : 0));
  const health = new HealthCheck({
    root,
    bundleBytes: plan.bytesToFetch,
    memoryBytes: Math.max(memoryBytes, ...ofDeltas),
    dependencies: [...own, ...ofRelease],
  });
  await health.verify({ signal });
  return manifest.dependencies.filter((requirement) => !known.has(nameOf(requirement)));
}

function nameOf(requirement: string): string {
  return parseRequirement(requirement)?.name ?? requirement;
}
