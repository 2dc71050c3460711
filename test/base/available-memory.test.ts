/** A kernel's files as they are on small and on limited machines; and those of this one. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { freemem, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { availableMemory } from "../../src/base/available-memory.ts";

const MIB = 2 ** 20;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-memory-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** @param files by their path: "proc/meminfo" */
function kernel(files: Readonly<Record<string, string>>) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return { proc: join(folder, "proc"), cgroup: join(folder, "cgroup") };
}

const meminfo = { "proc/meminfo": "MemTotal:  8388608 kB\nMemFree:  1024 kB\nMemAvailable:    4194304 kB\n" };
const group = (path: string, max: string, current: number, cache = 0) => ({
  [`cgroup${path}/memory.max`]: `${max}\n`,
  [`cgroup${path}/memory.current`]: `${current}\n`,
  [`cgroup${path}/memory.stat`]: `anon 5\ninactive_file ${cache}\nactive_file 7\n`,
});

it("is what the kernel calls available, not what is free", async () => {
  expect(await availableMemory(kernel(meminfo))).toBe(4096 * MIB);
});

it.each([
  ["the limit of its group", "/app", group("/app", String(512 * MIB), 100 * MIB), 412],
  [
    "without the cache, which is given back",
    "/app",
    group("/app", String(512 * MIB), 500 * MIB, 300 * MIB),
    312,
  ],
  [
    "the least of all groups above",
    "/a/b",
    { ...group("/a", String(256 * MIB), 200 * MIB), ...group("/a/b", String(512 * MIB), 10 * MIB) },
    56,
  ],
  ["in a namespace, where its group is the topmost", "/", group("", String(64 * MIB), 60 * MIB), 4],
  ["nothing beyond the limit", "/app", group("/app", String(64 * MIB), 80 * MIB), 0],
  ["no limit, where there is none", "/app", group("/app", "max", 80 * MIB), 4096],
  ["no limit outside of what it sees", "/../other", group("/other", "1", 1), 4096],
])("is %s", async (_, own, groups, mebibytes) => {
  const files = kernel({ ...meminfo, ...groups, "proc/self/cgroup": `1:name=systemd:/x\n0::${own}\n` });
  expect(await availableMemory(files)).toBe(mebibytes * MIB);
});

it("is what the system calls free, where there is no /proc", async () => {
  expect(await availableMemory(kernel({}))).toBeGreaterThan(0.5 * freemem());
});

it("of this machine is something, and not more than there is", async () => {
  const available = await availableMemory();
  expect(available).toBeGreaterThan(0);
  expect(available).toBeLessThanOrEqual(totalmem());
});
