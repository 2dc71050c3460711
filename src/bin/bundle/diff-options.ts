/** How patches are made: the same options for `build` and `delta create`. */
import { type Command, Option } from "commander";
import { ThemisError } from "../../base/error.ts";
import type { Container } from "../../format/delta/bsdiff/container.ts";
import type { DiffOptions } from "../../publish/diff/diff-file.ts";
import type { BsdiffEngine } from "../../publish/diff/engine.ts";
import { parseBytes } from "../units.ts";

export type DiffFlags = {
  readonly engine: BsdiffEngine;
  readonly format?: Container;
  readonly memory?: string;
  readonly applyMemory?: string;
  readonly applyTime?: string;
};

export function withDiffOptions(made: Command): Command {
  return made
    .addOption(
      new Option("--engine <name>", "what makes bsdiff patches")
        .choices(["kernel", "bsdiff-node"])
        .default("kernel"),
    )
    .addOption(
      new Option(
        "--format <name>",
        "the container of bsdiff patches; Debian's bspatch reads bsdiff40 (default: bsdiff40; with auto the shorter of it and bsdf2)",
      ).choices(["bsdiff40", "bsdf2", "endsley"]),
    )
    .option(
      "--memory <size>",
      "compare two files in at most this, such as 800M or 2G; Node and the proof of the patch take some 150M besides (default: what it takes, for zstd at most 4G)",
    )
    .option("--apply-memory <size>", "what a device may spend to apply one patch, such as 96M")
    .option("--apply-time <seconds>", "the same in time, estimated the same way on every machine");
}

/** @throws ThemisError USAGE */
export function parseDiffOptions(flags: DiffFlags): DiffOptions {
  const { engine, format, memory, applyMemory, applyTime } = flags;
  return {
    engine,
    ...(format !== undefined && { container: format }),
    ...(memory !== undefined && { memoryLimit: parseBytes("--memory", memory) }),
    budget: {
      ...(applyMemory !== undefined && { applyMemory: parseBytes("--apply-memory", applyMemory) }),
      ...(applyTime !== undefined && { applySeconds: parseSeconds("--apply-time", applyTime) }),
    },
  };
}

/** To the millisecond, and up to a day. @throws ThemisError USAGE */
function parseSeconds(option: string, text: string): number {
  const seconds = Number(text);
  if (/^\d{1,5}(\.\d{1,3})?$/.test(text) && seconds > 0 && seconds <= 86_400) return seconds;
  throw new ThemisError("USAGE", "usage", `${option} takes seconds, not ${JSON.stringify(text)}`, {
    hint: "such as 10 or 0.5, at most 86400",
  });
}
