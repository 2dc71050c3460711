/**
 * A device's process under strace (1): what it asks of the system is recorded, or one call is made to fail or is
 * the last one. A call is named by what it is, by its path and by how often that path was met before:
 *
 *   fsync #3 of .themis/state.db-journal
 *
 * strace counts in each thread by itself. libuv gets one thread for files, so that a path is met by the same
 * thread each time, and act.ts draws the same names. A signal comes at the entry of a call, which is then not
 * carried out: after one call is before the next.
 */
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasTool } from "../tools.ts";
import { parseRecording, type SystemCall } from "./recording.ts";
import type { Action, SweepWorld } from "./sweep-world.ts";

/** Whatever changes a disk or asks that a change lasts. */
const CHANGING = [
  ...["openat", "open", "creat", "write", "writev", "pwrite64", "pwritev", "pwritev2"],
  ...["copy_file_range", "sendfile", "ioctl", "fallocate", "ftruncate", "truncate"],
  ...["fsync", "fdatasync", "sync_file_range", "syncfs", "msync"],
  ...["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"],
  ...["mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat"],
];

/** As long as any of our writes. */
const STRING_BYTES = 4 << 20;

export type Point = {
  readonly call: string;
  /** Below the root; "." is the root itself. */
  readonly path: string;
  /** From 1. */
  readonly count: number;
};

export type Ending =
  | { readonly outcome: "killed" }
  | { readonly outcome: "done" }
  | { readonly outcome: "failed"; readonly code: string; readonly message: string }
  /** Something that is no ThemisError, or no answer at all. */
  | { readonly outcome: "crashed"; readonly message: string };

/** In a container strace may be there and not be allowed to trace. */
export function hasStrace(): boolean {
  if (!hasTool("strace")) return false;
  const isAllowed = spawnSync("strace", ["-f", "--seccomp-bpf", "-o", "/dev/null", "true"]).status === 0;
  if (!isAllowed) console.warn("skipping tests: strace may not trace here");
  return isAllowed;
}

/** Runs the action to its end and tells what it asked of the system below the root, in order. */
export async function record(world: SweepWorld, action: Action, root: string): Promise<SystemCall[]> {
  const file = join(world.folder, "recording");
  const ending = await trace(world, action, root, [
    ...["--seccomp-bpf", "-y", "-xx", "-s", String(STRING_BYTES), "-o", file],
    ...["-e", `trace=${CHANGING.map((name) => `?${name}`).join(",")}`],
  ]);
  if (ending.outcome !== (action === "undo" ? "failed" : "done"))
    throw new Error(`the recorded ${action} ended as ${JSON.stringify(ending)}`);
  return parseRecording(readFileSync(file, "latin1"), root);
}

/** The points of a recording: each call that changed something or made it last. */
export function pointsOf(calls: readonly SystemCall[]): Point[] {
  const points: Point[] = [];
  const met = new Map<string, number>();
  for (const { name, thread, paths, changes } of calls) {
    for (const path of paths) {
      const key = `${name} ${thread} ${path}`;
      met.set(key, (met.get(key) ?? 0) + 1);
    }
    // Of a rename strace follows the name that goes.
    const path = paths[0]!;
    if (changes) points.push({ call: name, path, count: met.get(`${name} ${thread} ${path}`)! });
  }
  return points;
}

export function nameOf({ call, path, count }: Point): string {
  return `${call} #${count} of ${path}`;
}

/** @param fault in strace's words: "signal=SIGKILL", "error=EIO"; a signal gets lost with --seccomp-bpf, which is faster */
export function runWith(
  world: SweepWorld,
  action: Action,
  root: string,
  { call, path, count }: Point,
  fault: string,
): Promise<Ending> {
  const named = [
    "-P",
    join(root, path),
    "-e",
    `trace=${call}`,
    ...(fault.startsWith("error") ? ["--seccomp-bpf"] : []),
  ];
  return trace(world, action, root, [
    "-o",
    "/dev/null",
    ...named,
    "-e",
    `inject=${call}:${fault}:when=${count}`,
  ]);
}

function trace(
  { program, bundle, anchor, now, strategy }: SweepWorld,
  action: Action,
  root: string,
  options: readonly string[],
): Promise<Ending> {
  const act = [process.execPath, program, action, root, bundle, anchor, now.toISOString(), strategy];
  const env = { PATH: process.env.PATH, UV_THREADPOOL_SIZE: "1" };
  return new Promise((settle) => {
    execFile("strace", ["-f", ...options, ...act], { env }, (error, stdout, stderr) => {
      if (error?.signal === "SIGKILL") return settle({ outcome: "killed" });
      if (error || stdout === "")
        return settle({ outcome: "crashed", message: `${error?.message}\n${stderr}` });
      settle(JSON.parse(stdout) as Ending);
    });
  });
}
