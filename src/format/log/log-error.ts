/** What is not a transparency log's: not one of its files, not a proof, not a key. */
import { type FailureDetails, ThemisError } from "../../base/error.ts";

export type LogErrorCode =
  /** Not a proof within the profile (schemas/log.md). */
  | "LOG_PROOF_MALFORMED"
  /** Not a signed note, or one that is no checkpoint. */
  | "LOG_CHECKPOINT_MALFORMED"
  /** A tile or an entry bundle that cannot be one. */
  | "LOG_TILE_MALFORMED"
  /** Not a key in a signed note's own text form, or one of another algorithm. */
  | "LOG_KEY_MALFORMED";

export class LogError extends ThemisError<LogErrorCode> {
  constructor(code: LogErrorCode, message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}
