/** What is demanded before a release is believed: one value, from the command that reads it to the verifier that obeys it. */
import type { Crl } from "../format/cms/crl.ts";
import type { TrustAnchor } from "./anchor.ts";

export type TrustPolicy = {
  readonly anchors: readonly TrustAnchor[];
  /** Lists from elsewhere than the signature; of all of them the newest decides. */
  readonly crls?: readonly Crl[] | undefined;
  /** Refuse what no fresh list vouches for. Without it a list can only revoke. */
  readonly requireCrl?: boolean | undefined;
  /** No release below it is believed, whoever asks for one; default: 0. */
  readonly minSequence?: number | undefined;
  /** Refuse what comes without a signed document of the device's channel. */
  readonly requireChannel?: boolean | undefined;
};

/** The policy in a larger request, and nothing else of it. */
export function policyOf(policy: TrustPolicy): TrustPolicy {
  const { anchors, crls, requireCrl, minSequence, requireChannel } = policy;
  return { anchors, crls, requireCrl, minSequence, requireChannel };
}
