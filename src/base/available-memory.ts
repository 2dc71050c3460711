/**
 * How much memory this process may still take, in bytes.
 *
 *   /proc/meminfo      MemAvailable: what the kernel can give without swapping
 *   cgroup v2          at this group and each above it: memory.max - memory.current + inactive_file,
 *                      since the page cache is given back before anybody is killed
 *
 * The least of these; elsewhere than on Linux what the system calls free.
 */
import { readFile } from "node:fs/promises";
import { freemem } from "node:os";
import { dirname, join } from "node:path";

export type KernelFiles = { readonly proc: string; readonly cgroup: string };

const KERNEL: KernelFiles = { proc: "/proc", cgroup: "/sys/fs/cgroup" };

export async function availableMemory({ proc, cgroup }: KernelFiles = KERNEL): Promise<number> {
  const meminfo = await text(join(proc, "meminfo"));
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  const machine = kibibytes === undefined ? freemem() : Number(kibibytes) * 1024;
  const groups = groupsAbove(await text(join(proc, "self", "cgroup"))).map((group) => join(cgroup, group));
  return Math.min(machine, ...(await Promise.all(groups.map(headroom))));
}

/** The group of this process and all above it: each has a limit of its own. */
function groupsAbove(membership: string): string[] {
  // "0::" is the hierarchy of v2; a path that leaves the namespace ("/../") is not to be seen from here.
  const own = /^0::(\/.*)$/m.exec(membership)?.[1];
  if (own === undefined || own.split("/").includes("..")) return [];
  const groups = [own];
  while (groups.at(-1) !== "/") groups.push(dirname(groups.at(-1)!));
  return groups;
}

/** Infinity where nothing is limited: memory.max says "max", and the topmost group has none. */
async function headroom(group: string): Promise<number> {
  const [max, current, stat] = await Promise.all(
    ["memory.max", "memory.current", "memory.stat"].map((name) => text(join(group, name))),
  );
  if (!isNumber(max!) || !isNumber(current!)) return Number.POSITIVE_INFINITY;
  const cache = Number(/^inactive_file (\d+)$/m.exec(stat!)?.[1] ?? 0);
  return Math.max(0, Number(max) - Number(current) + cache);
}

function isNumber(text: string): boolean {
  return /^\d+\s*$/.test(text);
}

/** "" for what is not there. */
function text(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
