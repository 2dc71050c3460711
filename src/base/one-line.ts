/** Foreign text for a message: one line without control characters, which could rewrite a terminal, and bounded. */

/** @param maxCharacters UTF-16 units; what is cut off is replaced by "…" */
export function oneLine(text: string, maxCharacters: number): string {
  const line = plain(text);
  return line.length <= maxCharacters ? line : `${whole(line.slice(0, maxCharacters - 1))}…`;
}

/** The same with the end kept, where programs say why they failed. */
export function lastOfLine(text: string, maxCharacters: number): string {
  const line = plain(text);
  return line.length <= maxCharacters ? line : `…${whole(line.slice(1 - maxCharacters))}`;
}

/** Escape sequences (ECMA-48) go whole, so that no "[31m" is left of them. */
function plain(text: string): string {
  return text
    .replace(/\u001b\[[0-?]*[ -/]*[@-~]/g, "")
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .trim();
}

/** A cut may have left half of a surrogate pair at either end. */
function whole(text: string): string {
  return text.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, "");
}
