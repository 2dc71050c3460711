/**
 * What can be wrong with bytes that claim to be DER, a certificate or a CMS message.
 *
 * All of it is `refused`: such bytes never become better by asking again. Whether well-formed bytes are
 * also *believed* is not decided here but in `trust`, which has its own error.
 */
import { type FailureDetails, ThemisError } from "../../base/error.ts";

export type CmsErrorCode =
  | "DER_MALFORMED"
  | "CERTIFICATE_MALFORMED"
  | "CRL_MALFORMED"
  | "CMS_MALFORMED"
  | "CMS_ALGORITHM_REFUSED";

export class CmsError extends ThemisError<CmsErrorCode> {
  constructor(code: CmsErrorCode, message: string, details?: FailureDetails) {
    super(code, "refused", message, details);
  }
}

/** For the parts that certificates share with others; a revocation list says in its own words whose they are. */
export function malformedCertificate(why: string): CmsError {
  return new CmsError("CERTIFICATE_MALFORMED", `the certificate cannot be used: ${why}`);
}
