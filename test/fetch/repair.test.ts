/** Files and records of the installed release that were changed, lost or damaged come back from its signed manifest. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { planRepair, repair } from "../../src/fetch/repair.ts";
import { readStatus, rollBack } from "../../src/fetch/rollback.ts";
import { update } from "../../src/fetch/update.ts";
import type { UpdateRequest } from "../../src/fetch/update-request.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { makeReleaseLine } from "../kit/release-line.ts";
import { makeWorld, noise, ok, release, run, snapshot, type World } from "../kit/world.ts";

const tools = { now: () => new Date() };
let world: World;
let template: string;
let devices = 0;

beforeAll(async () => {
  world = await makeWorld();
  template = world.device("template");
  await update(request(template, { version: "1.0.0" }), tools);
  await update(request(template), tools);
});
afterAll(() => world.remove());

function request(root: string, more: Partial<UpdateRequest> = {}): UpdateRequest {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  return { root, source: world.page, version: "", connections: 1, anchors, ...more };
}

/** 1.1.0, and 1.0.0 before it. */
function installed(): string {
  const root = world.at(`device-${devices++}`);
  cpSync(template, root, { recursive: true, verbatimSymlinks: true });
  return root;
}

/** One file more, one less, one other. */
function damage(root: string): string[] {
  const tree = snapshot(world.new);
  const [first, second, third] = Object.keys(tree).filter((path) => /^\S+$/.test(path) && isFile(root, path));
  writeFileSync(join(root, first!), "rotten");
  rmSync(join(root, second!));
  chmodSync(join(root, third!), 0o600);
  return [first!, second!, third!];
}

function isFile(root: string, path: string): boolean {
  return readdirSync(root, { recursive: true, withFileTypes: true }).some(
    (entry) => entry.isFile() && join(entry.parentPath, entry.name) === join(root, path),
  );
}

it("heals what was changed, lost or given other rights, and nothing else", async () => {
  const root = installed();
  const damaged = damage(root);
  writeFileSync(join(root, "of-the-operator"), "mine");
  const { plan } = await planRepair(request(root), tools);
  const planned = plan.steps.flatMap((step) =>
    step.kind === "keep" || step.kind === "remove" ? [] : [step.target.path],
  );
  expect(planned.toSorted()).toEqual(damaged.toSorted());
  const result = await repair(request(root), tools);
  expect(result).toMatchObject({ kind: "updated", from: "1.1.0", to: "1.1.0", restorePoint: "" });
  expect(readFileSync(join(root, "of-the-operator"), "utf8")).toBe("mine");
  rmSync(join(root, "of-the-operator"));
  expect(snapshot(root)).toEqual(snapshot(world.new));
  expect((await repair(request(root), tools)).kind).toBe("nothing-to-do");
});

it("leaves no way back to the damage: a rollback goes to the release before", async () => {
  const root = installed();
  damage(root);
  const before = (await readStatus(root)).restorePoints;
  await repair(request(root), tools);
  const { restorePoints, history } = await readStatus(root);
  expect(restorePoints).toEqual(before);
  expect(readdirSync(join(root, ".themis/restore")).toSorted()).toEqual(
    before.map(({ folder }) => folder).toSorted(),
  );
  expect(history[0]).toMatchObject({
    action: "repair",
    fromVersion: "1.1.0",
    toVersion: "1.1.0",
    result: "done",
  });
  await rollBack({ root }, tools);
  expect(snapshot(root)).toEqual(snapshot(world.old));
});

it("heals an older release after a rollback, though a newer one was believed", async () => {
  const root = installed();
  await rollBack({ root }, tools);
  const path = Object.keys(snapshot(world.old)).find((each) => isFile(root, each))!;
  writeFileSync(join(root, path), "rotten");
  await repair(request(root), tools);
  expect(snapshot(root)).toEqual(snapshot(world.old));
  // What was believed before still counts for an update.
  await expect(update(request(root, { version: "1.0.0" }), tools)).rejects.toMatchObject({
    code: "RELEASE_OLDER",
  });
});

it("refuses another release of the same version", async () => {
  const other = world.at("other");
  cpSync(world.new, world.at("other-tree"), { recursive: true, verbatimSymlinks: true });
  writeFileSync(world.at("other-tree/more"), "more");
  await release(world, world.at("other-tree"), "1.1.0", other);
  const root = installed();
  const damaged = damage(root);
  for (const attempt of [repair, planRepair])
    await expect(attempt(request(root, { source: other }), tools)).rejects.toMatchObject({
      code: "RELEASE_DIFFERS",
      kind: "refused",
    });
  expect(readFileSync(join(root, damaged[0]!), "utf8")).toBe("rotten");
});

it("refuses to go to another version", async () => {
  await expect(repair(request(installed(), { version: "1.0.0" }), tools)).rejects.toMatchObject({
    code: "RELEASE_DIFFERS",
  });
});

it("makes records anew for a tree in which a link is where an older release had a folder", async () => {
  const line = await makeReleaseLine(["1.0.0", "1.1.0", "1.2.0"], (tree, number) => {
    mkdirSync(join(tree, "x"), { recursive: true });
    writeFileSync(join(tree, "x/inside"), noise(30_000, number));
    if (number !== 2) return;
    rmSync(join(tree, "x"), { recursive: true });
    writeFileSync(join(tree, "y"), noise(30_000, 2));
    symlinkSync("y", join(tree, "x"));
  });
  try {
    const from = [`1.1.0=${line.trees[1]}`];
    await release({ at: line.at }, line.trees[2]!, "1.2.0", line.at("with-delta"), "--from", ...from);
    const root = line.at("device");
    mkdirSync(root);
    const { anchors } = line;
    const wanted = { root, source: line.at("with-delta"), anchors, version: "1.2.0", connections: 1 };
    await update(wanted, tools);
    rmSync(join(root, ".themis"), { recursive: true });
    expect(await repair({ ...wanted, rebuildRecords: true }, tools)).toMatchObject({ to: "1.2.0" });
    expect(snapshot(root)).toEqual(snapshot(line.trees[2]!));
    expect(await readStatus(root)).toMatchObject({ version: "1.2.0" });
  } finally {
    line.remove();
  }
});

it("writes through no symlink that stands in the place of a folder", async () => {
  const root = installed();
  const folder = Object.keys(snapshot(world.new))
    .find((path) => path.includes("/"))!
    .split("/")[0]!;
  const elsewhere = world.at(`elsewhere-${devices}`);
  cpSync(join(root, folder), elsewhere, { recursive: true, verbatimSymlinks: true });
  rmSync(join(root, folder), { recursive: true });
  symlinkSync(elsewhere, join(root, folder));
  const before = snapshot(elsewhere);
  await expect(repair(request(root), tools)).rejects.toMatchObject({ code: "ROOT_UNSAFE" });
  expect(snapshot(elsewhere)).toEqual(before);
});

it.each([
  ["zeros", (path: string) => writeFileSync(path, Buffer.alloc(8192))],
  ["half of them", (path: string) => truncateSync(path, 4096)],
  ["nothing", (path: string) => truncateSync(path, 0)],
])("makes records anew that are %s, when it is told to and which release is there", async (_, spoil) => {
  const root = installed();
  const state = join(root, ".themis/state.db");
  spoil(state);
  const damaged = readFileSync(state);
  damage(root);
  const files = snapshot(root);
  const { files: recorded } = await readStatus(template);
  for (const more of [{}, { version: "1.1.0" }])
    await expect(repair(request(root, more), tools)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  await expect(repair(request(root, { rebuildRecords: true }), tools)).rejects.toMatchObject({
    code: "VERSION_NEEDED",
  });
  expect([snapshot(root), readFileSync(state)]).toEqual([files, damaged]);

  await repair(request(root, { rebuildRecords: true, version: "1.1.0" }), tools);
  expect(snapshot(root)).toEqual(snapshot(world.new));
  expect(await readStatus(root)).toMatchObject({ version: "1.1.0", files: recorded, restorePoints: [] });
  expect(readFileSync(`${state}.damaged`)).toEqual(damaged);
  expect((await update(request(root), tools)).kind).toBe("nothing-to-do");
});

it.each(["a folder", "a symlink", "a FIFO"])("makes records anew where %s stands, twice", async (what) => {
  const root = installed();
  const state = join(root, ".themis/state.db");
  for (let times = 0; times < 2; times++) {
    const elsewhere = world.at(`elsewhere-${devices++}`);
    renameSync(state, elsewhere);
    const bytes = readFileSync(elsewhere);
    if (what === "a folder") {
      mkdirSync(state);
      writeFileSync(join(state, "somebody's"), "file");
    } else if (what === "a symlink") symlinkSync(elsewhere, state);
    else execFileSync("mkfifo", [state]);
    await expect(readStatus(root)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await expect(update(request(root), tools)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining(`${state} is `),
    });
    await repair(request(root, { rebuildRecords: true, version: "1.1.0" }), tools);
    expect(await readStatus(root)).toMatchObject({ version: "1.1.0" });
    expect(lstatSync(state).isFile()).toBe(true);
    expect(readFileSync(elsewhere)).toEqual(bytes);
  }
});

it.each([
  ["lock.db", "a FIFO"],
  ["lock.db", "a folder"],
  ["lock.db", "a symlink"],
  ["state.db-journal", "a symlink"],
  ...["restore", "transfer", "staged", "building"].flatMap((name) => [
    [name, "a file"] as const,
    [name, "a symlink"] as const,
  ]),
] as const)("%s that is %s is refused, and nothing is written through it", async (name, what) => {
  const root = installed();
  const path = join(root, ".themis", name);
  const elsewhere = world.at(`elsewhere-${devices++}`);
  mkdirSync(elsewhere);
  rmSync(path, { recursive: true, force: true });
  if (what === "a FIFO") execFileSync("mkfifo", [path]);
  else if (what === "a folder") mkdirSync(path);
  else if (what === "a file") writeFileSync(path, "");
  else symlinkSync(elsewhere, path);
  await expect(rollBack({ root }, tools)).rejects.toMatchObject({
    code: "ROOT_UNSAFE",
    message: expect.stringContaining(`${path} is `),
    hint: expect.stringContaining("move it away"),
  });
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

it("records again what is installed where .themis was deleted", async () => {
  const root = installed();
  rmSync(join(root, ".themis"), { recursive: true });
  await expect(repair(request(root), tools)).rejects.toMatchObject({ code: "VERSION_NEEDED" });
  expect(existsSync(join(root, ".themis"))).toBe(false);
  const result = await repair(request(root, { version: "1.1.0" }), tools);
  expect(result.perFile.every(({ action }) => action === "keep")).toBe(true);
  expect(await readStatus(root)).toMatchObject({ version: "1.1.0", restorePoints: [] });
});

it("is a command that says what it healed", async () => {
  const root = installed();
  const damaged = damage(root);
  const args = ["--source", world.page, "--root", root, "--trust-anchor", world.anchor];
  const plan = await run("themis-fetch", "repair", ...args, "--dry-run");
  for (const path of damaged) expect(plan.stdout).toContain(path);
  const { stdout, status } = await run("themis-fetch", "repair", ...args);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^app 1\.1\.0 is whole again: /);
  for (const path of damaged) expect(stdout).toContain(path);
  expect(await ok("themis-fetch", "repair", ...args)).toMatchObject({
    schema: "themis-fetch/repair/1",
    kind: "nothing-to-do",
  });
});
