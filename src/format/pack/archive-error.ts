import { type FailureDetails, ThemisError } from "../../base/error.ts";

/** An archive that is no offline bundle: the same bytes will never be one. */
export type ArchiveErrorCode = "ARCHIVE_MALFORMED" | "ARCHIVE_TRUNCATED";

export class ArchiveError extends ThemisError<ArchiveErrorCode> {
  constructor(code: ArchiveErrorCode, message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}
