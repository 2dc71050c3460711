/** What an update is asked, and what it does it with. */
import type { InstalledRelease } from "../format/record/restore-point.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import type { CheckReport } from "./health/check.ts";
import type { Dependency } from "./health/health-check.ts";
import type { Hook } from "./hooks.ts";
import type { Gate } from "./install/gate.ts";
import type { Retention } from "./install/retention.ts";
import type { StrategyName } from "./install/strategy.ts";
import type { OnStep } from "./install/switch.ts";
import type { UpdateEvent } from "./notify/update-event.ts";
import type { GitHubAccess } from "./transfer/open-source.ts";

export type UpdateRequest = TrustPolicy & {
  /** A bundle or release page. This or `offline`, and not both. */
  readonly source?: string | undefined;
  /** One tar file with a bundle in it; it has no mirrors. */
  readonly offline?: string | undefined;
  /** Other places that hold the same releases, asked when the source fails or is slow. */
  readonly mirrors?: readonly string[] | undefined;
  /** Bytes a second over all connections; undefined is no limit. */
  readonly limitRate?: number | undefined;
  /** A PEM file of certification authorities for TLS besides Node's own. */
  readonly caFile?: string | undefined;
  /** Default: by plain URLs, and where they say 404 by the API with a token of the environment. */
  readonly github?: GitHubAccess | undefined;
  readonly root: string;
  /** "" for the offered release. */
  readonly version: string;
  /** Nothing but this release, which is installed: an older one than was believed since is as good then. */
  readonly only?: InstalledRelease | undefined;
  /** Leave no way back: it would lead to the damage. */
  readonly repairs?: boolean | undefined;
  /** Damaged records are set aside and made anew; what they knew besides is forgotten. */
  readonly rebuildRecords?: boolean | undefined;
  /**
   * The line of releases that the device follows: its document is obeyed where the source has one, and a release of
   * another is refused. Default: the one whose document was obeyed last, else any.
   */
  readonly channel?: string | undefined;
  /** Somebody says that what is older than was believed may come, down to the policy's `minSequence`; default: it may not. */
  readonly allowDowngrade?: boolean | undefined;
  /** As in manifests, such as linux and x86_64; default: those of this process. */
  readonly platform?: string | undefined;
  readonly architecture?: string | undefined;
  readonly connections: number;
  /** In bytes: a delta that needs more is not used, and its file comes whole; undefined is no bound. */
  readonly applyMemory?: number | undefined;
  /** Globs of files that are the operator's own: changed ones stay, the release's come beside them. */
  readonly keep?: readonly string[] | undefined;
  /** How it takes the place of the one before; default: as the root has it, in place where it is empty. */
  readonly strategy?: StrategyName | undefined;
  /** A folder where targets are kept by digest, for other versions, products and roots; default: none. */
  readonly store?: string | undefined;
  /** What the release must pass before it counts; default: nothing. */
  readonly gate?: Gate | undefined;
  /** Is the device fit? Asked before the first byte; default: room, rights and the clock only. */
  readonly fitness?: Fitness | undefined;
  readonly hooks?: Hooks | undefined;
  readonly notify?: Notify | undefined;
  /** How many ways back are kept; default: ten. */
  readonly retention?: Retention | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Fitness = {
  /** What must be there, and how its version is asked; a release may ask for another range of the same. */
  readonly dependencies: readonly Dependency[];
  /** In bytes, beside what its deltas say. */
  readonly memoryBytes?: number | undefined;
};

export type Hooks = { readonly before?: Hook | undefined; readonly after?: Hook | undefined };

/** Never throws; returns what could not be told, for a person. */
export type Notify = (event: UpdateEvent) => Promise<readonly string[]>;

export type UpdateProgress = {
  readonly phase: "downloading" | "rebuilding";
  readonly done: number;
  readonly total: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly savedBytes: number;
};

export type UpdateTools = {
  readonly now: () => Date;
  readonly progress?: (event: UpdateProgress) => void;
  /** What a person would wonder about, such as a long wait. */
  readonly notice?: (message: string) => void;
  readonly onStep?: OnStep;
  /** Told of each check after the switch. */
  readonly checked?: (report: CheckReport) => void;
};
