/**
 * The public face of signature checking: anchors once, then any number of documents.
 *
 *   await new SignatureValidator({ anchors: [pem], now }).validate({ content, signature })
 *
 * The work is done in a thread; who has bytes and no time to wait uses `verifySignature`, which is the same at once.
 * The clock comes in as a function, so that a device can hand in the time it trusts.
 */
import type { Crl } from "../format/cms/crl.ts";
import { readTrustAnchors, type TrustAnchor } from "./anchor.ts";
import { readCrls } from "./crl-file.ts";
import { TrustError } from "./trust-error.ts";
import type { SignatureReport } from "./verify-signature.ts";
import { prewarmVerification, verifyInThread } from "./verify-thread.ts";

export type SignatureValidatorOptions = {
  /** PEM files, or DER certificates, with the pinned CAs. */
  readonly anchors: readonly Uint8Array[];
  readonly now: () => Date;
  /** Certificate revocation lists, PEM or DER; a newer one inside of a signature wins. */
  readonly crls?: readonly Uint8Array[];
  /** Refuse what no fresh list vouches for. Without it a list can only revoke. */
  readonly requireCrl?: boolean;
  /** So many distinct signers must have signed; default: one. */
  readonly threshold?: number;
};

export class SignatureValidator {
  readonly #anchors: readonly TrustAnchor[];
  readonly #now: () => Date;
  readonly #crls: readonly Crl[];
  readonly #requireCrl: boolean;
  readonly #threshold: number;

  /** @throws TrustError ANCHOR_MALFORMED, CRL_MALFORMED */
  constructor({ anchors, now, crls = [], requireCrl = false, threshold = 1 }: SignatureValidatorOptions) {
    this.#anchors = anchors.flatMap(readTrustAnchors);
    if (this.#anchors.length === 0) throw new TrustError("ANCHOR_MALFORMED", "no trust anchor is pinned");
    this.#now = now;
    this.#crls = crls.flatMap(readCrls);
    this.#requireCrl = requireCrl;
    this.#threshold = threshold;
  }

  /** Starts the thread while the bytes are still on their way; the first answer comes the sooner. */
  prewarm(): void {
    prewarmVerification();
  }

  /** @throws TrustError, for every reason not to believe `content` */
  validate({ content, signature }: { content: Uint8Array; signature: Uint8Array }): Promise<SignatureReport> {
    return verifyInThread({
      content,
      signature,
      anchors: this.#anchors,
      now: this.#now(),
      crls: this.#crls,
      requireCrl: this.#requireCrl,
      threshold: this.#threshold,
    });
  }
}
