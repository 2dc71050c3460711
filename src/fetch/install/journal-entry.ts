/** What is written down before a switch: with it and the restore point, any later process can end what this one began. */
import type { Manifest } from "../../format/manifest/manifest.ts";
import type { EntryRecord, InstalledRelease } from "../../format/record/restore-point.ts";
import type { Verified } from "../../trust/verified.ts";
import type { Check } from "../health/check.ts";
import { recordOf } from "../switch-steps.ts";
import type { Confirmation } from "./gate.ts";
import type { WayBack } from "./way-back.ts";

export type SwitchStep =
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "remove-folder"; readonly path: string }
  | { readonly kind: "remove-any"; readonly path: string }
  | { readonly kind: "folder"; readonly path: string; readonly permissions: string }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly staged: string;
      readonly sha256: string;
      readonly permissions: string;
    }
  | { readonly kind: "chmod"; readonly path: string; readonly permissions: string }
  /** A whole tree, made in `.themis/building`; what is at `own` is the operator's, and not as the release has it. */
  | { readonly kind: "tree"; readonly path: string; readonly own: readonly string[] }
  | { readonly kind: "link"; readonly path: string; readonly linkTarget: string };

export type JournalEntry = {
  readonly action: "update" | "rollback";
  /** An update of a release to itself. */
  readonly repairs: boolean;
  readonly restorePoint: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly steps: readonly SwitchStep[];
  /** Where the files are once every step is done, below the root: "" is the root itself, otherwise a slot. */
  readonly tree: string;
  /** What is installed once every step is done. */
  readonly release: InstalledRelease;
  readonly files: readonly EntryRecord[];
  readonly removeRestorePoints: readonly string[];
  readonly gate: JournalGate;
};

/** Of a class, so that no spread keeps it. */
declare class Warrant {
  protected readonly warranted: true;
}

/** One that may be carried out: of a proven release, of proven restore points, or as our own records have it. */
export type WarrantedEntry = JournalEntry & Warrant;

export type Arrangement = Pick<JournalEntry, "steps" | "tree">;

export type UpdateWarrant = Arrangement &
  Pick<JournalEntry, "repairs" | "restorePoint" | "fromVersion" | "removeRestorePoints" | "gate"> & {
    readonly manifest: Verified<Manifest>;
    readonly manifestSha256: string;
  };

export function updateEntry({ manifest, manifestSha256, ...switched }: UpdateWarrant): WarrantedEntry {
  const { product, version, sequence } = manifest;
  const entry: JournalEntry = {
    ...switched,
    action: "update",
    toVersion: version,
    release: { product, version, sequence, manifest_sha256: manifestSha256 },
    files: manifest.files.map(recordOf),
  };
  return entry as WarrantedEntry;
}

export type RollbackWarrant = Pick<
  JournalEntry,
  "restorePoint" | "fromVersion" | "removeRestorePoints" | "gate"
> & { readonly wayBack: WayBack };

export function rollbackEntry({ wayBack, ...switched }: RollbackWarrant): WarrantedEntry {
  const { document, steps, tree } = wayBack;
  const { release, files } = document;
  const entry: JournalEntry = {
    ...{ ...switched, steps, tree, release, files },
    action: "rollback",
    repairs: false,
    toVersion: release.version,
  };
  return entry as WarrantedEntry;
}

/** What a later process must know to judge a release that this one installed. */
export type JournalGate = {
  /** Those that are data. */
  readonly checks: readonly Check[];
  /** Some are functions of a process that may be gone: then nobody can say that the release works. */
  readonly hasFunctions: boolean;
  readonly confirmation: Confirmation;
  /** The service ran before the switch, so it runs after it, whoever ends it. */
  readonly serviceRan: boolean;
  /** When an operator must have confirmed, in milliseconds of Unix time; 0 as long as nobody is waited for. */
  readonly untilMs: number;
};
