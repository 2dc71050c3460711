/**
 * Which process a supervisor has started, so that the next one finds it: a supervisor that is killed leaves its
 * child behind, with its sockets and the files of a release that may be about to change.
 *
 * A process id is given again to others, so it counts with the moment of its start, and that with the boot.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { partOfFile } from "../../base/atomic-file.ts";
import { signalGroup } from "../../base/command.ts";
import { FetchError } from "../fetch-error.ts";

const NAME = "supervised.json";
const POLL_MS = 50;
/** After SIGKILL. */
const KILL_MS = 5_000;

type ChildRecord = { readonly pid: number; readonly started: string; readonly boot: string };

/** Nothing where there is no /proc. */
export function recordChild(themis: string, pid: number): void {
  const started = startOf(pid);
  if (started === undefined) return;
  const path = join(themis, NAME);
  const part = partOfFile(path);
  writeFileSync(part, JSON.stringify({ pid, started, boot: bootId() }), { mode: 0o600 });
  renameSync(part, path);
}

export function forgetChild(themis: string): void {
  rmSync(join(themis, NAME), { force: true });
}

/** The process id of a child that lives on without its supervisor. Asked by who knows that there is none. */
export function orphanOf(themis: string): number | undefined {
  const { pid, started, boot } = readRecord(themis);
  if (!Number.isSafeInteger(pid) || pid <= 1 || boot !== bootId()) return undefined;
  return startOf(pid) === started ? pid : undefined;
}

/** SIGTERM, and at the deadline SIGKILL. @returns whether there was one. @throws FetchError SERVICE_FAILED */
export async function endOrphan(themis: string, drainMs: number): Promise<boolean> {
  const pid = orphanOf(themis);
  if (pid !== undefined) {
    signalGroup(pid, "SIGTERM");
    if (!(await isGone(themis, drainMs))) {
      signalGroup(pid, "SIGKILL");
      if (!(await isGone(themis, KILL_MS)))
        throw new FetchError(
          "SERVICE_FAILED",
          `process ${pid} of an earlier supervisor lives on after SIGKILL`,
          { hint: "see what it waits for, such as a disk; then start themis-fetch supervise again" },
        );
    }
  }
  forgetChild(themis);
  return pid !== undefined;
}

export async function isGone(themis: string, withinMs: number): Promise<boolean> {
  const untilMs = performance.now() + withinMs;
  while (orphanOf(themis) !== undefined) {
    if (performance.now() > untilMs) return false;
    await setTimeout(POLL_MS);
  }
  return true;
}

function readRecord(themis: string): Partial<ChildRecord> & { readonly pid: number } {
  try {
    return { pid: -1, ...(JSON.parse(readFileSync(join(themis, NAME), "utf8")) as Partial<ChildRecord>) };
  } catch {
    return { pid: -1 };
  }
}

/** In ticks since the boot (proc_pid_stat(5), field 22); undefined for one that is over. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
