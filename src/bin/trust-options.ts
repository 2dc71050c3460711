/** What a command demands before it believes a signature: the options, the same for each, and the policy they make. */
import type { Command } from "commander";
import { ThemisError } from "../base/error.ts";
import type { Crl } from "../format/cms/crl.ts";
import type { NoteKey } from "../format/log/note-key.ts";
import { trustRootKind } from "../format/trust-root/trust-root.ts";
import { readCrls } from "../trust/crl-file.ts";
import { MAX_THRESHOLD } from "../trust/threshold.ts";
import type { TrustPolicy, TrustRootPin } from "../trust/trust-policy.ts";
import { checkNotExpired, pinnedTrustRoot, policyFor, readTrustRoot } from "../trust/trust-root.ts";
import { compiledIn, refuseAnotherAnchor, thresholdOf } from "./client/compiled-in.ts";
import { loadLogKeys } from "./log-keys.ts";
import { repeated, wholeNumber } from "./program.ts";
import { readInput } from "./read-input.ts";
import { loadTrustAnchors } from "./trust-anchors.ts";

export type CrlOptions = { readonly crl: readonly string[]; readonly requireCrl?: boolean };

export type TrustOptions = CrlOptions & {
  readonly timestampAnchor?: readonly string[];
  readonly threshold?: number | undefined;
  readonly trustRoot?: string | undefined;
  readonly logKey?: readonly string[];
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
    )
    .option(
      "--log-key <key>",
      "refuse what is not in a transparency log: its NAME+ID+KEY, or a file of such; repeat for logs of which one is enough",
      repeated,
    )
    .option(
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
 * @param anchors the file that is pinned; none when the trust root is, or a client has an anchor of its own
 * @throws ThemisError ANCHOR_COMPILED_IN, SETTING_COMPILED_IN, USAGE, FILE_UNREADABLE, InputError; TrustError ANCHOR_MALFORMED,
 *   CRL_MALFORMED, TRUST_ROOT_MALFORMED; LogError LOG_KEY_MALFORMED
 */
export async function loadTrustPolicy(
  options: TrustOptions,
  anchors: string | undefined,
): Promise<TrustPolicy> {
  const { threshold, logKey, timestampAnchor: authorities = [] } = options;
  const logKeys: readonly NoteKey[] | undefined = logKey && (await loadLogKeys(logKey));
  const trustRoot = await loadTrustRoot(options);
  const demands = { threshold, trustRoot, logKeys, ...(await loadCrls(options)) };
  const own = compiledIn();
  if (own) {
    // A document that is pinned is another anchor.
    const pinned = trustRoot?.kind === "document" ? options.trustRoot : anchors;
    refuseAnotherAnchor(pinned ?? authorities[0], own);
    const compiled = {
      anchors: own.trustAnchors,
      anchorsOnly: true,
      product: own.product,
      threshold: thresholdOf(threshold, own),
    };
    return { ...demands, ...compiled };
  }
  const timestampAnchors = (await Promise.all(authorities.map(loadTrustAnchors))).flat();
  if (trustRoot?.kind === "document") {
    if (anchors === undefined) return { anchors: [], timestampAnchors, ...demands };
    throw new ThemisError(
      "USAGE",
      "usage",
      "--trust-anchor and a pinned --trust-root say both whom to believe",
      {
        hint: "give one of them",
      },
    );
  }
  if (anchors === undefined)
    throw new ThemisError("USAGE", "usage", "--trust-anchor is needed: only a pinned certificate can vouch", {
      hint: "or a trust root that is pinned: --trust-root FILE",
    });
  return { anchors: await loadTrustAnchors(anchors), timestampAnchors, ...demands };
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
  return withoutSource(await loadTrustPolicy(options, anchors), now);
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
