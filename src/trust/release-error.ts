import { type FailureDetails, ThemisError } from "../base/error.ts";

/** A release that is signed well and still must not be installed here. */
export type ReleaseErrorCode =
  | "PRODUCT_MISMATCH"
  | "VERSION_MISMATCH"
  | "MANIFEST_EXPIRED"
  | "RELEASE_OLDER"
  /** The trust root allows no release with so small a sequence, not even to an operator. */
  | "RELEASE_BELOW_MINIMUM";

export class ReleaseError extends ThemisError<ReleaseErrorCode> {
  constructor(code: ReleaseErrorCode, message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}
