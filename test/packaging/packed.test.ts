/** What `npm pack` makes, installed into an empty folder, runs both commands. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "themis-packed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], {
    cwd: root,
    stdio: "ignore",
  });
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
  writeFileSync(join(folder, "package.json"), '{"private":true}');
  const quiet = ["--silent", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"];
  execFileSync("npm", ["install", ...quiet, join(folder, archive)], { cwd: folder, stdio: "ignore" });
});

it.each(["themis-bundle", "themis-fetch"])("runs %s", (name) => {
  const script = join(folder, "node_modules/themis-bundle/dist", `${name}.js`);
  expect(execFileSync(process.execPath, [script, "--version"], { encoding: "utf8" })).toMatch(
    new RegExp(`^${name} \\d+\\.\\d+\\.\\d+`),
  );
  expect(readdirSync(join(folder, "node_modules/.bin"))).toContain(name);
});

it("builds a bundle with a delta in its worker", () => {
  for (const [tree, text] of [
    ["old", "one"],
    ["new", "two"],
  ] as const) {
    execFileSync("mkdir", [join(folder, tree)]);
    writeFileSync(join(folder, tree, "file.txt"), `${"line\n".repeat(5000)}${text}${Math.PI}`.repeat(3));
  }
  const script = join(folder, "node_modules/themis-bundle/dist/themis-bundle.js");
  const args = [
    "build",
    "new",
    "--product",
    "p",
    "--version",
    "2.0.0",
    "--from",
    "1.0.0=old",
    "--algorithm",
    "zstd-dict",
    "--out",
    "out",
    "--json",
  ];
  const answer = JSON.parse(
    execFileSync(process.execPath, [script, ...args], { cwd: folder, encoding: "utf8" }),
  );
  expect(answer.deltas).toHaveLength(1);
});

it("gives other programs its parts by subpath", () => {
  const code =
    'const a = await import("themis-bundle"); const b = await import("themis-bundle/fetch"); console.log(typeof a.build, typeof b.update, typeof new a.DeltaUpdateEngine().generate, typeof new b.DeltaUpdateEngine().generate)';
  expect(
    execFileSync(process.execPath, ["--input-type=module", "-e", code], {
      cwd: folder,
      encoding: "utf8",
    }).trim(),
  ).toBe("function function function undefined");
});
