/** What a command demands before it believes a signature: the options, the same for each, and the policy they make. */
import type { Command } from "commander";
import type { Crl } from "../format/cms/crl.ts";
import { readCrls } from "../trust/crl-file.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import { repeated } from "./program.ts";
import { readInput } from "./read-input.ts";
import { loadTrustAnchors } from "./trust-anchors.ts";

export type CrlOptions = { readonly crl: readonly string[]; readonly requireCrl?: boolean };

export type TrustOptions = CrlOptions & { readonly timestampAnchor?: readonly string[] };

export function withTrustOptions(made: Command): Command {
  return withCrlOptions(made).option(
    "--timestamp-anchor <file>",
    "the CA of a time-stamp authority: what it saw in time counts when certificates are over; repeat for more",
    repeated,
    [],
  );
}

/** For commands that prove certificates without a signature, or look at a signature without proving it. */
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

/**
 * @param anchors the file that is pinned
 * @throws ThemisError FILE_UNREADABLE, InputError; TrustError ANCHOR_MALFORMED, CRL_MALFORMED
 */
export async function loadTrustPolicy(options: TrustOptions, anchors: string): Promise<TrustPolicy> {
  const { timestampAnchor: authorities = [] } = options;
  const timestampAnchors = (await Promise.all(authorities.map(loadTrustAnchors))).flat();
  return { anchors: await loadTrustAnchors(anchors), ...(await loadCrls(options)), timestampAnchors };
}

/** @throws ThemisError FILE_UNREADABLE, InputError; TrustError CRL_MALFORMED */
export async function loadCrls({
  crl: paths,
  requireCrl = false,
}: CrlOptions): Promise<{ readonly crls: readonly Crl[]; readonly requireCrl: boolean }> {
  const files = await Promise.all(paths.map((path) => readInput(path)));
  return { crls: files.flatMap(readCrls), requireCrl };
}
