/** Every reason why a transparency log does not vouch for a release. All are `refused`. */
import { type FailureDetails, ThemisError } from "../base/error.ts";

export type TransparencyErrorCode =
  /** A log is demanded, and the release comes without a proof of it. */
  | "LOG_PROOF_MISSING"
  /** The proof does not lead from this very manifest to the root that the log signed. */
  | "LOG_PROOF_INVALID"
  /** None of the keys that were given signed the checkpoint as that log. */
  | "LOG_KEY_UNKNOWN"
  /** The signature by a key that was given is not one over this checkpoint. */
  | "LOG_CHECKPOINT_INVALID"
  /** The log has two histories: the one that was remembered is not the beginning of this one. */
  | "LOG_FORKED"
  /** The checkpoint is of a smaller log than the one that was remembered. */
  | "LOG_ROLLED_BACK"
  /** The proof does not reach back to the checkpoint that was remembered. */
  | "LOG_CONSISTENCY_MISSING";

export class TransparencyError extends ThemisError<TransparencyErrorCode> {
  constructor(code: TransparencyErrorCode, message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}
