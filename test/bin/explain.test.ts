/** Why a file travels as it does, as a release engineer asks it of a bundle that was really built. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeWorld, noise, ok, run, type World } from "../kit/world.ts";

describe("explain", () => {
  let world: World;
  let bundle: string;
  beforeAll(async () => {
    world = await makeWorld();
    // Nothing of the old file is left in the new one, so no patch can pay.
    mkdirSync(world.at("tree"));
    cpSync(world.new, world.at("tree"), { recursive: true, verbatimSymlinks: true });
    writeFileSync(join(world.at("tree"), "same.dat"), noise(1000, 99));
    bundle = world.at("explained");
    const facts = ["--product", "app", "--version", "1.1.0", "--out", bundle];
    const from = ["--from", `1.0.0=${world.old}`, "--algorithm", "zstd-dict"];
    await ok("themis-bundle", "build", world.at("tree"), ...facts, ...from);
  });
  afterAll(() => world?.remove());

  const explained = async (path: string, ...more: string[]) =>
    (await ok("themis-bundle", "explain", path, bundle, ...more)) as {
      explanations: { kind: string; delta?: { patch_size: number }; report?: { reason: string } }[];
    };

  it("names the algorithm, its bytes and what else was tried", async () => {
    const { explanations } = await explained("bin/appd");
    expect(explanations).toMatchObject([
      { from: "1.0.0", kind: "patch", delta: { algorithm: "ZSTD_DICT" }, report: { chosen: "ZSTD_DICT" } },
    ]);
    const { stdout } = await run("themis-bundle", "explain", "bin/appd", bundle);
    expect(stdout).toMatch(/^bin\/appd: executable, 2\.38 MiB, whole 2\.38 MiB/);
    expect(stdout).toMatch(
      /from 1\.0\.0: ZSTD_DICT, .* saved\n {2}ZSTD_DICT is the smallest.*\n {4}ZSTD_DICT chosen/,
    );
  });

  it("says why another goes whole", async () => {
    const { explanations } = await explained("same.dat");
    expect(explanations).toMatchObject([{ kind: "whole", report: { chosen: "WHOLE" } }]);
    expect(explanations[0]!.report!.reason).toMatch(/whole is smaller|no delta/);
  });

  it.each([
    { path: "nothing", kind: "alone", why: "is the same in both" },
    { path: "gone.txt", kind: "removed", why: "is in the older one alone" },
  ])("says that $path $why", async ({ path, kind }) => {
    expect((await explained(path)).explanations).toEqual([{ from: "1.0.0", kind }]);
  });

  it("says from which release nothing is offered, and how it would be", async () => {
    expect((await explained("bin/appd", "--from", "0.9.0")).explanations).toEqual([
      { from: "0.9.0", kind: "no-delta" },
    ]);
    const { stdout } = await run("themis-bundle", "explain", "bin/appd", bundle, "--from", "0.9.0");
    expect(stdout).toContain("built without --from 0.9.0=TREE");
  });

  it("says that it does not know without the report, or with that of another build", async () => {
    const copy = world.at("without-report");
    cpSync(bundle, copy, { recursive: true });
    const report = join(copy, "report-1.0.0.json");
    writeFileSync(
      report,
      readFileSync(report, "utf8").replace(/"delta_manifest_sha256":"../, '"delta_manifest_sha256":"ff'),
    );
    const kinds = async (path: string) =>
      ((await ok("themis-bundle", "explain", path, copy)) as { explanations: { kind: string }[] })
        .explanations;
    expect(await kinds("same.dat")).toEqual([{ from: "1.0.0", kind: "unknown" }]);
    rmSync(report);
    expect(await kinds("same.dat")).toEqual([{ from: "1.0.0", kind: "unknown" }]);
    expect(await kinds("bin/appd")).toMatchObject([{ kind: "patch" }]);
  });

  it.each([
    { path: "bin/app", hint: "did you mean bin/appd?" },
    { path: "new-tool", hint: "did you mean bin/new-tool?" },
    { path: "elsewhere/entirely", hint: "themis-bundle inspect lists its files" },
  ])("knows no $path", async ({ path, hint }) => {
    const { status, stdout } = await run("themis-bundle", "explain", path, bundle, "--json");
    expect({ status, ...JSON.parse(stdout).error }).toMatchObject({ status: 2, code: "FILE_UNKNOWN", hint });
  });
});
