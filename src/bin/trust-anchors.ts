import { readTrustAnchors, type TrustAnchor } from "../trust/anchor.ts";
import { readInput } from "./read-input.ts";

/** @throws ThemisError FILE_UNREADABLE, InputError; TrustError ANCHOR_MALFORMED */
export async function loadTrustAnchors(path: string): Promise<TrustAnchor[]> {
  return readTrustAnchors(await readInput(path));
}
