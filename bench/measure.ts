/**
 * What a command costs, in a process of its own.
 *
 * CPU is user plus system time of the whole process, so Node's own start is in it; `nodeStart()` says how
 * much that is. Peak memory is the largest resident set.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

export type Run = { readonly cpuS: number; readonly wallS: number; readonly peakMiB: number };

export const root = dirname(import.meta.dirname);
export const themisBundle: readonly string[] = [process.execPath, join(root, "dist", "themis-bundle.js")];
export const MIB = 2 ** 20;

const STARTS = 10;
const MOST_SAID = 2000;

export class CommandFailed extends Error {
  /** The first line of what it said, if it said anything. */
  readonly said: string;

  constructor(ended: string, said: string) {
    super(said ? `${ended}: ${said}` : ended);
    this.said = said.split("\n")[0] || ended;
  }
}

/** Where everything goes that is not kept; removed at the end, however it comes. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `themis-bench-${name}-`));
  process.on("exit", () => {
    if (running !== undefined) process.kill(-running, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  process.on("SIGINT", () => process.exit(130));
  process.on("SIGTERM", () => process.exit(143));
  return folder;
}

/** What is measured is what this checkout says, never an older build. */
export function buildDist(): void {
  execFileSync(process.execPath, [join(root, "scripts", "build.ts")], { cwd: root, stdio: "inherit" });
}

/**
 * bash counts time in milliseconds, GNU time only in hundredths of a second, but only that one knows the memory.
 * Its own start is in what is counted, a millisecond for everybody.
 */
const TIMED = `
note=$1; shift
TIMEFORMAT="%3R %3U %3S"
exec 3>&2
{ time env time -f %M -o "$note.peak" "$@" 2>&3; } 2>"$note"`;

/** The group of processes of the command that runs. */
let running: number | undefined;

/** @throws CommandFailed with what the command said */
export async function timed(command: readonly string[], work: string): Promise<Run> {
  const note = join(work, "time");
  const child = spawn("bash", ["-c", TIMED, "bash", note, ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
    detached: true,
  });
  running = child.pid;
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-MOST_SAID);
  });
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  running = undefined;
  if (status !== 0)
    throw new CommandFailed(`${basename(command[0]!)} ended with ${status ?? signal}`, said.trim());
  const last = (file: string): number[] =>
    readFileSync(file, "utf8").trim().split("\n").at(-1)!.split(" ").map(Number);
  const [wallS, user, system] = last(note) as [number, number, number];
  const [kib] = last(`${note}.peak`) as [number];
  return { wallS, cpuS: user + system, peakMiB: kib / 1024 };
}

/** The shortest times, but the largest memory: a bound on memory must hold every time. */
export function bestOf(runs: readonly Run[]): Run {
  return {
    wallS: Math.min(...runs.map(({ wallS }) => wallS)),
    cpuS: Math.min(...runs.map(({ cpuS }) => cpuS)),
    peakMiB: Math.max(...runs.map(({ peakMiB }) => peakMiB)),
  };
}

/** What Node costs before it does anything. */
export function nodeStart(work: string): Promise<Run> {
  return leastOf([process.execPath, "-e", "0"], work);
}

/** What our program costs before it does anything. */
export function programStart(work: string): Promise<Run> {
  return leastOf([...themisBundle, "--version"], work);
}

/** Of several starts, so that little is taken off ours. */
async function leastOf(command: readonly string[], work: string): Promise<Run> {
  const runs = await repeated(STARTS, () => timed(command, work));
  return { ...bestOf(runs), peakMiB: Math.min(...runs.map(({ peakMiB }) => peakMiB)) };
}

/** One after the other. */
export async function repeated<T>(times: number, what: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < times) made.push(await what());
  return made;
}

export function onPath(name: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, name)));
}

/** The machine and the checkout, in a sentence without any place or name of them. */
export function setting(): string {
  const git = spawnSync("git", ["describe", "--always", "--dirty", "--exclude=*"], {
    cwd: root,
    encoding: "utf8",
  });
  const commit = git.status === 0 ? `, commit ${git.stdout.trim()}` : "";
  return `${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${availableParallelism()} cores; Node ${process.versions.node}${commit}`;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** @param texts which columns are text and not figures */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  texts: readonly number[] = [0],
): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (texts.includes(i) ? "---" : "--:"))), ...rows.map(line)];
}
