import type { Command } from "commander";
import { checkOutput, writeFileAtomically } from "../../base/atomic-file.ts";
import { ThemisError } from "../../base/error.ts";
import { provenanceOf } from "../../publish/attest/provenance.ts";
import {
  checksumsOf,
  MAX_PREDICATE_BYTES,
  type Predicate,
  readPredicate,
  readSbom,
  statementOf,
  subjectsOf,
} from "../../publish/attest/statement.ts";
import { checkPacks, openBundle } from "../../publish/bundle.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";

type Options = {
  readonly out: string;
  readonly predicate?: string;
  readonly predicateType?: string;
  readonly sbom?: string;
  readonly checksums?: string;
  readonly predicateOut?: string;
};

export function attestCommand({ say, signal }: Tools): Command {
  return command(
    "attest",
    "write an in-toto statement about every asset of a bundle, to be signed by others",
    [
      "themis-bundle attest bundle --out statement.json",
      "themis-bundle attest bundle --sbom app.spdx.json --out statement.json --checksums sums",
      "themis-bundle attest bundle --out statement.json --checksums sums --predicate-out predicate.json",
    ],
  )
    .argument("<bundle>", "a bundle; sign it before, so that its signature is a subject too")
    .requiredOption("--out <file>", "the statement, JSON; nobody has signed it")
    .option(
      "--predicate <file>",
      "what is said: a JSON object (default: SLSA provenance of this workflow's run)",
    )
    .option("--predicate-type <uri>", "of --predicate")
    .option("--sbom <file>", "say what the release is made of: SPDX or CycloneDX, JSON")
    .option(
      "--checksums <file>",
      "the subjects as sha256sum writes them; subject-checksums of actions/attest",
    )
    .option("--predicate-out <file>", "the predicate alone; predicate-path of actions/attest")
    .action(async (folder: string, options: Options) => {
      const { out, checksums, predicateOut } = options;
      const files = [out, checksums, predicateOut].filter((path) => path !== undefined);
      for (const file of files) checkOutput(file);
      const predicate = await predicateOf(options);
      const bundle = await openBundle(folder);
      await checkPacks(bundle, signal);
      const subjects = subjectsOf(bundle);
      const json = (value: object): Uint8Array => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
      if (checksums !== undefined) await writeFileAtomically(checksums, Buffer.from(checksumsOf(subjects)));
      if (predicateOut !== undefined) await writeFileAtomically(predicateOut, json(predicate.value));
      await writeFileAtomically(out, json(statementOf(subjects, predicate)));
      const { product, version } = bundle.manifest;
      if (bundle.signature === undefined) say.note("the bundle is not signed: its signature is no subject");
      say.result(
        {
          schema: "themis-bundle/attest/1",
          ...{ product, version, predicateType: predicate.type, subjects, files },
        },
        `${out} speaks of ${subjects.length} assets of ${product} ${version} (${predicate.type}); nobody has signed it yet`,
      );
    });
}

/** @throws ThemisError USAGE; PublishError PREDICATE_INVALID, PROVENANCE_UNKNOWN; what readInput throws */
async function predicateOf({ predicate, predicateType, sbom }: Options): Promise<Predicate> {
  if (sbom !== undefined && (predicate ?? predicateType) !== undefined)
    throw usage("--sbom is a predicate, and knows its type: leave --predicate and --predicate-type out");
  if ((predicate === undefined) !== (predicateType === undefined))
    throw usage("--predicate and --predicate-type belong together");
  if (sbom !== undefined) return readSbom(await readInput(sbom, MAX_PREDICATE_BYTES), sbom);
  if (predicate === undefined || predicateType === undefined) return provenanceOf(process.env);
  return readPredicate(await readInput(predicate, MAX_PREDICATE_BYTES), predicateType, predicate);
}

function usage(message: string): ThemisError {
  return new ThemisError("USAGE", "usage", message);
}
