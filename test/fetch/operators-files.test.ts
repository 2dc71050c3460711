/** Files that are the operator's own: what was changed stays, and what the release has comes beside it. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { repair } from "../../src/fetch/repair.ts";
import { rollBack } from "../../src/fetch/rollback.ts";
import { planOnly, update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { ok, release, run, snapshot } from "../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-own-"));
const at = (...names: string[]): string => join(folder, ...names);
const root = at("device");
const tools = { now: () => new Date() };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function tree(name: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(at(name, path)), { recursive: true });
    writeFileSync(at(name, path), text);
  }
  return at(name);
}

const read = (path: string): string => readFileSync(join(root, path), "utf8");

beforeAll(async () => {
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  const same = { "etc/same.conf": "same", "bin/tool": "tool 1" };
  await release(
    { at },
    tree("one", { ...same, "etc/app.conf": "one", "etc/gone.conf": "gone" }),
    "1.0.0",
    at("b1"),
  );
  const two = { ...same, "bin/tool": "tool 2", "etc/app.conf": "two", "etc/more.conf": "more" };
  await release({ at }, tree("two", two), "2.0.0", at("b2"));
  await release({ at }, tree("three", { ...two, "etc/app.conf.new": "of the release" }), "3.0.0", at("b3"));
});

const request = (bundle: string, keep = ["etc/*.conf"]) => ({
  root,
  source: at(bundle),
  version: "",
  connections: 1,
  anchors: readTrustAnchors(readFileSync(at("pki/root.pem"))),
  keep,
});

beforeEach(async () => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  await update(request("b1"), tools);
});

it("leaves untouched files to the release", async () => {
  expect((await update(request("b2"), tools)).operators).toEqual([]);
  expect(snapshot(root)).toEqual(snapshot(at("two")));
});

it("keeps what was changed, and puts the release's beside it", async () => {
  writeFileSync(join(root, "etc/app.conf"), "mine");
  chmodSync(join(root, "etc/app.conf"), 0o600);
  const result = await update(request("b2"), tools);
  expect(result.operators).toEqual([{ path: "etc/app.conf", beside: "etc/app.conf.new" }]);
  expect([read("etc/app.conf"), read("etc/app.conf.new"), read("bin/tool")]).toEqual([
    "mine",
    "two",
    "tool 2",
  ]);
  expect(statSync(join(root, "etc/app.conf")).mode & 0o777).toBe(0o600);
  // And there it stays: the same release again finds nothing to do.
  expect((await update(request("b2"), tools)).kind).toBe("nothing-to-do");
});

it("keeps what was changed and the release has not changed, with nothing beside it", async () => {
  writeFileSync(join(root, "etc/same.conf"), "mine");
  const result = await update(request("b2"), tools);
  expect(result.operators).toEqual([{ path: "etc/same.conf", beside: "" }]);
  expect(snapshot(root)).toEqual({
    ...snapshot(at("two")),
    "etc/same.conf": snapshot(root)["etc/same.conf"],
  });
  expect(read("etc/same.conf")).toBe("mine");
});

it("keeps other rights of an own file", async () => {
  chmodSync(join(root, "etc/same.conf"), 0o600);
  await update(request("b2"), tools);
  expect(statSync(join(root, "etc/same.conf")).mode & 0o777).toBe(0o600);
});

it("keeps a file that was there before the release brought one", async () => {
  writeFileSync(join(root, "etc/more.conf"), "mine");
  await update(request("b2"), tools);
  expect([read("etc/more.conf"), read("etc/more.conf.new")]).toEqual(["mine", "more"]);
});

it("brings back what was removed, and takes away what nobody changed", async () => {
  rmSync(join(root, "etc/app.conf"));
  await update(request("b2"), tools);
  expect(snapshot(root)).toEqual(snapshot(at("two")));
});

it("replaces changed files that no pattern names", async () => {
  writeFileSync(join(root, "etc/app.conf"), "mine");
  expect((await update(request("b2", ["etc/*.ini"]), tools)).operators).toEqual([]);
  expect(snapshot(root)).toEqual(snapshot(at("two")));
});

it("puts back on a rollback what stood beside before, and leaves the own file", async () => {
  writeFileSync(join(root, "etc/app.conf"), "mine");
  const before = snapshot(root);
  await update(request("b2"), tools);
  await rollBack({ root }, tools);
  expect(snapshot(root)).toEqual(before);
});

it("remembers which files are the operator's: a repair or an update that does not say so leaves them, and so does a rollback", async () => {
  writeFileSync(join(root, "etc/app.conf"), "mine");
  writeFileSync(join(root, "bin/tool"), "rotten");
  const before = { "etc/app.conf": "mine", "bin/tool": "tool 1" };
  await update(request("b2"), tools);
  writeFileSync(join(root, "bin/tool"), "rotten");
  const { keep: _, ...silent } = request("b2");
  const { perFile } = await repair(silent, tools);
  expect(perFile.filter(({ action }) => action !== "keep").map(({ path }) => path)).toEqual(["bin/tool"]);
  expect([read("etc/app.conf"), read("bin/tool")]).toEqual(["mine", "tool 2"]);
  await rollBack({ root }, tools);
  expect(read("etc/app.conf")).toBe(before["etc/app.conf"]);
  expect((await update(silent, tools)).operators).toEqual([
    { path: "etc/app.conf", beside: "etc/app.conf.new" },
  ]);
  // Said anew, it counts anew.
  await repair(request("b2", []), tools);
  expect(read("etc/app.conf")).toBe("two");
});

it("plans what it does", async () => {
  writeFileSync(join(root, "etc/app.conf"), "mine");
  const { plan } = await planOnly(request("b2"), tools);
  const steps = plan.steps.filter(({ kind }) => kind !== "keep");
  const result = await update(request("b2"), tools);
  const path = (step: (typeof steps)[number]): string =>
    step.kind === "remove" ? step.path : step.target.path;
  expect(steps.map(path)).toEqual(["etc/gone.conf", "bin/tool", "etc/app.conf.new", "etc/more.conf"]);
  expect(result.perFile.filter(({ action }) => action !== "keep").map((each) => each.path)).toEqual(
    steps.map(path),
  );
});

it("refuses a release that has a file where its own version would go", async () => {
  writeFileSync(join(root, "etc/app.conf"), "mine");
  const before = snapshot(root);
  await expect(update(request("b3"), tools)).rejects.toMatchObject({ code: "KEEP_CONFLICT" });
  expect(snapshot(root)).toEqual(before);
});

it("is said by the command, which takes several patterns", async () => {
  writeFileSync(join(root, "etc/app.conf"), "mine");
  const args = ["--source", at("b2"), "--root", root, "--trust-anchor", at("pki/root.pem")];
  const keep = ["--keep", "nothing/*", "etc/*.conf"];
  const planned = await run("themis-fetch", "plan", ...args, ...keep);
  expect(planned.stdout).toContain(
    "keep      etc/app.conf (changed here; it stays, and the release's version is etc/app.conf.new)",
  );
  const { stderr, status } = await run("themis-fetch", "update", ...args, ...keep);
  expect([status, stderr]).toEqual([
    0,
    expect.stringContaining(
      "etc/app.conf was changed here; it stays, and the release's version is etc/app.conf.new",
    ),
  ]);
  // And a command that does not say it knows.
  await run("themis-fetch", "repair", ...args);
  expect(read("etc/app.conf")).toBe("mine");
});
