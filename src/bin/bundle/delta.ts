import type { Command } from "commander";
import { isSha256 } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import { DeltaUpdateEngine } from "../../fetch/delta-update-engine.ts";
import { recognisePatch } from "../../format/delta/algorithm.ts";
import type { Candidate } from "../../publish/diff/diff-file.ts";
import { command, type Tools } from "../program.ts";
import { openInput } from "../read-input.ts";
import { parseBytes, saved, size, table } from "../units.ts";
import { parseAlgorithms } from "./algorithms.ts";
import { type DiffFlags, parseDiffOptions, withDiffOptions } from "./diff-options.ts";

/** No asset is larger. */
const DEFAULT_MAX_SIZE = 2 ** 31 - 1;
/** Of source and target: so much is done in about a second, in which nobody hears a Ctrl-C. */
const MAX_BLOCKING_BYTES = 8 * 2 ** 20;

export function deltaCommand(tools: Tools): Command {
  const delta = command("delta", "make, apply, verify and look at single patches");
  for (const add of [createCommand, applyCommand, verifyCommand, infoCommand]) delta.addCommand(add(tools));
  return delta;
}

function createCommand({ say, signal }: Tools): Command {
  return withDiffOptions(
    command("create", "make a patch and prove it", [
      "themis-bundle delta create app-1.4 app-1.5 app.patch",
      "themis-bundle delta create app-1.4 app-1.5 app.patch --algorithm bsdiff --format endsley",
      "themis-bundle delta create app-1.4 app-1.5 app.patch --apply-memory 96M --apply-time 10",
    ]),
  )
    .argument("<source>", "the old file")
    .argument("<target>", "the new file")
    .argument("<patch>", "where the patch goes")
    .option("--algorithm <name>", "auto, themis, bsdiff, vcdiff or zstd-dict", "auto")
    .action(
      async (source: string, target: string, patch: string, options: DiffFlags & { algorithm: string }) => {
        const bytes = [source, target].reduce((sum, path) => sum + sizeOf(path), 0);
        const { generatePatch } = await import("../../publish/diff/generate.ts");
        const made = await generatePatch({
          source,
          target,
          patch,
          algorithms: parseAlgorithms(options.algorithm),
          options: parseDiffOptions(options),
          thread: bytes <= MAX_BLOCKING_BYTES ? "this" : "own",
          signal,
        });
        const { algorithm, patchBytes, targetBytes, applyMemory, candidates } = made;
        say.result(
          { schema: "themis-bundle/delta-create/1", ...made },
          [
            `${patch}: ${algorithm}, ${size(patchBytes)} for a file of ${size(targetBytes)}, ${saved(patchBytes, targetBytes)} saved; applying takes up to ${size(applyMemory)} of memory`,
            ...(candidates.length > 1 ? ["", candidateTable(candidates)] : []),
          ].join("\n"),
        );
      },
    );
}

function sizeOf(path: string): number {
  const file = openInput(path);
  file.close();
  return file.size;
}

function candidateTable(candidates: readonly Candidate[]): string {
  const rows = candidates.map(({ algorithm, sizeBytes, cost, note }) => [
    algorithm,
    sizeBytes === undefined ? "-" : size(sizeBytes),
    cost ? size(cost.memoryBytes) : "-",
    cost ? `${cost.seconds.toFixed(1)} s` : "-",
    note,
  ]);
  return table(["tried", "patch", "apply memory", "apply time", ""], rows, [1, 2, 3], { whole: [4] });
}

function applyCommand({ say, signal }: Tools): Command {
  return withExpectation(
    command("apply", "rebuild a file from its source and a patch", [
      "themis-bundle delta apply app-1.4 app.patch app-1.5",
      "themis-bundle delta apply app-1.4 app.patch app-1.5 --source-sha256 9f1c… --sha256 4ce0…",
    ])
      .argument("<source>", "the old file")
      .argument("<patch>", "the patch")
      .argument("<target>", "where the new file goes"),
  ).action(async (source: string, patch: string, target: string, options: Expectation) => {
    for (const path of [source, patch]) openInput(path).close();
    const made = await new DeltaUpdateEngine(parseBound(options)).apply({
      source,
      patch,
      target,
      sourceSha256: options.sourceSha256,
      sha256: options.sha256,
      maxBytes: options.maxSize,
      signal,
    });
    say.result(
      { schema: "themis-bundle/delta-apply/1", ...made, sizeBytes: made.targetBytes },
      `${target}: ${size(made.targetBytes)}, SHA-256 ${made.sha256}`,
    );
  });
}

function verifyCommand({ say, signal }: Tools): Command {
  return withExpectation(
    command("verify", "apply a patch without writing, and say what it makes", [
      "themis-bundle delta verify app-1.4 app.patch",
      "themis-bundle delta verify app-1.4 app.patch --target app-1.5",
      "themis-bundle delta verify app-1.4 app.patch --sha256 4ce0…",
    ])
      .argument("<source>", "the old file")
      .argument("<patch>", "the patch"),
  )
    .option("--target <file>", "refuse any other result than this file")
    .action(async (source: string, patch: string, options: Expectation & { target?: string }) => {
      const { target, sha256 } = options;
      if (target !== undefined && sha256 !== undefined) {
        throw new ThemisError("USAGE", "usage", "--target and --sha256 say the same; give one", {
          hint: "--target compares with a file, --sha256 with a digest",
        });
      }
      for (const path of [source, patch, ...(target === undefined ? [] : [target])]) openInput(path).close();
      const maxBytes = options.maxSize;
      const made = await new DeltaUpdateEngine(parseBound(options)).verify({
        source,
        patch,
        target,
        sourceSha256: options.sourceSha256,
        sha256,
        maxBytes,
        signal,
      });
      const isExpected = target !== undefined || sha256 !== undefined;
      say.result(
        { schema: "themis-bundle/delta-verify/1", ...made, expected: isExpected },
        `${patch} makes ${isExpected ? "exactly what was expected" : "a file"}: ${made.algorithm}, ${size(made.targetBytes)}, SHA-256 ${made.sha256}`,
      );
    });
}

function infoCommand({ say }: Tools): Command {
  return command("info", "say what a patch is", ["themis-bundle delta info app.patch"])
    .argument("<patch>", "a patch of any format we read")
    .action(async (patchPath: string) => {
      const patch = openInput(patchPath);
      const info = recognisePatch(patch).describe(patch);
      const details = Object.entries(info.details).map(([name, value]) => `${name}: ${value}`);
      say.result(
        { schema: "themis-bundle/delta-info/1", patchBytes: patch.size, ...info },
        [`${info.algorithm}, ${size(patch.size)}, makes ${info.targetSize ?? "?"} bytes`, ...details].join(
          "\n",
        ),
      );
    });
}

type Expectation = {
  readonly sha256?: string;
  readonly sourceSha256?: string;
  readonly maxSize: number;
  readonly applyMemory?: string;
};

function withExpectation(made: Command): Command {
  return made
    .option("--sha256 <digest>", "refuse any other result", digest("--sha256"))
    .option("--source-sha256 <digest>", "refuse any other source", digest("--source-sha256"))
    .option(
      "--max-size <size>",
      "refuse a larger result, such as 4G",
      (text) => parseBytes("--max-size", text),
      DEFAULT_MAX_SIZE,
    )
    .option("--apply-memory <size>", "refuse a patch that needs more, such as 96M (default: all)");
}

function parseBound({ applyMemory }: Expectation): { readonly applyMemory?: number } {
  return applyMemory === undefined ? {} : { applyMemory: parseBytes("--apply-memory", applyMemory) };
}

/** @throws ThemisError USAGE */
function digest(option: string): (text: string) => string {
  return (text) => {
    if (isSha256(text.toLowerCase())) return text.toLowerCase();
    throw new ThemisError("USAGE", "usage", `${option} takes 64 hex digits, not ${JSON.stringify(text)}`);
  };
}
