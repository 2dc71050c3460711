/** What a command demands before it believes a signature: the options, the same for each, and the policy they make. */
import type { Command } from "commander";
import { ThemisError } from "../base/error.ts";
import type { Crl } from "../format/cms/crl.ts";
import { trustRootKind } from "../format/trust-root/trust-root.ts";
import { readCrls } from "../trust/crl-file.ts";
import { MAX_THRESHOLD } from "../trust/threshold.ts";
import type { TrustPolicy, TrustRootPin } from "../trust/trust-policy.ts";
import { checkNotExpired, pinnedTrustRoot, policyFor, readTrustRoot } from "../trust/trust-root.ts";
import { repeated, wholeNumber } from "./program.ts";
import { readInput } from "./read-input.ts";
import { loadTrustAnchors } from "./trust-anchors.ts";

export type CrlOptions = { readonly crl: readonly string[]; readonly requireCrl?: boolean };

export type TrustOptions = CrlOptions & {
  readonly threshold?: number | undefined;
  readonly trustRoot?: string | undefined;
};

/** In the place of a file: the first trust root lies at the source, and the pinned anchors prove it. */
const AT_SOURCE = "source";

export function withTrustOptions(made: Command): Command {
  return withCrlOptions(made)
    .option(
      "--threshold <n>",
      "so many distinct signers, by key and by subject, must have signed (default: 1)",
      wholeNumber("--threshold", 1, MAX_THRESHOLD),
    )
    .option(
      "--trust-root <file>",
      'a trust root document, pinned in place of --trust-anchor; "source" for the first one there, which that proves',
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
 * @param anchors the file that is pinned; undefined when the trust root is
 * @throws ThemisError USAGE, FILE_UNREADABLE, InputError; TrustError ANCHOR_MALFORMED, CRL_MALFORMED, TRUST_ROOT_MALFORMED
 */
export async function loadTrustPolicy(
  options: TrustOptions,
  anchors: string | undefined,
): Promise<TrustPolicy> {
  const { threshold } = options;
  const trustRoot = await loadTrustRoot(options);
  if ((anchors === undefined) !== (trustRoot?.kind === "document")) {
    throw new ThemisError(
      "USAGE",
      "usage",
      anchors === undefined
        ? "nothing is pinned"
        : "--trust-anchor and a pinned --trust-root are two ways to say whom to believe",
      { hint: "give --trust-anchor FILE, or --trust-root FILE" },
    );
  }
  const pinned = anchors === undefined ? [] : await loadTrustAnchors(anchors);
  return { anchors: pinned, threshold, trustRoot, ...(await loadCrls(options)) };
}

/**
 * For commands that ask no source and keep no records: what the trust root, when one is pinned, demands of releases.
 *
 * @throws what loadTrustPolicy throws; TrustError TRUST_ROOT_EXPIRED
 */
export async function loadReleasePolicy(
  options: TrustOptions,
  anchors: string | undefined,
  now: Date,
): Promise<TrustPolicy> {
  const policy = await loadTrustPolicy(options, anchors);
  return withoutSource(policy, now);
}

/** @throws ThemisError USAGE; TrustError TRUST_ROOT_EXPIRED, TRUST_ROOT_MALFORMED */
export function withoutSource(policy: TrustPolicy, now: Date): TrustPolicy {
  const { trustRoot } = policy;
  if (trustRoot === undefined) return policy;
  if (trustRoot.kind === "source") {
    throw new ThemisError("USAGE", "usage", "this command has no source to read a trust root from", {
      hint: "name the newest one by --trust-root FILE",
    });
  }
  const root = pinnedTrustRoot(trustRoot.content);
  checkNotExpired(root, now.getTime());
  return policyFor(root, "release", policy);
}

async function loadTrustRoot({ trustRoot: path }: TrustOptions): Promise<TrustRootPin | undefined> {
  if (path === undefined) return undefined;
  if (path === AT_SOURCE) return { kind: "source" };
  const content = await readInput(path, trustRootKind.maxBytes);
  // Now and not at the device, so that the wrong file is said before anything is asked of a source.
  readTrustRoot(content);
  return { kind: "document", content };
}

/** @throws ThemisError FILE_UNREADABLE, InputError; TrustError CRL_MALFORMED */
export async function loadCrls({
  crl: paths,
  requireCrl = false,
}: CrlOptions): Promise<{ readonly crls: readonly Crl[]; readonly requireCrl: boolean }> {
  const files = await Promise.all(paths.map((path) => readInput(path)));
  return { crls: files.flatMap(readCrls), requireCrl };
}
