/** What commands say of the transparency log that vouches for a release. */
import type { Logged } from "../trust/transparency.ts";

export function logJson(logged: Logged | undefined) {
  if (!logged) return {};
  const { origin, size, root } = logged.seen;
  return { log: { origin, size, root } };
}

export function logText(logged: Logged | undefined): readonly string[] {
  return logged ? [`in the log ${logged.seen.origin}, which had ${logged.seen.size} entries then`] : [];
}
