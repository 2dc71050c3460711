import { type FailureDetails, ThemisError } from "../base/error.ts";

/** Every way building and publishing end badly, whose fault it is, and who has to act. */
const kinds = {
  TREE_MISSING: ["usage", "general"],
  TREE_EMPTY: ["usage", "general"],
  TREE_UNREADABLE: ["failed", "local"],
  TREE_UNSUPPORTED: ["usage", "general"],
  TREE_CHANGED: ["failed", "local"],
  FROM_IDENTICAL: ["usage", "general"],
  FROM_VERSION: ["usage", "general"],
  RELEASE_INVALID: ["usage", "general"],
  OUTPUT_NOT_EMPTY: ["usage", "general"],
  OUTPUT_IN_TREE: ["usage", "general"],
  OUTPUT_FAILED: ["failed", "local"],
  BUNDLE_MISSING: ["usage", "general"],
  BUNDLE_INCOMPLETE: ["refused", "general"],
  STATS_INVALID: ["usage", "general"],
  PART_INVALID: ["refused", "general"],
  PARTS_CONFLICT: ["refused", "general"],
  PARTS_MISSING: ["refused", "general"],
  TRUST_ROOT_INVALID: ["usage", "general"],
  PAGE_CONFLICT: ["refused", "general"],
  CHANNEL_UNREADABLE: ["usage", "general"],
  CHANNEL_REFUSED: ["refused", "general"],
  FILE_UNKNOWN: ["usage", "general"],
  PREDICATE_INVALID: ["usage", "general"],
  PROVENANCE_UNKNOWN: ["usage", "general"],
  CLIENT_INVALID: ["usage", "general"],
  CLIENT_TEMPLATE: ["failed", "local"],
  NODE_UNSUITABLE: ["usage", "general"],
  CLIENT_TOO_LARGE: ["refused", "general"],
} as const;

export class PublishError extends ThemisError<keyof typeof kinds> {
  constructor(code: keyof typeof kinds, message: string, details: FailureDetails = {}) {
    const [kind, area] = kinds[code];
    super(code, kind, message, { area, ...details });
  }
}
