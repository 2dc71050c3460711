/**
 * The public face of signature checking: anchors once, then any number of documents.
 *
 *   new SignatureValidator({ anchors: [pem] }).validate({ content, signature })
 *
 * The clock comes in as a function, so that a device can hand in the time it trusts.
 */
import { readTrustAnchors, type TrustAnchor } from "./anchor.ts";
import { TrustError } from "./trust-error.ts";
import { type SignatureReport, verifySignature } from "./verify-signature.ts";

export type SignatureValidatorOptions = {
  /** PEM files, or DER certificates, with the pinned CAs. */
  readonly anchors: readonly Uint8Array[];
  readonly now: () => Date;
};

export class SignatureValidator {
  readonly #anchors: readonly TrustAnchor[];
  readonly #now: () => Date;

  /** @throws TrustError ANCHOR_MALFORMED */
  constructor({ anchors, now }: SignatureValidatorOptions) {
    this.#anchors = anchors.flatMap(readTrustAnchors);
    if (this.#anchors.length === 0) throw new TrustError("ANCHOR_MALFORMED", "no trust anchor is pinned");
    this.#now = now;
  }

  /** @throws TrustError, for every reason not to believe `content` */
  validate({ content, signature }: { content: Uint8Array; signature: Uint8Array }): SignatureReport {
    return verifySignature({ content, signature, anchors: this.#anchors, now: this.#now() });
  }
}
