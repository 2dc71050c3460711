/** What `npm pack` makes, installed into an empty folder, runs both commands. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

it("loads for one command what that command needs", () => {
  const dist = join(folder, "node_modules/themis-bundle/dist");
  const [delta] = readdirSync(dist).filter((name) => /^bundle-delta-\w+\.js$/.test(name));
  const [main, command] = ["bundle-main.js", delta!].map((name) => loadedWith(dist, name));
  const loaded = [...new Set([...main!, ...command!])].map((name) => readFileSync(join(dist, name), "utf8"));
  // Commander is 100 KB of it; pkijs alone, or ajv, would be more than all of this.
  expect(loaded.reduce((sum, text) => sum + text.length, 0)).toBeLessThan(260_000);
  expect(loaded.length).toBeLessThan(15);
  // For an import of node:process or node:crypto everything in them is loaded.
  expect(loaded.filter((text) => /^import .*"node:/m.test(text))).toEqual([]);
});

/** A file and what it imports; what it would load later is not among them. */
function loadedWith(dist: string, entry: string): string[] {
  const files = new Set([entry]);
  for (const file of files) {
    const text = readFileSync(join(dist, file), "utf8");
    for (const [, name] of text.matchAll(/^(?:import|export|\}) ?[^;]*?"\.\/([^"]+)";$/gm)) files.add(name!);
  }
  return [...files];
}

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
