/** How patches are made: the same options for `build` and `delta create`. */
import { type Command, Option } from "commander";
import { ThemisError } from "../../base/error.ts";
import type { Container } from "../../format/delta/bsdiff/container.ts";
import type { DiffOptions } from "../../publish/diff/diff-pool.ts";
import type { BsdiffEngine } from "../../publish/diff/engine.ts";

export type DiffFlags = {
  readonly engine: BsdiffEngine;
  readonly format: Container;
  readonly memory?: string;
};

export function withDiffOptions(made: Command): Command {
  return made
    .addOption(
      new Option("--engine <name>", "what makes bsdiff patches")
        .choices(["kernel", "bsdiff-node"])
        .default("kernel"),
    )
    .addOption(
      new Option("--format <name>", "the container of bsdiff patches; Debian's bspatch reads bsdiff40")
        .choices(["bsdiff40", "bsdf2", "endsley"])
        .default("bsdiff40"),
    )
    .option("--memory <size>", "refuse to take more for one patch, such as 800M or 2G");
}

/** @throws ThemisError USAGE */
export function parseDiffOptions({ engine, format, memory }: DiffFlags): DiffOptions {
  return {
    engine,
    container: format,
    ...(memory !== undefined && { memoryLimit: parseBytes("--memory", memory) }),
  };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** @throws ThemisError USAGE */
export function parseBytes(option: string, text: string): number {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new ThemisError("USAGE", "usage", `${option} takes a size, not ${JSON.stringify(text)}`, {
      hint: "bytes, or a number with K, M or G, such as 800M",
    });
  }
  return Number(digits) * UNITS[(unit ?? "").toUpperCase()]!;
}
