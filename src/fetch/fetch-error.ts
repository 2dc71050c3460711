import { type FailureDetails, ThemisError } from "../base/error.ts";

/** Every way the device's part ends badly: what it is, and who has to act. */
const kinds = {
  SOURCE_INVALID: ["usage", "general"],
  SOURCE_UNREACHABLE: ["failed", "network"],
  SOURCE_STATUS: ["failed", "network"],
  SOURCE_REDIRECT: ["failed", "network"],
  SOURCE_RATE_LIMITED: ["failed", "network"],
  SOURCE_ANSWER_INVALID: ["failed", "network"],
  TOKEN_INVALID: ["usage", "general"],
  TLS_UNTRUSTED: ["failed", "network"],
  PROXY_INVALID: ["usage", "general"],
  CA_UNREADABLE: ["usage", "general"],
  TRANSFER_INTERRUPTED: ["failed", "network"],
  ASSET_SIZE: ["refused", "general"],
  TRANSFER_DIGEST_MISMATCH: ["refused", "general"],
  APPLY_MEMORY: ["failed", "local"],
  SOURCE_DIGEST_MISMATCH: ["refused", "general"],
  TARGET_DIGEST_MISMATCH: ["refused", "general"],
  OUTPUT_FAILED: ["failed", "local"],
  PARTS_LOST: ["failed", "local"],
  ROOT_MISSING: ["usage", "general"],
  ROOT_UNWRITABLE: ["failed", "local"],
  ROOT_UNSAFE: ["refused", "general"],
  NO_SPACE: ["failed", "local"],
  NO_INODES: ["failed", "local"],
  CROSS_DEVICE: ["failed", "local"],
  TOO_MANY_FILES: ["failed", "local"],
  DISK_FAILED: ["failed", "local"],
  CLOCK_WRONG: ["failed", "local"],
  ALREADY_IN_PROGRESS: ["failed", "local"],
  STATE_UNREADABLE: ["failed", "local"],
  STATE_CORRUPT: ["failed", "local"],
  VERSION_NEEDED: ["usage", "general"],
  RELEASE_DIFFERS: ["refused", "general"],
  STRATEGY_DIFFERS: ["usage", "general"],
  STORE_UNUSABLE: ["failed", "local"],
  STORE_OBJECT_UNUSABLE: ["failed", "local"],
  STORE_DAMAGED: ["failed", "local"],
  PATH_OCCUPIED: ["failed", "local"],
  KEEP_CONFLICT: ["failed", "local"],
  SWITCH_FAILED: ["failed", "local"],
  CONFIRMATION_PENDING: ["failed", "local"],
  NOTHING_TO_CONFIRM: ["usage", "general"],
  RELEASE_HELD_BACK: ["failed", "general"],
  CHECK_INVALID: ["usage", "general"],
  CHECK_FAILED: ["failed", "general"],
  HEALTH_CHECK_FAILED: ["failed", "local"],
  HOOK_FAILED: ["failed", "general"],
  SERVICE_INVALID: ["usage", "general"],
  SERVICE_MANAGER_MISSING: ["failed", "local"],
  SERVICE_FAILED: ["failed", "local"],
  WEBHOOK_INVALID: ["usage", "general"],
  CLIENT_UNFIT: ["refused", "general"],
  CLIENT_UNWRITABLE: ["failed", "local"],
  RESTORE_POINT_NOT_FOUND: ["usage", "general"],
  RESTORE_POINT_TAMPERED: ["refused", "general"],
  RESTORE_BASE_CHANGED: ["refused", "general"],
} as const;

export type FetchErrorCode = keyof typeof kinds;

export class FetchError extends ThemisError<FetchErrorCode> {
  constructor(code: FetchErrorCode, message: string, details: FailureDetails = {}) {
    const [kind, area] = kinds[code];
    super(code, kind, message, { area, ...details });
  }
}
