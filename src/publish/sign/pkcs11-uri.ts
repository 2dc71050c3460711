/**
 * The address of a key in a token (RFC 7512, "The PKCS #11 URI Scheme").
 *
 *   pkcs11:token=release;object=signer;id=%01%02?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin
 *          which token   which key                which driver                              where the PIN lies
 *
 * Values are percent-encoded; `id` holds bytes, everything else is UTF-8. Attributes before "?" narrow
 * the search and are joined by ";", those after it are joined by "&".
 *
 * We are stricter than the RFC: an attribute that we would ignore is refused, because whoever wrote it
 * meant to narrow the choice of a signing key. `pin-value` is refused too: argv is readable by every
 * process of the machine and is copied into the logs of the build.
 */
import { fileURLToPath } from "node:url";
import { SignError } from "./sign-error.ts";

export const PKCS11_SCHEME = "pkcs11:";

export type Pkcs11Uri = {
  readonly token?: string;
  readonly serial?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly slotId?: number;
  readonly object?: string;
  readonly id?: Uint8Array;
  readonly modulePath?: string;
  /** A path; `file:` is already resolved. */
  readonly pinSource?: string;
};

/** RFC 7512, section 2.3: pk11-pchar and pk11-qchar. */
const PATH_VALUE = /^(?:[A-Za-z0-9\-._~:[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*$/;
const QUERY_VALUE = /^(?:[A-Za-z0-9\-._~:[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})*$/;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Longer than any real one; an accident with a shell variable is longer still. */
const MAX_URI_CHARACTERS = 4096;

/** @throws SignError PKCS11_URI_INVALID, never with a value from the URI in its text */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  if (!uri.startsWith(PKCS11_SCHEME)) throw invalid(`it does not start with "${PKCS11_SCHEME}"`);
  if (uri.length > MAX_URI_CHARACTERS) throw invalid(`it is longer than ${MAX_URI_CHARACTERS} characters`);
  const [path = "", query, ...more] = splitOnce(uri.slice(PKCS11_SCHEME.length), "?");
  if (more.length > 0) throw invalid("it has two queries");
  const pathValues = attributes(path, ";", PATH_VALUE);
  const queryValues = attributes(query ?? "", "&", QUERY_VALUE);

  const found: { -readonly [name in keyof Pkcs11Uri]: Pkcs11Uri[name] } = {};
  for (const [name, value] of pathValues) {
    if (name === "token" || name === "serial" || name === "manufacturer" || name === "model") {
      found[name] = text(name, value);
    } else if (name === "object") found.object = text(name, value);
    else if (name === "id") found.id = value;
    else if (name === "slot-id") found.slotId = slotNumber(text(name, value));
    else if (name === "type") {
      if (text(name, value) !== "private") throw invalid('only "type=private" names a key that signs');
    } else if (name === "pin-value") throw pinInArgv();
    else throw invalid(`the attribute "${name}" is not supported before "?"`);
  }
  for (const [name, value] of queryValues) {
    if (name === "module-path") found.modulePath = text(name, value);
    else if (name === "pin-source") found.pinSource = pinPath(text(name, value));
    else if (name === "pin-value") throw pinInArgv();
    else throw invalid(`the attribute "${name}" is not supported after "?"`);
  }
  return found;
}

/** The other direction, for `keys list`: an address that finds exactly this key again. */
export function formatPkcs11Uri({ token, serial, object, id, modulePath }: Pkcs11Uri): string {
  const path = [
    token !== undefined && `token=${encodeURIComponent(token)}`,
    serial !== undefined && `serial=${encodeURIComponent(serial)}`,
    object !== undefined && `object=${encodeURIComponent(object)}`,
    id !== undefined && `id=${Buffer.from(id).toString("hex").replace(/../g, "%$&")}`,
  ].filter((part) => part !== false);
  // RFC 7512, section 2.3: "/" may stand as it is in the query.
  const query = modulePath ? `?module-path=${encodeURIComponent(modulePath).replaceAll("%2F", "/")}` : "";
  return `${PKCS11_SCHEME}${path.join(";")}${query}`;
}

/** For logs: the URI without the value of a PIN, even when the URI is malformed. */
export function redact(uri: string): string {
  return uri.replace(/(pin(?:-|%2d)value(?:=|%3d))[^;&?\s]*/gi, "$1***");
}

function attributes(part: string, separator: string, allowed: RegExp): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if (part === "") return found;
  for (const [index, attribute] of part.split(separator).entries()) {
    const [name = "", value] = splitOnce(attribute, "=");
    // The text may be half of a PIN with a stray separator in it: only its position is shown.
    if (value === undefined || !NAME.test(name)) {
      throw invalid(`attribute ${index + 1} in the list joined by "${separator}" is not name=value`);
    }
    if (name === "pin-value") throw pinInArgv();
    // Section 2.3: "the URI MUST NOT contain duplicate attributes".
    if (found.has(name)) throw invalid(`the attribute "${name}" stands twice`);
    if (value === "") throw invalid(`the attribute "${name}" is empty`);
    if (!allowed.test(value))
      throw invalid(`the value of "${name}" holds a character that must be percent-encoded`);
    found.set(name, percentDecode(value));
  }
  return found;
}

function percentDecode(value: string): Uint8Array {
  return Buffer.from(
    value.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
}

function text(name: string, bytes: Uint8Array): string {
  let value: string;
  try {
    value = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw invalid(`the value of "${name}" is not UTF-8`, cause);
  }
  // A NUL would end the string early in the C module that reads it.
  if (value.includes("\0")) throw invalid(`the value of "${name}" holds a NUL`);
  return value;
}

function slotNumber(value: string): number {
  // CK_SLOT_ID is an unsigned long; SoftHSM uses 32 bits of it.
  if (!/^(0|[1-9][0-9]{0,15})$/.test(value) || !Number.isSafeInteger(Number(value))) {
    throw invalid('the value of "slot-id" is not a decimal number');
  }
  return Number(value);
}

/** Section 2.4: pin-source is a file: URI, a path, or "|program"; the last would run a command from argv. */
function pinPath(value: string): string {
  if (value.startsWith("|")) throw invalid('"pin-source" with a program is not supported, name a file');
  if (value.startsWith("file:")) {
    try {
      return fileURLToPath(value);
    } catch (cause) {
      throw invalid('the value of "pin-source" is not a file of this machine', cause);
    }
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]+:/.test(value)) throw invalid('"pin-source" must be a file: URI or a path');
  return value;
}

function splitOnce(value: string, separator: string): string[] {
  const at = value.indexOf(separator);
  return at < 0 ? [value] : [value.slice(0, at), value.slice(at + separator.length)];
}

function pinInArgv(): SignError {
  return new SignError("PKCS11_URI_INVALID", "the PKCS#11 URI holds a PIN: a PIN is never taken from argv", {
    hint: "put it into a file (pin-source=file:/path), into THEMIS_PIN, or wait for the prompt; and change it, since argv is public",
  });
}

function invalid(why: string, cause?: unknown): SignError {
  return new SignError("PKCS11_URI_INVALID", `the PKCS#11 URI is invalid: ${why}`, {
    cause,
    hint: "a complete one is pkcs11:token=LABEL;object=LABEL?module-path=/path/to/module.so&pin-source=file:/path",
  });
}
