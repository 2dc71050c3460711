import { type FailureDetails, ThemisError } from "../../../base/error.ts";

/** Every way in which publishing on GitHub ends badly, and who has to act. */
const kinds = {
  TOKEN_MISSING: ["usage", "general"],
  TOKEN_REFUSED: ["failed", "network"],
  TOKEN_INSUFFICIENT: ["failed", "network"],
  REPOSITORY_ABSENT: ["failed", "network"],
  REPOSITORY_ARCHIVED: ["refused", "general"],
  API_UNREACHABLE: ["failed", "network"],
  API_STATUS: ["failed", "network"],
  API_RATE_LIMITED: ["failed", "network"],
  API_ANSWER_INVALID: ["failed", "network"],
  UPLOAD_FAILED: ["failed", "network"],
  ASSET_RENAMED: ["refused", "general"],
  TAG_BURNED: ["refused", "general"],
  RELEASE_LIMIT: ["usage", "general"],
  RELEASE_IMMUTABLE: ["refused", "general"],
} as const;

export type GitHubErrorCode = keyof typeof kinds;

export class GitHubError extends ThemisError<GitHubErrorCode> {
  constructor(code: GitHubErrorCode, message: string, details: FailureDetails = {}) {
    const [kind, area] = kinds[code];
    super(code, kind, message, { area, ...details });
  }
}

/** Whatever was asked may have been done: look before asking again. */
export function isUnknownOutcome(error: unknown): boolean {
  if (!(error instanceof GitHubError)) return false;
  if (error.code === "API_STATUS") return Number(error.facts.status) >= 500;
  return error.code === "API_UNREACHABLE" || error.code === "UPLOAD_FAILED";
}
