/**
 * What a disk may hold after a power cut: for each file and each folder its own choice of what came there of the
 * things that were asked for since its last fsync.
 *
 *   a file    nothing | all | the first half, torn | the size, and zeros in the new part
 *   a folder  any number of the first changes; with few of them, any of them
 *
 * All choices together are too many. Taken are: all alike; one that differs from all the others, in each of its
 * ways; and some drawn by lot.
 */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  changedFile,
  changedFolder,
  type DiskFile,
  type DiskFolder,
  type DiskModel,
  type DiskNode,
  type FileState,
} from "./disk-model.ts";

/** Any subset of so many changes of a folder is tried, of more only the first ones. */
const MAX_SUBSET = 3;
const DRAWN = 6;

const FILE_WAYS = ["none", "all", "half", "zeros"] as const;
type FileWay = (typeof FILE_WAYS)[number];
/** Which of the pending changes came there. */
type FolderWay = readonly number[];

type Choice = {
  readonly files: ReadonlyMap<DiskFile, FileWay>;
  readonly folders: ReadonlyMap<DiskFolder, FolderWay>;
};

/** A whole tree as it may be found, in the order in which it can be made. */
export type CrashState = {
  readonly digest: string;
  readonly entries: readonly CrashEntry[];
};
export type CrashEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly bytes: Buffer }
  | { readonly kind: "link"; readonly path: string; readonly text: string };

/** @param random of [0, 1) */
export function* crashStates(model: DiskModel, random: () => number): Generator<CrashState> {
  for (const choice of choices(model, random)) yield stateOf(model, choice);
}

/** With all that was asked for: what a running process sees. */
export function currentState(model: DiskModel): CrashState {
  return stateOf(model, uniform(...pendingOf(model), "all", lastOf));
}

export function makeState({ entries }: CrashState, root: string): void {
  for (const entry of entries) {
    const path = join(root, entry.path);
    if (entry.kind === "folder") mkdirSync(path, { recursive: true });
    else if (entry.kind === "link") symlinkSync(entry.text, path);
    else {
      writeFileSync(path, entry.bytes);
      chmodSync(path, entry.mode);
    }
  }
  for (const entry of entries.toReversed())
    if (entry.kind === "folder") chmodSync(join(root, entry.path), entry.mode);
}

function pendingOf(model: DiskModel): [DiskFile[], DiskFolder[]] {
  const nodes = [...model.nodes].filter((node) => node.kind !== "link" && node.pending.length > 0);
  return [
    nodes.filter((node): node is DiskFile => node.kind === "file"),
    nodes.filter((node): node is DiskFolder => node.kind === "folder"),
  ];
}

function* choices(model: DiskModel, random: () => number): Generator<Choice> {
  const [files, folders] = pendingOf(model);
  for (const rest of [lastOf, () => []]) {
    for (const way of FILE_WAYS) yield uniform(files, folders, way, rest);
    const others = uniform(files, folders, "all", rest);
    for (const folder of folders)
      for (const way of folderWays(folder))
        yield { ...others, folders: new Map(others.folders).set(folder, way) };
    for (const file of files)
      for (const way of FILE_WAYS) yield { ...others, files: new Map(others.files).set(file, way) };
  }
  const draw = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  for (let i = 0; i < DRAWN && files.length + folders.length > 1; i++) {
    yield {
      files: new Map(files.map((file) => [file, draw(FILE_WAYS)])),
      folders: new Map(folders.map((folder) => [folder, draw(folderWays(folder))])),
    };
  }
}

function uniform(
  files: readonly DiskFile[],
  folders: readonly DiskFolder[],
  way: FileWay,
  folderWay: (folder: DiskFolder) => FolderWay,
): Choice {
  return {
    files: new Map(files.map((file) => [file, way])),
    folders: new Map(folders.map((folder) => [folder, folderWay(folder)])),
  };
}

function lastOf({ pending }: DiskFolder): FolderWay {
  return pending.map((_, index) => index);
}

function folderWays({ pending }: DiskFolder): FolderWay[] {
  const count = pending.length;
  const all = pending.map((_, index) => index);
  if (count > MAX_SUBSET) return [...all, count].map((length) => all.slice(0, length));
  return Array.from({ length: 2 ** count }, (_, bits) => all.filter((index) => (bits >> index) & 1));
}

function stateOf(model: DiskModel, choice: Choice): CrashState {
  const entries: CrashEntry[] = [];
  const hash = createHash("sha256");
  const visit = (node: DiskNode, path: string): void => {
    if (node.kind === "link") {
      entries.push({ kind: "link", path, text: node.text });
      hash.update(`link ${path}\0${node.text}\0`);
    } else if (node.kind === "file") {
      const { state, digest } = fileAfter(node, choice.files.get(node) ?? "all");
      entries.push({ kind: "file", path, ...state });
      hash.update(`file ${path}\0${state.mode} ${digest}\0`);
    } else {
      const came = choice.folders.get(node) ?? [];
      const { names, mode } = changedFolder(
        node.lasting,
        came.map((index) => node.pending[index]!),
      );
      entries.push({ kind: "folder", path, mode });
      hash.update(`folder ${path}\0${mode}\0`);
      for (const [name, below] of [...names].sort(([a], [b]) => (a < b ? -1 : 1)))
        visit(below, join(path, name));
    }
  };
  visit(model.root, ".");
  return { digest: hash.digest("hex"), entries };
}

type Known = {
  readonly lasting: FileState;
  readonly changes: number;
  readonly ways: Map<FileWay, FileAfter>;
};
type FileAfter = { readonly state: FileState; readonly digest: string };

/** Most files are the same from state to state. */
const known = new WeakMap<DiskFile, Known>();

function fileAfter(file: DiskFile, way: FileWay): FileAfter {
  let found = known.get(file);
  if (found?.lasting !== file.lasting || found.changes !== file.pending.length) {
    found = { lasting: file.lasting, changes: file.pending.length, ways: new Map() };
    known.set(file, found);
  }
  const before = found.ways.get(way);
  if (before) return before;
  const state = stateAfter(file, way);
  const after = { state, digest: createHash("sha256").update(state.bytes).digest("hex") };
  found.ways.set(way, after);
  return after;
}

function stateAfter({ lasting, pending }: DiskFile, way: FileWay): FileState {
  switch (way) {
    case "none":
      return lasting;
    case "all":
      return changedFile(lasting, pending);
    case "half":
      return firstHalf(lasting, pending);
    case "zeros": {
      const { bytes, mode } = changedFile(lasting, pending);
      const kept = Math.min(lasting.bytes.length, bytes.length);
      return {
        bytes: Buffer.concat([lasting.bytes.subarray(0, kept), Buffer.alloc(bytes.length - kept)]),
        mode,
      };
    }
  }
}

function firstHalf(lasting: FileState, pending: DiskFile["pending"]): FileState {
  const lengths = pending.map((change) => (change.kind === "write" ? change.bytes.length : 1));
  let left = Math.floor(lengths.reduce((sum, length) => sum + length, 0) / 2);
  const came: DiskFile["pending"] = [];
  for (const [index, change] of pending.entries()) {
    const length = lengths[index]!;
    if (left <= 0) break;
    came.push(
      change.kind === "write" && left < length
        ? { ...change, bytes: change.bytes.subarray(0, left) }
        : change,
    );
    left -= length;
  }
  return changedFile(lasting, came);
}
