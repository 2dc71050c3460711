/** A build shared out over machines: the same bytes as from one, and no part is believed that does not fit. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../src/base/digest.ts";
import { type BuildPart, decodeBuildPart, encodeBuildPart } from "../../src/format/manifest/build-part.ts";
import { build } from "../../src/publish/build.ts";
import type { BuildRequest } from "../../src/publish/build-request.ts";
import { assemble } from "../../src/publish/shard/assemble.ts";
import { buildShard } from "../../src/publish/shard/build-shard.ts";
import { partition } from "../../src/publish/shard/partition.ts";
import { indexTree } from "../../src/publish/tree.ts";
import { makeReleaseLine, type ReleaseLine } from "../kit/release-line.ts";
import { ok, run } from "../kit/world.ts";

const SHARDS = 3;
let line: ReleaseLine;
const parts = (): string[] => Array.from({ length: SHARDS }, (_, index) => line.at(`part-${index + 1}`));
let request: BuildRequest;

beforeAll(async () => {
  line = await makeReleaseLine(["1.0.0", "1.1.0", "1.2.0"]);
  request = {
    root: line.trees[2]!,
    out: line.at("whole"),
    release: {
      ...{ product: "app", version: "1.2.0", channel: "stable", sequence: undefined, expires: "2031-01-01" },
      ...{
        releaseDate: "2026-03-01",
        releaseNotes: "größer",
        tagName: "",
        isCritical: true,
        platform: "linux",
      },
      ...{ architecture: "", buildCommit: "", buildDate: "", compilerVersion: "", minUpgradeFrom: "" },
      dependencies: ["themis-storage >=1.4.0,<2.0.0"],
    },
    from: [
      { version: "1.0.0", root: line.trees[0]! },
      { version: "1.1.0", root: line.trees[1]! },
    ],
    algorithms: ["BSDIFF", "ZSTD_DICT"],
    diff: { budget: { applyMemory: 96 << 20, applySeconds: 12.5 } },
    jobs: 2,
  };
  await build(request);
  for (const [index, out] of parts().entries())
    await buildShard({ ...request, out, shard: index + 1, shards: SHARDS, program: "test" });
});
afterAll(() => line.remove());

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, sha256(readFileSync(join(folder, name)))]),
  );
}

let outs = 0;
const putTogether = (folders: readonly string[]) =>
  assemble({ parts: folders, out: line.at(`out-${outs++}`), jobs: 2 });

/** The parts, one of them changed. */
function changed(change: (part: BuildPart, folder: string) => BuildPart, index = 0): string[] {
  const copy = line.at(`changed-${outs++}`);
  cpSync(parts()[index]!, copy, { recursive: true });
  const part = decodeBuildPart(readFileSync(join(copy, "part.json")));
  writeFileSync(join(copy, "part.json"), encodeBuildPart(change(part, copy)));
  return parts().with(index, copy);
}

describe("parts", () => {
  it("make the same bundle as one machine, to the last byte, in any order", async () => {
    const { out } = await putTogether(parts().toReversed());
    expect(contents(out)).toEqual(contents(request.out));
    expect(Object.keys(contents(out)).sort()).toEqual([
      ...["delta-1.0.0-0.pack", "delta-1.0.0.json", "delta-1.1.0-0.pack", "delta-1.1.0.json"],
      ...["manifest.json", "report-1.0.0.json", "report-1.1.0.json", "targets-0.pack"],
    ]);
  });

  it("share the work: none has all of it, and the costliest is not much costlier than another", async () => {
    const tree = await indexTree(request.root);
    const previous = await Promise.all(
      request.from.map(async ({ version, root }) => ({ version, tree: await indexTree(root) })),
    );
    const shares = partition(tree, previous, SHARDS);
    const given = shares.flatMap(({ targets }) => targets.map((target) => target.sha256));
    expect(new Set(given).size).toBe(given.length);
    const largest = Math.max(
      ...shares.flatMap(({ targets }) => targets.map(({ sizeBytes }) => sizeBytes * 9)),
    );
    const costs = shares.map(({ cost }) => cost);
    expect(Math.max(...costs) - Math.min(...costs)).toBeLessThanOrEqual(largest);
    expect(shares.every(({ targets }) => targets.length > 0)).toBe(true);
  });

  it.each([
    { why: "one is missing", code: "PARTS_MISSING", folders: () => parts().slice(1) },
    { why: "there is none", code: "PARTS_MISSING", folders: () => [] },
    { why: "one is there twice", code: "PARTS_CONFLICT", folders: () => [...parts(), parts()[0]!] },
    {
      why: "one was made by another version",
      code: "PARTS_CONFLICT",
      folders: () => changed((part) => ({ ...part, task: { ...part.task, made_by: "another" } })),
    },
    {
      why: "one is of another tree",
      code: "PARTS_CONFLICT",
      folders: () =>
        changed((part) => ({ ...part, task: { ...part.task, files: part.task.files.slice(1) } }), 1),
    },
    {
      why: "a target's blob is gone",
      code: "PART_INVALID",
      folders: () =>
        changed((part, folder) => {
          rmSync(join(folder, "blobs", part.targets[0]!.blob));
          return part;
        }),
    },
    {
      why: "a patch's blob has another byte",
      code: "PART_INVALID",
      folders: () => changed(...flipped()),
    },
    {
      why: "a target's blob becomes another target",
      code: "PART_INVALID",
      folders: () =>
        changed((part, folder) => {
          const bytes = Buffer.from("something else");
          writeFileSync(join(folder, "blobs", sha256(bytes)), bytes);
          const [first, ...others] = part.targets;
          const other = { blob: sha256(bytes), length: bytes.length, encoding: "identity" as const };
          return { ...part, targets: [{ ...first!, ...other }, ...others] };
        }),
    },
    {
      why: "a target is not there",
      code: "PART_INVALID",
      folders: () => changed((part) => ({ ...part, targets: part.targets.slice(1) })),
    },
    {
      why: "a delta starts from a file that nobody had",
      code: "PART_INVALID",
      folders: () =>
        changed(
          (part) => ({ ...part, deltas: part.deltas.map((each) => ({ ...each, base_path: "nothing" })) }),
          withDeltas(),
        ),
    },
    { why: "a folder is no part", code: "PART_INVALID", folders: () => [line.trees[0]!, ...parts()] },
  ])("are refused when $why, and nothing is left", async ({ code, folders }) => {
    const given = folders();
    const out = line.at(`refused-${outs++}`);
    await expect(assemble({ parts: given, out, jobs: 1 })).rejects.toMatchObject({ code });
    expect(readdirSync(line.at("")).filter((name) => name.includes("refused-"))).toEqual([]);
  });

  function withDeltas(): number {
    return parts().findIndex((folder) => patchOf(folder) !== "");
  }
  function patchOf(folder: string): string {
    const { deltas } = decodeBuildPart(readFileSync(join(folder, "part.json")));
    return deltas.find(({ blob }) => blob !== "")?.blob ?? "";
  }
  function flipped(): [(part: BuildPart, folder: string) => BuildPart, number] {
    const index = withDeltas();
    const change = (part: BuildPart, folder: string): BuildPart => {
      const blob = join(folder, "blobs", patchOf(folder));
      const bytes = readFileSync(blob);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(blob, bytes);
      return part;
    };
    return [change, index];
  }
});

it("is done by the commands: plan, build --shard, assemble", async () => {
  const from = ["--from", `1.0.0=${line.trees[0]}`];
  const facts = ["--product", "app", "--version", "1.2.0", ...from, "--algorithm", "zstd-dict"];
  const { stdout } = await run("themis-bundle", "plan", request.root, ...from, "--matrix", "2");
  const { include } = JSON.parse(stdout) as { include: { shard: string }[] };
  expect(include).toEqual([{ shard: "1/2" }, { shard: "2/2" }]);
  mkdirSync(line.at("commands"));
  const made = include.map((_, index) => line.at(`commands/part-${index}`));
  for (const [index, { shard }] of include.entries())
    await ok("themis-bundle", "build", request.root, ...facts, "--shard", shard, "--out", made[index]!);
  await ok("themis-bundle", "assemble", ...made, "--out", line.at("commands/bundle"));
  await ok("themis-bundle", "build", request.root, ...facts, "--out", line.at("commands/alone"));
  expect(contents(line.at("commands/bundle"))).toEqual(contents(line.at("commands/alone")));
  const wrong = await run("themis-bundle", "build", request.root, ...facts, "--shard", "3/2", "--out", "x");
  expect(wrong).toMatchObject({ status: 2, stderr: expect.stringMatching(/--shard takes I\/N/) });
  // Of one file no more than one machine can make something.
  mkdirSync(line.at("commands/one"));
  writeFileSync(line.at("commands/one/file"), "a");
  const one = await run("themis-bundle", "plan", line.at("commands/one"), "--matrix", "4");
  expect(JSON.parse(one.stdout)).toEqual({ include: [{ shard: "1/1" }] });
});
