import { type FailureDetails, ThemisError } from "../../base/error.ts";

/** Every way a patch is malformed. All are refusals: the same bytes will never be right. */
const kinds = {
  DELTA_MAGIC: "refused",
  DELTA_TRUNCATED: "refused",
  DELTA_CORRUPT: "refused",
  DELTA_SIZE: "refused",
  DELTA_OFFSET: "refused",
  DELTA_TRAILING: "refused",
  DELTA_TARGET_SIZE: "refused",
  DELTA_ALGORITHM: "refused",
  DELTA_SECONDARY: "refused",
} as const;

export class DeltaError extends ThemisError<keyof typeof kinds> {
  constructor(code: keyof typeof kinds, message: string, details?: FailureDetails) {
    super(code, kinds[code], message, details);
  }
}
