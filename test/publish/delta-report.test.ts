/** Why each file travels as it does is kept for the publisher, and nobody else ever sees or needs it. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeDeltaReport } from "../../src/format/manifest/delta-report.ts";
import { makeWorld, noise, ok, run, type World } from "../kit/world.ts";

const REPORT = "report-1.0.0.json";
let world: World;
let bundle: string;

beforeAll(async () => {
  world = await makeWorld();
  cpSync(world.new, world.at("newer"), { recursive: true, verbatimSymlinks: true });
  // Nothing of the old file is left: no delta can be smaller than the whole.
  writeFileSync(world.at("newer/same.dat"), noise(9000, 91));
  bundle = world.at("reported");
  const release = ["--product", "app", "--version", "1.1.0", "--from", `1.0.0=${world.old}`];
  const budget = ["--apply-memory", "44M", "--apply-time", "60"];
  await ok("themis-bundle", "build", world.at("newer"), ...release, ...budget, "--out", bundle);
  const key = ["--key", world.at("pki/signer-key.pem"), "--certificates", world.at("pki/signer.pem")];
  await ok("themis-bundle", "sign", bundle, ...key);
});
afterAll(() => world.remove());

const copyOf = (name: string, change: (folder: string) => void): string => {
  cpSync(bundle, world.at(name), { recursive: true });
  change(world.at(name));
  return world.at(name);
};

it("says of each file what was tried, how large it came out, and why it won or did not", () => {
  const report = decodeDeltaReport(readFileSync(join(bundle, REPORT)));
  expect(report).toMatchObject({ from_version: "1.0.0", apply_memory: 44 * 2 ** 20, apply_time_ms: 60_000 });
  const files = new Map(report.files.map((file) => [file.path, file]));
  const binary = files.get("bin/appd")!;
  expect(binary.candidates.map(({ algorithm }) => algorithm)).toEqual([
    "THEMIS",
    "BSDIFF",
    "VCDIFF",
    "ZSTD_DICT",
  ]);
  expect(binary.candidates[0]!.outcome).toBe("not-tried");
  expect(binary.candidates[1]).toMatchObject({
    outcome: "over-memory",
    patch_size: expect.any(Number),
    apply_memory: expect.any(Number),
    note: expect.stringMatching(/more than the 46137344 allowed$/),
  });
  const won = binary.candidates.find(({ outcome }) => outcome === "chosen")!;
  expect(won).toMatchObject({ algorithm: binary.chosen, note: "" });
  expect(won.patch_size).toBeLessThan(binary.whole_size);
  expect(won.apply_memory).toBeLessThanOrEqual(report.apply_memory);
  const whole = files.get("same.dat")!;
  expect(whole).toMatchObject({ chosen: "WHOLE", base_reason: "same-path" });
  expect(whole.candidates.map(({ outcome }) => outcome)).toContain("given-up");
  expect(whole.candidates.map(({ outcome }) => outcome)).not.toContain("chosen");
  expect(JSON.stringify(report)).not.toContain(world.folder);
});

describe("inspect", () => {
  it("shows it, as text and as JSON", async () => {
    const { stdout } = await run("themis-bundle", "inspect", bundle);
    expect(stdout).toMatch(
      /^why, from 1\.0\.0 \(a device may spend 44\.0 MiB of memory and 60\.0 s on a file\):$/m,
    );
    expect(stdout).toMatch(
      /^bin\/appd +THEMIS +not-tried .*\n +BSDIFF +over-memory .* more than the 46137344 allowed$/m,
    );
    expect(stdout).toMatch(/^ +WHOLE +chosen/m);
    const { reports } = await ok("themis-bundle", "inspect", bundle);
    expect(reports).toEqual([decodeDeltaReport(readFileSync(join(bundle, REPORT)))]);
  });

  it.each([
    { why: "is gone", change: (folder: string) => rmSync(join(folder, REPORT)) },
    { why: "is damaged", change: (folder: string) => writeFileSync(join(folder, REPORT), "{") },
    {
      why: "is of another build",
      change: (folder: string) => {
        const text = readFileSync(join(folder, REPORT), "utf8");
        const other = text.replace(
          /("delta_manifest_sha256":")[0-9a-f]{8}/,
          (_, start) => `${start}00000000`,
        );
        expect(other).not.toBe(text);
        writeFileSync(join(folder, REPORT), other);
      },
    },
  ])("is as good without one that $why", async ({ why, change }) => {
    const folder = copyOf(why, change);
    expect((await ok("themis-bundle", "inspect", folder)).reports).toEqual([]);
    await ok("themis-bundle", "verify", folder, "--trust-anchor", world.anchor);
  });
});

it("is not published, and devices do not miss it", async () => {
  const page = world.at("reported-page");
  await ok("themis-bundle", "publish", bundle, "--to", `file:${page}`);
  expect(readdirSync(join(page, "1.1.0")).filter((name) => name.startsWith("report"))).toEqual([]);
  const { manifest } = await ok("themis-bundle", "inspect", bundle);
  expect(JSON.stringify(manifest)).not.toContain("report-");
});
