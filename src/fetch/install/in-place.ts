/** Each file that changes is replaced where it is; a copy of what was there is the way back. */
import { dirname, join } from "node:path";
import type { DevicePlace } from "../place.ts";
import { affectedPaths, isMade, switchSteps } from "../switch-steps.ts";
import { makeRestorePoint } from "./restore-point.ts";
import type { Replaced, Strategy } from "./strategy.ts";

export function inPlace(place: DevicePlace): Strategy {
  const { root, restore } = place;
  return {
    name: "in-place",
    tree: root,
    needs: ({ plan: { steps }, found }) => {
      const affected = affectedPaths(steps);
      return {
        copiedBytes: affected.reduce((sum, path) => sum + (found.get(path)?.size ?? 0), 0),
        inodes: steps.filter(isMade).length + affected.length,
        folders: affected.map((path) => dirname(join(root, path))),
        replaced: steps.flatMap((step): Replaced[] => {
          if (step.kind === "keep") return [];
          if (step.kind === "remove") return [{ kind: "remove", path: step.path }];
          const { path } = step.target;
          return [{ kind: step.kind === "chmod" || step.kind === "folder" ? step.kind : "file", path }];
        }),
      };
    },
    arrange: async ({ plan, staged }) => ({ steps: switchSteps(plan.steps, staged), tree: "" }),
    saveWayBack: ({ plan }, about) => makeRestorePoint(root, restore, about, affectedPaths(plan.steps)),
  };
}
