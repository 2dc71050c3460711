import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { partOfFile, writeFileAtomically } from "../../base/atomic-file.ts";
import { growingFileSource } from "../../base/byte-source.ts";
import { hashing } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import { applyPatch, recognisePatch } from "../../format/delta/algorithm.ts";
import { command, type Tools } from "../program.ts";
import { openInput } from "../read-input.ts";
import { saved, size } from "../units.ts";
import { parseAlgorithms } from "./algorithms.ts";
import { type DiffFlags, parseDiffOptions, withDiffOptions } from "./diff-options.ts";

export function deltaCommand({ say, signal }: Tools): Command {
  const delta = command("delta", "make, apply and look at single patches");
  delta.addCommand(
    withDiffOptions(
      command("create", "make a patch and prove it", [
        "themis-bundle delta create app-1.4 app-1.5 app.patch",
        "themis-bundle delta create app-1.4 app-1.5 app.patch --algorithm bsdiff --format endsley",
      ]),
    )
      .argument("<source>", "the old file")
      .argument("<target>", "the new file")
      .argument("<patch>", "where the patch goes")
      .option("--algorithm <name>", "auto, bsdiff, vcdiff or zstd-dict", "auto")
      .action(
        async (source: string, target: string, patch: string, options: DiffFlags & { algorithm: string }) => {
          const { algorithm } = options;
          for (const path of [source, target]) openInput(path).close();
          const { DiffPool } = await import("../../publish/diff/diff-pool.ts");
          const pool = new DiffPool({ jobs: 1, signal });
          try {
            const { winner, candidates } = await pool.diff({
              sourcePath: source,
              targetPath: target,
              algorithms: [...parseAlgorithms(algorithm)],
              options: parseDiffOptions(options),
            });
            if (!winner) {
              throw new ThemisError(
                "DELTA_NONE",
                "failed",
                `no patch was made: ${candidates.map(({ algorithm: name, note }) => `${name}: ${note}`).join("; ")}`,
              );
            }
            await writeFileAtomically(patch, winner.patch);
            const targetBytes = (await readFile(target)).length;
            say.result(
              {
                schema: "themis-bundle/delta-create/1",
                algorithm: winner.algorithm,
                patchBytes: winner.patch.length,
                targetBytes,
                candidates,
              },
              `${patch}: ${winner.algorithm}, ${size(winner.patch.length)} for a file of ${size(targetBytes)}, ${saved(winner.patch.length, targetBytes)} saved`,
            );
          } finally {
            await pool.close();
          }
        },
      ),
  );
  delta.addCommand(
    command("apply", "rebuild a file from its source and a patch", [
      "themis-bundle delta apply app-1.4 app.patch app-1.5",
      "themis-bundle delta apply app-1.4 app.patch app-1.5 --sha256 4ce0…",
    ])
      .argument("<source>", "the old file")
      .argument("<patch>", "the patch")
      .argument("<target>", "where the new file goes")
      .option("--sha256 <digest>", "refuse any other result")
      .option("--max-size <bytes>", "refuse a larger result", (text) => Number(text), 2 ** 31 - 1)
      .action(
        async (
          source: string,
          patchPath: string,
          target: string,
          options: { sha256?: string; maxSize: number },
        ) => {
          const [sourceFile, patch] = [openInput(source), openInput(patchPath)];
          const written = growingFileSource(partOfFile(target));
          try {
            const { algorithm, targetSize } = recognisePatch(patch).describe(patch);
            if (targetSize === undefined || targetSize > options.maxSize) {
              throw new ThemisError(
                "DELTA_SIZE",
                "refused",
                `the patch makes a file of ${targetSize ?? "unknown"} bytes, more than the ${options.maxSize} allowed`,
              );
            }
            const { pieces, digest } = hashing(
              applyPatch({ algorithm, source: sourceFile, patch, written, targetSize }),
            );
            let sha256 = "";
            await writeFileAtomically(target, checked());
            say.result(
              { schema: "themis-bundle/delta-apply/1", algorithm, sizeBytes: targetSize, sha256 },
              `${target}: ${size(targetSize)}, SHA-256 ${sha256}`,
            );

            // The file takes its name only when all of it is right.
            async function* checked(): AsyncGenerator<Uint8Array> {
              yield* pieces;
              sha256 = digest();
              if (options.sha256 && options.sha256.toLowerCase() !== sha256) {
                throw new ThemisError(
                  "TARGET_DIGEST_MISMATCH",
                  "refused",
                  `the result has the digest ${sha256}, expected ${options.sha256}`,
                );
              }
            }
          } finally {
            written.close();
            sourceFile.close();
            patch.close();
          }
        },
      ),
  );
  delta.addCommand(
    command("info", "say what a patch is", ["themis-bundle delta info app.patch"])
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
      }),
  );
  return delta;
}
