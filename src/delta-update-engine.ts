/**
 * Deltas for other programs, both halves: the publisher makes patches, the device applies them.
 *
 *   const engine = new DeltaUpdateEngine({ applyMemory: 96 * 2 ** 20 });
 *   const { algorithm, patchBytes } = await engine.generate({ source: "app-1.4", target: "app-1.5", patch: "app.patch" });
 *   await engine.apply({ source: "app-1.4", patch: "app.patch", target: "rebuilt", sha256 });
 *
 * It stands above the rooms because `publish` and `fetch` never import each other. A program that only
 * applies takes the class of the same name from `themis-bundle/fetch`, which brings nothing of the publisher.
 */
import { DeltaUpdateEngine as DeviceEngine } from "./fetch/delta-update-engine.ts";
import { type GeneratedPatch, type GenerateRequest, generatePatch } from "./publish/diff/generate.ts";

export class DeltaUpdateEngine extends DeviceEngine {
  /**
   * Makes a patch, proven by applying it; the smallest that a device can apply within the engine's memory bound,
   * or within the request's own budget.
   *
   * @throws ThemisError DELTA_NONE, DIFF_FAILED; the system's errors; the signal's reason
   */
  async generate(request: GenerateRequest): Promise<GeneratedPatch> {
    const { applyMemory } = this;
    const budget = { ...(applyMemory !== undefined && { applyMemory }), ...request.options?.budget };
    return generatePatch({ ...request, options: { ...request.options, budget } });
  }
}
