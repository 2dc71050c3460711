/**
 * How a release takes the place of the one before. Everything that differs is here and in the two that are named:
 * planning and rebuilding read `tree`, the journal carries out steps, and neither knows whose they are.
 *
 *   in-place   ROOT/bin/app                        each changed file is replaced
 *   slots      ROOT/current -> releases/1.5.0      a whole tree beside the one before, and one symlink
 */
import type { EntryRecord, RestorePointDocument } from "../../format/record/restore-point.ts";
import type { RestorePointRecord } from "../device-records.ts";
import { FetchError } from "../fetch-error.ts";
import type { DevicePlace } from "../place.ts";
import type { Plan } from "../plan.ts";
import type { StagedFile } from "../rebuild.ts";
import type { DeviceState } from "../state.ts";
import { inPlace } from "./in-place.ts";
import type { Arrangement, SwitchStep } from "./journal-entry.ts";
import { hasCurrentSlot, slots } from "./slots.ts";

export const STRATEGIES = ["in-place", "slots"] as const;
export type StrategyName = (typeof STRATEGIES)[number];

/** What an update does to a tree: the plan, and the tree as it was found. */
export type Change = { readonly plan: Plan; readonly found: ReadonlyMap<string, EntryRecord> };

export type Strategy = {
  readonly name: StrategyName;
  /** The installed release's files, absolute. Of slots it is not there before a first install. */
  readonly tree: string;
  readonly needs: (change: Change) => Needs;
  /** Everything that the switch needs, beside what runs; the tree is not touched. */
  readonly arrange: (change: Change & ArrangeRequest) => Promise<Arrangement>;
  readonly saveWayBack: (change: Change, about: AboutWayBack) => Promise<RestorePointRecord>;
};

export type ArrangeRequest = {
  readonly version: string;
  readonly staged: readonly StagedFile[];
  readonly signal: AbortSignal | undefined;
};

/** Of the disk, beside what is fetched and rebuilt. */
export type Needs = {
  /** What is copied as it is. */
  readonly copiedBytes: number;
  readonly inodes: number;
  /** Folders in which a name will change. */
  readonly folders: readonly string[];
  /** Names that something else takes the place of, below the root, or whose mode changes. */
  readonly replaced: readonly Replaced[];
};

export type Replaced = Pick<SwitchStep, "kind" | "path">;

export type AboutWayBack = Omit<RestorePointDocument, "entries" | "contents">;

/**
 * A root keeps its strategy as long as something is installed there.
 *
 * @param wanted undefined for what the root has, and in-place for an empty one
 * @throws FetchError STRATEGY_DIFFERS; of slots ROOT_UNSAFE, PATH_OCCUPIED
 */
export async function strategyFor(
  place: DevicePlace,
  state: DeviceState | undefined,
  wanted: StrategyName | undefined,
): Promise<Strategy> {
  const has = state?.strategy();
  if (has !== undefined && wanted !== undefined && has !== wanted) {
    throw new FetchError(
      "STRATEGY_DIFFERS",
      `${place.root} was installed ${WORDS[has]}, not ${WORDS[wanted]}`,
      {
        hint: `leave out the strategy, or install into an empty root; nothing was changed`,
        facts: { installed: has, wanted },
      },
    );
  }
  const own = has ?? wanted ?? ((await hasCurrentSlot(place.root)) ? "slots" : "in-place");
  return own === "slots" ? slots(place) : inPlace(place);
}

const WORDS: Readonly<Record<StrategyName, string>> = { "in-place": "in place", slots: "by slots" };
