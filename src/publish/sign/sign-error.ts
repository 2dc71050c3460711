/**
 * Every way signing ends badly, and the sentences for what a token answers (PKCS#11 v2.40, CKR_*).
 *
 * A release engineer meets these at the end of a long build. So each message names what was looked for
 * and what was found, and each hint is a thing to do. No message, fact or hint ever holds a PIN or a
 * passphrase: the build's log is public more often than its owner believes.
 */
import { type FailureDetails, ThemisError } from "../../base/error.ts";

const kinds = {
  KEY_UNREADABLE: "usage",
  KEY_PASSPHRASE: "usage",
  KEY_UNSUPPORTED: "usage",
  KEY_NOT_FOUND: "usage",
  KEY_AMBIGUOUS: "usage",
  SECRET_UNREADABLE: "usage",
  CERTIFICATE_UNREADABLE: "usage",
  CERTIFICATE_MISMATCH: "usage",
  CERTIFICATE_EXPIRED: "usage",
  CERTIFICATE_NOT_FOR_SIGNING: "usage",
  CERTIFICATE_CHAIN_BROKEN: "usage",
  PKCS11_URI_INVALID: "usage",
  TOKEN_MODULE: "usage",
  TOKEN_NOT_FOUND: "usage",
  TOKEN_AMBIGUOUS: "usage",
  TOKEN_PIN_MISSING: "usage",
  TOKEN_PIN_WRONG: "usage",
  TOKEN_PIN_FINAL_TRY: "usage",
  TOKEN_PIN_LOCKED: "usage",
  TOKEN_FAILED: "failed",
  SIGNATURE_UNVERIFIABLE: "refused",
  SIGNING_REQUEST_MISMATCH: "refused",
  NOTHING_TO_RESIGN: "usage",
  SIGNATURE_FULL: "usage",
  ALREADY_SIGNED: "usage",
  CRL_UNRELATED: "usage",
  TIMESTAMP_NOT_GIVEN: "failed",
  ADDON_MISSING: "usage",
  SIGNER_OUTLIVES_ROOT: "usage",
  FILE_EXISTS: "usage",
  FILE_UNWRITABLE: "failed",
} as const;

export type SignErrorCode = keyof typeof kinds;

export class SignError extends ThemisError<SignErrorCode> {
  constructor(code: SignErrorCode, message: string, details?: FailureDetails) {
    super(code, kinds[code], message, { area: "local", ...details });
  }
}

type Answer = { readonly code: SignErrorCode; readonly says: string; readonly hint?: string };

/** What the token says, in the words of the person who has to act. */
const answers: Readonly<Record<string, Answer>> = {
  CKR_PIN_INCORRECT: {
    code: "TOKEN_PIN_WRONG",
    says: "the token refused the PIN",
    hint: "the PIN was tried once and will not be tried again; correct it before the next run, wrong tries lock the token",
  },
  CKR_PIN_INVALID: {
    code: "TOKEN_PIN_WRONG",
    says: "the token refused the PIN: it holds characters the token does not allow",
    hint: "look for a stray newline or quote in the PIN file or in THEMIS_PIN",
  },
  CKR_PIN_LEN_RANGE: {
    code: "TOKEN_PIN_WRONG",
    says: "the token refused the PIN: it is too short or too long for this token",
    hint: "look for a stray newline or an empty value in the PIN file or in THEMIS_PIN",
  },
  CKR_PIN_EXPIRED: {
    code: "TOKEN_PIN_WRONG",
    says: "the PIN of the token has expired",
    hint: "set a new PIN with the tool of the token's maker",
  },
  CKR_PIN_LOCKED: {
    code: "TOKEN_PIN_LOCKED",
    says: "the PIN of the token is locked after too many wrong tries",
    hint: "unlock it with the security officer's PIN",
  },
  CKR_USER_PIN_NOT_INITIALIZED: {
    code: "TOKEN_PIN_MISSING",
    says: "the token has no user PIN yet",
    hint: "initialise the token with the tool of its maker",
  },
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: {
    code: "TOKEN_FAILED",
    says: "somebody else is logged in to the token",
    hint: "close the other program that uses the token",
  },
  CKR_USER_TOO_MANY_TYPES: {
    code: "TOKEN_FAILED",
    says: "the token serves no more users at the same time",
    hint: "close the other program that uses the token",
  },
  CKR_USER_NOT_LOGGED_IN: {
    code: "TOKEN_PIN_MISSING",
    says: "the key asks for a login that has not happened",
    hint: "give the PIN in a file (pin-source in the URI), in THEMIS_PIN or at the prompt",
  },
  CKR_TOKEN_NOT_PRESENT: {
    code: "TOKEN_NOT_FOUND",
    says: "there is no token in the slot",
    hint: "plug it in, then list what is there with `themis-bundle keys list`",
  },
  CKR_TOKEN_NOT_RECOGNIZED: {
    code: "TOKEN_NOT_FOUND",
    says: "the module does not recognise the token in the slot",
    hint: "check that module-path is the module of this token's maker",
  },
  CKR_SLOT_ID_INVALID: {
    code: "TOKEN_NOT_FOUND",
    says: "the slot does not exist",
    hint: "slot numbers change between starts: choose by token= or serial= in the URI",
  },
  CKR_DEVICE_REMOVED: {
    code: "TOKEN_FAILED",
    says: "the token was removed while it was in use",
    hint: "plug it in and run again",
  },
  CKR_DEVICE_ERROR: {
    code: "TOKEN_FAILED",
    says: "the token reports a fault of its own",
    hint: "unplug it, or restart the service behind it, and run again",
  },
  CKR_DEVICE_MEMORY: { code: "TOKEN_FAILED", says: "the token has no memory left" },
  CKR_HOST_MEMORY: { code: "TOKEN_FAILED", says: "the module of the token has no memory left" },
  CKR_SESSION_COUNT: {
    code: "TOKEN_FAILED",
    says: "the token has no session left",
    hint: "close other programs that use the token; after a crash it frees sessions within seconds",
  },
  CKR_SESSION_HANDLE_INVALID: {
    code: "TOKEN_FAILED",
    says: "the token closed our session",
    hint: "another program reset the token; run again",
  },
  CKR_OPERATION_ACTIVE: {
    code: "TOKEN_FAILED",
    says: "the token is still busy with an earlier operation",
    hint: "run again",
  },
  CKR_MECHANISM_INVALID: {
    code: "KEY_UNSUPPORTED",
    says: "the token cannot make this kind of signature",
    hint: "for an RSA key choose the other padding (pkcs1 or pss)",
  },
  CKR_MECHANISM_PARAM_INVALID: {
    code: "KEY_UNSUPPORTED",
    says: "the token does not accept the parameters of this kind of signature",
    hint: "for an RSA key choose the padding pkcs1",
  },
  CKR_KEY_FUNCTION_NOT_PERMITTED: {
    code: "KEY_UNSUPPORTED",
    says: "the key in the token is not allowed to sign",
    hint: "choose a key that has CKA_SIGN",
  },
  CKR_KEY_TYPE_INCONSISTENT: {
    code: "KEY_UNSUPPORTED",
    says: "the key in the token is of another type than the signature",
  },
  CKR_KEY_SIZE_RANGE: { code: "KEY_UNSUPPORTED", says: "the token does not sign with a key of this size" },
  CKR_FUNCTION_NOT_SUPPORTED: {
    code: "TOKEN_FAILED",
    says: "the module of the token lacks a function that signing needs",
  },
  CKR_ARGUMENTS_BAD: {
    code: "TOKEN_FAILED",
    says: "the module of the token refused its arguments",
    hint: "many modules say so when their own configuration is missing",
  },
  CKR_GENERAL_ERROR: {
    code: "TOKEN_FAILED",
    says: "the module of the token failed without saying why",
    hint: "most often its configuration is missing: for SoftHSM set SOFTHSM2_CONF to a readable file",
  },
  CKR_FUNCTION_FAILED: {
    code: "TOKEN_FAILED",
    says: "the module of the token could not do what was asked",
    hint: "look into the log of the token's service",
  },
};

/** The CKR_* name inside an error of the PKCS#11 packages, or undefined for anything else. */
export function ckrOf(error: unknown): string | undefined {
  return error instanceof Error ? /\bCKR_[A-Z0-9_]+/.exec(error.message)?.[0] : undefined;
}

/** Turns what the PKCS#11 packages throw into a sentence; our own errors pass unchanged. */
export function tokenFailure(
  error: unknown,
  doing: string,
  facts: Readonly<Record<string, unknown>> = {},
): ThemisError {
  if (error instanceof ThemisError) return error;
  const ckr = ckrOf(error);
  const answer = ckr === undefined ? undefined : answers[ckr];
  const says = answer?.says ?? (ckr ? "the token refused" : "the module of the token failed");
  const { code, hint } = answer ?? { code: "TOKEN_FAILED" as const, hint: undefined };
  return new SignError(code, `${says}${ckr ? ` (${ckr})` : ""} while ${doing}`, {
    facts: { ...facts, ...(ckr && { ckr }) },
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}
