/** What a command demands before it believes a signature: the options, the same for each, and the policy they make. */
import type { Command } from "commander";
import { ThemisError } from "../base/error.ts";
import type { Crl } from "../format/cms/crl.ts";
import type { NoteKey } from "../format/log/note-key.ts";
import { readCrls } from "../trust/crl-file.ts";
import { MAX_THRESHOLD } from "../trust/threshold.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import { compiledIn, refuseAnotherAnchor } from "./client/compiled-in.ts";
import { loadLogKeys } from "./log-keys.ts";
import { repeated, wholeNumber } from "./program.ts";
import { readInput } from "./read-input.ts";
import { loadTrustAnchors } from "./trust-anchors.ts";

export type CrlOptions = { readonly crl: readonly string[]; readonly requireCrl?: boolean };

export type TrustOptions = CrlOptions & {
  readonly threshold?: number | undefined;
  readonly timestampAnchor?: readonly string[];
  readonly logKey?: readonly string[];
};

export function withTrustOptions(made: Command): Command {
  return withCrlOptions(made)
    .option(
      "--threshold <n>",
      "so many distinct signers, by key and by subject, must have signed (default: 1)",
      wholeNumber("--threshold", 1, MAX_THRESHOLD),
    )
    .option(
      "--timestamp-anchor <file>",
      "the CA of a time-stamp authority: what it saw in time counts when certificates are over; repeat for more",
      repeated,
      [],
    )
    .option(
      "--log-key <key>",
      "refuse what is not in a transparency log: its NAME+ID+KEY, or a file of such; repeat for logs of which one is enough",
      repeated,
    );
}

/** Where no signature is asked for, only certificates. */
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
 * @param anchors the file that is pinned; a client with an anchor of its own takes none
 * @throws ThemisError ANCHOR_COMPILED_IN, USAGE, FILE_UNREADABLE, InputError; TrustError ANCHOR_MALFORMED, CRL_MALFORMED;
 *   LogError LOG_KEY_MALFORMED
 */
export async function loadTrustPolicy(
  options: TrustOptions,
  anchors: string | undefined,
): Promise<TrustPolicy> {
  const { threshold, logKey, timestampAnchor: authorities = [] } = options;
  const logKeys: readonly NoteKey[] | undefined = logKey && (await loadLogKeys(logKey));
  const demands = { threshold, logKeys, ...(await loadCrls(options)) };
  const own = compiledIn();
  if (own) {
    refuseAnotherAnchor(anchors ?? authorities[0], own);
    return { anchors: own.trustAnchors, product: own.product, ...demands };
  }
  if (anchors === undefined)
    throw new ThemisError("USAGE", "usage", "--trust-anchor is needed: only a pinned certificate can vouch");
  const timestampAnchors = (await Promise.all(authorities.map(loadTrustAnchors))).flat();
  return { anchors: await loadTrustAnchors(anchors), timestampAnchors, ...demands };
}

/** @throws ThemisError FILE_UNREADABLE, InputError; TrustError CRL_MALFORMED */
export async function loadCrls({
  crl: paths,
  requireCrl = false,
}: CrlOptions): Promise<{ readonly crls: readonly Crl[]; readonly requireCrl: boolean }> {
  const files = await Promise.all(paths.map((path) => readInput(path)));
  return { crls: files.flatMap(readCrls), requireCrl };
}
