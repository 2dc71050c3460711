/** What is demanded before a release is believed: one value, from the command that reads it to the verifier that obeys it. */
import type { Crl } from "../format/cms/crl.ts";
import type { TrustAnchor } from "./anchor.ts";
import type { Threshold } from "./threshold.ts";

export type TrustPolicy = Threshold & {
  readonly anchors: readonly TrustAnchor[];
  /** Lists from elsewhere than the signature; of all of them the newest decides. */
  readonly crls?: readonly Crl[] | undefined;
  /** Refuse what no fresh list vouches for. Without it a list can only revoke. */
  readonly requireCrl?: boolean | undefined;
};

/** The policy in a larger request, and nothing else of it. */
export function policyOf(from: TrustPolicy): TrustPolicy {
  const { anchors, crls, requireCrl, threshold, anchorThreshold } = from;
  return { anchors, crls, requireCrl, threshold, anchorThreshold };
}
