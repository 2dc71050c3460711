/**
 * The text that certificates and revocation lists travel in (RFC 7468).
 *
 *   -----BEGIN X509 CRL-----   base64 in lines   -----END X509 CRL-----
 *
 * Text around the blocks is allowed (section 2), another kind of block is not: a private key in a file of
 * certificates is an accident someone should hear about.
 */
import { CmsError, type CmsErrorCode } from "./cms-error.ts";

export type PemKind = {
  /** What stands after BEGIN. */
  readonly label: string;
  /** For messages: "a certificate". */
  readonly what: string;
  /** Of the error when the text is not that. */
  readonly code: CmsErrorCode;
  readonly maxBytes: number;
};

const MAX_BLOCKS = 64;

/** @returns what the blocks hold, in order, at least one. @throws CmsError of the kind's code */
export function decodePem(bytes: Uint8Array, kind: PemKind): Uint8Array[] {
  const { label, what, code, maxBytes } = kind;
  const malformed = (why: string): CmsError => new CmsError(code, `the PEM text cannot be used: ${why}`);
  if (bytes.length > maxBytes) throw malformed(`it is longer than ${maxBytes} bytes`);
  const blocks: Uint8Array[] = [];
  let body: string[] | undefined;
  for (const line of Buffer.from(bytes).toString("latin1").split(/\r?\n/)) {
    const text = line.trimEnd();
    if (body === undefined) {
      if (text === `-----BEGIN ${label}-----`) body = [];
      else if (text.includes("-----")) throw malformed(`it holds a block that is not ${what}`);
    } else if (text === `-----END ${label}-----`) {
      const der = decodeBase64(body.join(""));
      if (der === undefined) throw malformed(`${what} is not base64`);
      blocks.push(der);
      if (blocks.length > MAX_BLOCKS) throw malformed(`it holds more than ${MAX_BLOCKS} blocks`);
      body = undefined;
    } else if (/^[A-Za-z0-9+/]{1,76}={0,2}$/.test(text)) body.push(text);
    else throw malformed(`a line inside ${what} is not base64`);
  }
  if (body !== undefined) throw malformed(`${what} does not end`);
  if (blocks.length === 0) throw malformed(`it does not hold ${what}`);
  return blocks;
}

/** undefined when Buffer, which ignores what it does not understand, would not write the same text back. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
