/** A plan and its staged files as the steps of a switch, the records after it, and its outcome for people. */
import type { EntryRecord } from "../format/record/restore-point.ts";
import type { Discovered } from "./discover.ts";
import type { SwitchStep } from "./install/journal-entry.ts";
import type { PlanStep } from "./plan.ts";
import type { FellBack, StagedFile } from "./rebuild.ts";

export type FileOutcome = {
  readonly path: string;
  readonly action: PlanStep["kind"];
  /** "" when no patch was used. */
  readonly algorithm: string;
  readonly bytes: number;
  readonly sizeBytes: number;
};

export function affectedPaths(steps: readonly PlanStep[]): string[] {
  return steps.flatMap((step) => {
    if (step.kind === "keep") return [];
    return step.kind === "remove" ? [step.path] : [step.target.path];
  });
}

type MadeKind = "patch" | "copy" | "store" | "download";

const MADE: ReadonlySet<string> = new Set<MadeKind>(["patch", "copy", "store", "download"]);

/** Of those there is a file to be staged. */
export function isMade(step: PlanStep): step is Extract<PlanStep, { kind: MadeKind }> {
  return MADE.has(step.kind);
}

export function switchSteps(steps: readonly PlanStep[], staged: readonly StagedFile[]): SwitchStep[] {
  const files = new Map(staged.map((file) => [file.target.path, file.staged]));
  return steps.flatMap((step): SwitchStep[] => {
    if (step.kind === "keep") return [];
    if (step.kind === "remove") return [{ kind: step.folder ? "remove-folder" : "remove", path: step.path }];
    const { path, permissions, sha256_hash, link_target } = step.target;
    switch (step.kind) {
      case "chmod":
        return [{ kind: "chmod", path, permissions }];
      case "folder":
        return [{ kind: "folder", path, permissions }];
      case "link":
        return [{ kind: "link", path, linkTarget: link_target }];
      default:
        return [{ kind: "file", path, staged: files.get(path)!, sha256: sha256_hash, permissions }];
    }
  });
}

export function recordOf(target: Discovered["manifest"]["files"][number]): EntryRecord {
  const kind = target.type === "directory" || target.type === "symlink" ? target.type : "file";
  return {
    path: target.path,
    kind,
    sha256: target.sha256_hash,
    size: kind === "file" ? target.size_bytes : 0,
    permissions: kind === "symlink" ? "" : target.permissions,
    link_target: target.link_target,
  };
}

export function outcomes(steps: readonly PlanStep[], fellBack: readonly FellBack[]): FileOutcome[] {
  const whole = new Set(fellBack.map(({ path }) => path));
  return steps.map((step) => {
    if (step.kind === "remove")
      return { path: step.path, action: step.kind, algorithm: "", bytes: 0, sizeBytes: 0 };
    const { path, size_bytes: sizeBytes, blob } = step.target;
    if (step.kind === "patch" && !whole.has(path)) {
      return {
        path,
        action: step.kind,
        algorithm: step.delta.algorithm,
        bytes: step.delta.patch_size,
        sizeBytes,
      };
    }
    const fetched = step.kind === "patch" || step.kind === "download" || whole.has(path);
    return {
      path,
      action: fetched ? "download" : step.kind,
      algorithm: "",
      bytes: fetched ? blob.length : 0,
      sizeBytes,
    };
  });
}
