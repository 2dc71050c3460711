import { describe, expect, it } from "vitest";
import { planZstdTables } from "../../../src/publish/diff/zstd-tables.ts";

const MIB = 2 ** 20;

describe("zstd's tables", () => {
  it.each([
    { files: 0.001, limit: 100, level: 19, windowLog: 17, chainLog: 17 },
    { files: 10, limit: 1000, level: 19, windowLog: 25, chainLog: 25 },
    { files: 10, limit: 200, level: 19, windowLog: 25, chainLog: 23 },
    { files: 116, limit: 4096, level: 19, windowLog: 28, chainLog: 28 },
    { files: 300, limit: 4096, level: 9, windowLog: 30, chainLog: 27 },
  ])("for two files of $files MiB in $limit MiB reach as far as they can", ({ files, limit, ...wanted }) => {
    const plan = planZstdTables(files * MIB, files * MIB, limit * MIB);
    expect(plan).toMatchObject(wanted);
    expect(plan.memoryBytes).toBeLessThanOrEqual(limit * MIB);
  });

  it.each([
    {
      why: "tables that do not fit",
      size: 100 * MIB,
      limit: 300 * MIB,
      message: /more than the 300 MiB allowed/,
    },
    { why: "files beyond zstd's window", size: 1100 * MIB, limit: 100 * 2 ** 30, message: /2 GiB/ },
  ])("say no to $why", ({ size, limit, message }) => {
    expect(() => planZstdTables(size, size, limit)).toThrow(
      expect.objectContaining({ code: "DIFF_TOO_LARGE", message: expect.stringMatching(message) }),
    );
  });
});
