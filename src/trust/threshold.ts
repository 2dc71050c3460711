/**
 * How many signed? A threshold of `m` asks for m signers who share nothing that one thief would take.
 *
 *   key 1, CN=Build      key 1, CN=Night     one signer: one key with two certificates
 *   key 2, CN=Build                          the same signer still: one name that has two keys
 *   key 3, CN=Review                         a second one
 *
 * Signers that share a key or a subject are one, and so are those who are one with the same third. A name counts as
 * much as a key, because whoever may have a certificate made for a name may have ten made.
 */
import { sha256 } from "../base/digest.ts";
import type { Certificate } from "../format/cms/certificate.ts";
import type { TrustAnchor } from "./anchor.ts";
import { TrustError } from "./trust-error.ts";

/** A signature holds no more signers. */
export const MAX_THRESHOLD = 16;

/** Who signed, and whose word it is that they are who they say. */
export type CountedSigner = { readonly certificate: Certificate; readonly anchor: TrustAnchor };

export type Threshold = {
  /** Distinct signers, 1 at least; default: 1. */
  readonly threshold?: number | undefined;
  /** Distinct anchors among those that vouch for them: a stolen CA makes as many signers as it likes. Default: 1. */
  readonly anchorThreshold?: number | undefined;
};

/** @throws TrustError THRESHOLD_NOT_MET */
export function checkThreshold(signers: readonly CountedSigner[], policy: Threshold): void {
  const { threshold = 1, anchorThreshold = 1 } = policy;
  const certificates = signers.map(({ certificate }) => certificate);
  refuseTooFew("signers", distinct(certificates), threshold);
  refuseTooFew("anchors", distinct(signers.map(({ anchor }) => anchor.certificate)), anchorThreshold);
}

/** One group for each that counts, in the order of their first. */
export function distinct(certificates: readonly Certificate[]): readonly (readonly Certificate[])[] {
  let groups: Certificate[][] = [];
  for (const certificate of certificates) {
    const isAlike = (group: readonly Certificate[]) => group.some((other) => isOneSigner(certificate, other));
    const joined = groups.filter(isAlike);
    if (joined.length === 0) groups.push([certificate]);
    else {
      // It may be what shows that two groups are one.
      const [first] = joined;
      const whole = [...joined.flat(), certificate];
      groups = groups.flatMap((group) => (group === first ? [whole] : joined.includes(group) ? [] : [group]));
    }
  }
  return groups;
}

/** Whether a threshold takes the two for one. */
export function isOneSigner(one: Certificate, other: Certificate): boolean {
  return one.subject.key === other.subject.key || sha256(one.spki) === sha256(other.spki);
}

function refuseTooFew(
  what: "signers" | "anchors",
  groups: readonly (readonly Certificate[])[],
  least: number,
): void {
  if (!Number.isSafeInteger(least) || least < 1) throw new TypeError(`${least} is no threshold`);
  if (groups.length >= least) return;
  const found = groups
    .map((group) => [...new Set(group.map(({ subject }) => subject.text))].join(" = "))
    .sort();
  const who = found.length === 0 ? "" : ` (${found.join("; ")})`;
  const are = groups.length === 1 ? "is" : "are";
  throw new TrustError(
    "THRESHOLD_NOT_MET",
    `${least} distinct ${what} are wanted, and ${groups.length} ${are} here${who}`,
    {
      facts: { of: what, wanted: least, found },
      hint:
        what === "signers"
          ? "themis-bundle sign --add adds a signature; one key or one name counts once, whatever its certificates"
          : "signers below other anchors must sign too; one anchor counts once, whatever it issues",
    },
  );
}
