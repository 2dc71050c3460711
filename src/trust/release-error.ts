import { type FailureDetails, ThemisError } from "../base/error.ts";

/** A release, or a channel document, that is signed well and still must not be obeyed here. */
export type ReleaseErrorCode =
  | "PRODUCT_MISMATCH"
  | "VERSION_MISMATCH"
  | "PLATFORM_MISMATCH"
  | "CHANNEL_MISMATCH"
  | "MANIFEST_EXPIRED"
  /** Rollback: a release below one that was believed. */
  | "RELEASE_OLDER"
  /** The trust root allows no release with so small a sequence, not even to an operator. */
  | "BELOW_MIN_SEQUENCE"
  /** Fast-forward: a number so far ahead that no honest one would come after it. */
  | "FAST_FORWARD"
  /** The release asks for another one to be passed first. */
  | "STEPPING_STONE"
  /** No document where there must be one. */
  | "CHANNEL_MISSING"
  /** Freeze: nobody has renewed it. */
  | "CHANNEL_EXPIRED"
  /** Rollback of the document. */
  | "CHANNEL_OLDER"
  /** Two documents with one version. */
  | "CHANNEL_FORKED"
  /** Mix-and-match: the release is not the one that the document names. */
  | "CHANNEL_MIX"
  | "RELEASE_RECALLED";

export class ReleaseError extends ThemisError<ReleaseErrorCode> {
  constructor(code: ReleaseErrorCode, message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}
