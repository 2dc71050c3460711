/** The options about revocation lists, the same for every command that proves a signature. */
import type { Command } from "commander";
import type { Crl } from "../format/cms/crl.ts";
import { readCrls } from "../trust/crl-file.ts";
import { repeated } from "./program.ts";
import { readInput } from "./read-input.ts";

export type CrlOptions = { readonly crl: readonly string[]; readonly requireCrl?: boolean };

export function withCrlOptions(made: Command): Command {
  return made
    .option(
      "--crl <file>",
      "a revocation list, PEM or DER, besides those in the signature; repeat for more",
      repeated,
      [],
    )
    .option("--require-crl", "refuse what no fresh revocation list vouches for");
}

/** @throws ThemisError FILE_UNREADABLE, InputError; TrustError CRL_MALFORMED */
export async function loadCrls({
  crl: paths,
  requireCrl = false,
}: CrlOptions): Promise<{ readonly crls: readonly Crl[]; readonly requireCrl: boolean }> {
  const files = await Promise.all(paths.map((path) => readInput(path)));
  return { crls: files.flatMap(readCrls), requireCrl };
}
