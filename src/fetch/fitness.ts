/** Is this device fit for that release? What the release asks for, and what this device can say of itself. */
import type { Manifest } from "../format/manifest/manifest.ts";
import { parseRequirement } from "./health/dependency.ts";
import { HealthCheck } from "./health/health-check.ts";
import type { DevicePlace } from "./place.ts";
import type { Plan } from "./plan.ts";
import { transferBytes } from "./transfer/pieces.ts";
import type { Fitness } from "./update-request.ts";

/** @throws FetchError HEALTH_CHECK_FAILED; the signal's reason */
export async function checkFitness(
  { versions }: Fitness,
  { root }: DevicePlace,
  manifest: Manifest,
  plan: Plan,
  signal: AbortSignal | undefined,
): Promise<void> {
  const dependencies = manifest.dependencies.map((requirement) => {
    const command = versions.get(parseRequirement(requirement)?.name ?? "");
    return { requirement, version: command && { command } };
  });
  const memoryBytes = Math.max(
    0,
    ...plan.steps.map((step) => (step.kind === "patch" ? step.delta.apply_memory : 0)),
  );
  const bundleBytes = transferBytes(manifest.packs, plan.blobs);
  await new HealthCheck({ root, bundleBytes, memoryBytes, dependencies }).verify({ signal });
}
