import { type FailureDetails, ThemisError } from "../../base/error.ts";

/** Every way in which keeping a log ends badly, whose fault it is, and who has to act. */
const kinds = {
  /** There is no log in the folder. */
  LOG_MISSING: ["usage", "general"],
  /** Something is there already, and a log never begins anew. */
  LOG_EXISTS: ["usage", "general"],
  /** The release contradicts what the log holds. */
  LOG_CONFLICT: ["refused", "general"],
  /** The release is not in the log. */
  LOG_ENTRY_MISSING: ["usage", "general"],
  /** The log's files are not what its checkpoint says. */
  LOG_DAMAGED: ["refused", "general"],
  /** The key is not that of this log. */
  LOG_KEY_MISMATCH: ["refused", "general"],
  /** Another append is under way. */
  LOG_BUSY: ["failed", "local"],
  LOG_FULL: ["refused", "general"],
  LOG_UNWRITABLE: ["failed", "local"],
} as const;

export class LogFailure extends ThemisError<keyof typeof kinds> {
  constructor(code: keyof typeof kinds, message: string, details: FailureDetails = {}) {
    const [kind, area] = kinds[code];
    super(code, kind, message, { area, ...details });
  }
}
