/** What is demanded before a release is believed: one value, from the command that reads it to the verifier that obeys it. */
import type { Crl } from "../format/cms/crl.ts";
import type { NoteKey } from "../format/log/note-key.ts";
import type { TrustAnchor } from "./anchor.ts";
import type { Threshold } from "./threshold.ts";

export type TrustPolicy = Threshold & {
  readonly anchors: readonly TrustAnchor[];
  /** Lists from elsewhere than the signature; of all of them the newest decides. */
  readonly crls?: readonly Crl[] | undefined;
  /** Refuse what no fresh list vouches for. Without it a list can only revoke. */
  readonly requireCrl?: boolean | undefined;
  /** Of transparency logs, one of which must hold the release; none are demanded without. */
  readonly logKeys?: readonly NoteKey[] | undefined;
  /** Of authorities whose time-stamps count; without them a signature counts while its certificates are valid. */
  readonly timestampAnchors?: readonly TrustAnchor[] | undefined;
  /** The signer's certificate must have this extended key usage besides codeSigning: an OID, "" for none. */
  readonly signerUsage?: string | undefined;
  /** This certificate policy must hold from the anchor to the signer: an OID, "" for none. */
  readonly signerPolicy?: string | undefined;
  /** CAs whose keys count for nothing, in whatever certificate of a path. */
  readonly revoked?: readonly TrustAnchor[] | undefined;
  /** The only product that is believed, on a new device too: of the trust root, or compiled in; "" for any. */
  readonly product?: string | undefined;
  /** No release below it is believed, whoever signed it and whoever asks for one; default: 0. */
  readonly minSequence?: number | undefined;
  /**
   * Where the first trust root comes from that says all of this for each role (trust-root.ts). As long as it stands
   * here, the policy is not complete, and verifies nothing.
   */
  readonly trustRoot?: TrustRootPin | undefined;
  /** Of what a device remembers only a trust root counts that these very anchors began: nobody else's, who once ran there. */
  readonly anchorsOnly?: boolean | undefined;
  /** Refuse what comes without a signed document of the device's channel. */
  readonly requireChannel?: boolean | undefined;
};

export type TrustRootPin =
  /** Brought here by a way that is trusted, and believed as a pinned certificate is. */
  | { readonly kind: "document"; readonly content: Uint8Array }
  /** Version 1 is read from the release's source, and the policy's own anchors prove it. */
  | { readonly kind: "source" };

/** The policy in a larger request, and nothing else of it. */
export function policyOf(from: TrustPolicy): TrustPolicy {
  const { anchors, crls, requireCrl, threshold, anchorThreshold, logKeys, timestampAnchors } = from;
  const { signerUsage, signerPolicy, revoked, product, minSequence, trustRoot, anchorsOnly, requireChannel } =
    from;
  // Every field by its name: one that is forgotten does not compile.
  return {
    ...{ anchors, crls, requireCrl, threshold, anchorThreshold, logKeys, timestampAnchors },
    ...{ signerUsage, signerPolicy, revoked, product, minSequence, trustRoot, anchorsOnly, requireChannel },
  } satisfies { readonly [Field in keyof Required<TrustPolicy>]: TrustPolicy[Field] };
}
