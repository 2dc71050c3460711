/** What a build is asked, and how it tells where it is. */
import type { Algorithm } from "../format/manifest/delta-manifest.ts";
import type { DiffOptions } from "./diff/diff-file.ts";
import type { ReleaseFacts } from "./release.ts";
import type { Tree } from "./tree.ts";

export type BuildRequest = {
  readonly release: ReleaseFacts;
  readonly root: string;
  readonly from: readonly { readonly version: string; readonly root: string }[];
  readonly out: string;
  readonly algorithms: readonly Algorithm[];
  readonly diff: DiffOptions;
  readonly jobs: number;
  /** A folder of what was made before, and which program makes it; undefined without one. */
  readonly cache?: { readonly folder: string; readonly program: string } | undefined;
  readonly signal?: AbortSignal;
};

export type BuildProgress = (event: {
  readonly phase: "index" | "targets" | "deltas";
  readonly done: number;
  readonly total: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly path: string;
}) => void;

export type Previous = { readonly version: string; readonly tree: Tree };
