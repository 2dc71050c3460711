/** Standard base64 (RFC 4648, section 4) in its one canonical form; undefined for anything else, so that bytes have one spelling. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** A whole number in decimal, without leading zeros, within 2^53 - 1. */
export function decodeDecimal(text: string): number | undefined {
  const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
