/**
 * A private key inside a token: HSM, smart card, cloud KMS, SoftHSM (PKCS#11 v2.40).
 *
 *   load module -> C_Initialize -> find token -> open session -> C_Login -> find key -> C_Sign … -> all back
 *
 * This is the only door to graphene-pk11, a native addon that is an optional dependency. It is imported
 * when somebody asks for a token and at no other time, so that everyone else needs no compiler.
 *
 * Four things that tokens do differently from what one expects:
 *  - private keys are invisible before login, so "no key" can mean "not logged in";
 *  - slot numbers change between starts, so a token is chosen by label or serial;
 *  - a login belongs to the process, not to the session, so signers of one process share it;
 *  - CKM_ECDSA returns r‖s and everybody else wants DER.
 */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Module, SessionObject, Slot, Token } from "graphene-pk11";
import { readPin, type SecretSources } from "./pin.ts";
import { formatPkcs11Uri, type Pkcs11Uri } from "./pkcs11-uri.ts";
import { ckrOf, SignError, tokenFailure } from "./sign-error.ts";
import {
  algorithmFor,
  digest,
  PSS_SALT_BYTES,
  type RsaPadding,
  type SignatureAlgorithm,
  type Signer,
} from "./signer.ts";

type Graphene = typeof import("graphene-pk11");
type Session = ReturnType<Slot["open"]>;

export type TokenOptions = {
  readonly rsaPadding: RsaPadding;
  readonly secrets: SecretSources;
  /** For tokens that keep no public key: the one of the certificate. Every signature is checked with it. */
  readonly publicKey?: KeyObject | undefined;
};

export type TokenListing = {
  readonly slotId: number;
  readonly token: string;
  readonly serial: string;
  readonly manufacturer: string;
  readonly model: string;
  /** False when no PIN was given or several tokens match: private keys are then invisible. */
  readonly loggedIn: boolean;
  readonly keys: readonly KeyListing[];
};

export type KeyListing = {
  readonly kind: "private" | "public" | "certificate";
  readonly label: string;
  readonly id: string;
  readonly type: string;
  readonly uri: string;
};

/** PKCS#11 v2.40, section 4.4 and 2.3.1; names that graphene's types do not carry as plain numbers. */
const CKO_CERTIFICATE = 1;
const CKO_PUBLIC_KEY = 2;
const CKO_PRIVATE_KEY = 3;
const CKK_RSA = 0;
const CKK_EC = 3;
const CKM_SHA256_RSA_PKCS = 0x40;
const CKM_SHA256_RSA_PKCS_PSS = 0x43;
const CKM_ECDSA = 0x1041;
const CKM_SHA256 = 0x250;
const CKG_MGF1_SHA256 = 2;
const CKF_OS_LOCKING_OK = 2;
const CKU_CONTEXT_SPECIFIC = 2;

const CURVES: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  "06082a8648ce3d030107": { name: "P-256", bytes: 32 },
  "06052b81040022": { name: "P-384", bytes: 48 },
};

/** @throws SignError TOKEN_*, KEY_*, ADDON_MISSING */
export async function openToken(uri: Pkcs11Uri, options: TokenOptions): Promise<Signer> {
  const place = await enter(uri, options.secrets);
  try {
    const slot = oneSlot(place, uri);
    const session = openSession(place, slot);
    const pin = await logIn(place, slot, session, uri, options.secrets);
    return signerOf(place, session, pin, uri, options);
  } catch (error) {
    place.leave();
    throw tokenFailure(error, "opening the token");
  }
}

/** Every token that the URI matches, and what it holds; private keys only of a single token with a PIN. */
export async function listKeys(uri: Pkcs11Uri, secrets: SecretSources): Promise<readonly TokenListing[]> {
  const place = await enter(uri, secrets);
  try {
    const listings: TokenListing[] = [];
    const slots = matchingSlots(place, uri);
    for (const slot of slots) {
      const token = slot.getToken();
      const session = openSession(place, slot);
      // One PIN belongs to one token: tried on all of them, it would cost each of the others a try.
      const loggedIn = slots.length === 1 && (await logInIfPossible(place, slot, session, uri, secrets));
      const name = { token: clean(token.label), serial: clean(token.serialNumber) };
      const keys = [...session.find({})].flatMap((object) => describe(object, uri, name));
      listings.push({
        slotId: slotIdOf(slot),
        ...name,
        manufacturer: clean(token.manufacturerID),
        model: clean(token.model),
        loggedIn,
        keys: keys.filter((key) => matchesKey(key, uri)),
      });
    }
    if (listings.length === 0) throw tokenNotFound(place, uri);
    return listings;
  } catch (error) {
    throw tokenFailure(error, "listing the token");
  } finally {
    place.leave();
  }
}

// — the module —————————————————————————————————————————————————————————————————————————————————————

/** A loaded module stays loaded: unloading one that started threads or libcrypto crashes at exit. */
type Loaded = { readonly module: Module; users: number };
const loaded = new Map<string, Loaded>();

/** Our stay in one module: what was opened, so that it can all be given back. */
type Place = {
  readonly graphene: Graphene;
  readonly module: Module;
  readonly sessions: Session[];
  leave(): void;
};

async function enter(uri: Pkcs11Uri, { env }: SecretSources): Promise<Place> {
  const path = uri.modulePath ?? (env.THEMIS_PKCS11_MODULE || undefined);
  if (path === undefined) {
    throw new SignError("TOKEN_MODULE", "the PKCS#11 URI names no module", {
      hint: "add ?module-path=/path/to/module.so to the URI, or set THEMIS_PKCS11_MODULE",
    });
  }
  const graphene = await loadGraphene();
  const entry = load(graphene, path);
  if (entry.users === 0) initialize(entry.module, path);
  entry.users++;

  const sessions: Session[] = [];
  let left = false;
  const leave = (): void => {
    if (left) return;
    left = true;
    entry.users--;
    const last = entry.users === 0;
    for (const session of sessions) {
      // The login is the process's: logging out under another signer's feet would break it.
      if (last) quietly(() => session.logout());
      quietly(() => session.close());
    }
    if (last) quietly(() => entry.module.finalize());
  };
  return { graphene, module: entry.module, sessions, leave };
}

async function loadGraphene(): Promise<Graphene> {
  try {
    return (await import("graphene-pk11")).default as unknown as Graphene;
  } catch (cause) {
    throw new SignError(
      "ADDON_MISSING",
      "signing with a token needs the package graphene-pk11, which is not installed",
      {
        cause,
        hint: "install python3, make and a C++ compiler, then run `npm install graphene-pk11`",
      },
    );
  }
}

function load(graphene: Graphene, path: string): Loaded {
  const known = loaded.get(path);
  if (known) return known;
  try {
    const entry: Loaded = { module: graphene.Module.load(path), users: 0 };
    loaded.set(path, entry);
    return entry;
  } catch (cause) {
    throw new SignError("TOKEN_MODULE", `the PKCS#11 module ${path} cannot be loaded`, {
      cause,
      facts: { modulePath: path },
      hint: "check the path and that it is built for this processor; SoftHSM is usually /usr/lib/softhsm/libsofthsm2.so",
    });
  }
}

/** Signing runs on another thread, so the module is asked to lock; one that cannot is used without. */
function initialize(module: Module, path: string): void {
  try {
    try {
      module.initialize({ flags: CKF_OS_LOCKING_OK });
    } catch (error) {
      if (ckrOf(error) !== "CKR_CANT_LOCK") throw error;
      module.initialize();
    }
  } catch (error) {
    throw tokenFailure(error, `starting the module ${path}`, { modulePath: path });
  }
}

// — the token ——————————————————————————————————————————————————————————————————————————————————————

function matchingSlots(place: Place, uri: Pkcs11Uri): Slot[] {
  const matches = (wanted: string | undefined, found: string): boolean =>
    wanted === undefined || wanted === clean(found);
  return initializedSlots(place).filter((slot) => {
    const token = slot.getToken();
    return (
      matches(uri.token, token.label) &&
      matches(uri.serial, token.serialNumber) &&
      matches(uri.manufacturer, token.manufacturerID) &&
      matches(uri.model, token.model) &&
      (uri.slotId === undefined || uri.slotId === slotIdOf(slot))
    );
  });
}

/** SoftHSM always shows one more, empty token that waits to be initialised. */
function initializedSlots({ graphene, module }: Place): Slot[] {
  return [...module.getSlots(true)].filter((slot) =>
    has(slot.getToken(), graphene.TokenFlag.TOKEN_INITIALIZED),
  );
}

function oneSlot(place: Place, uri: Pkcs11Uri): Slot {
  const [slot, ...others] = matchingSlots(place, uri);
  if (!slot) throw tokenNotFound(place, uri);
  if (others.length === 0) return slot;
  const serials = [slot, ...others].map((each) => clean(each.getToken().serialNumber));
  throw new SignError(
    "TOKEN_AMBIGUOUS",
    `the PKCS#11 URI matches ${serials.length} tokens, it must match one`,
    {
      facts: { serials },
      hint: `add serial= to the URI, one of ${serials.join(", ")}`,
    },
  );
}

function tokenNotFound(place: Place, uri: Pkcs11Uri): SignError {
  const labels = initializedSlots(place).map((slot) => clean(slot.getToken().label));
  const wanted = uri.token ?? uri.serial;
  return new SignError(
    "TOKEN_NOT_FOUND",
    `no token ${wanted === undefined ? "matches the URI" : `"${wanted}" was found`}; the module shows ${labels.length === 0 ? "none" : labels.map((label) => `"${label}"`).join(", ")}`,
    {
      facts: { wanted, labels },
      hint: "check that it is plugged in; SoftHSM reads its tokens from the folder in SOFTHSM2_CONF",
    },
  );
}

function openSession(place: Place, slot: Slot): Session {
  // Read-only: signing changes nothing in the token.
  const session = slot.open(place.graphene.SessionFlag.SERIAL_SESSION);
  place.sessions.push(session);
  return session;
}

/** One login, one try. @returns the PIN, for keys that ask again at every signature. */
async function logIn(
  { graphene: { TokenFlag } }: Place,
  slot: Slot,
  session: Session,
  uri: Pkcs11Uri,
  secrets: SecretSources,
): Promise<string | undefined> {
  const before = slot.getToken();
  const label = clean(before.label);
  if (!has(before, TokenFlag.LOGIN_REQUIRED)) return undefined;
  if (has(before, TokenFlag.USER_PIN_LOCKED)) {
    throw new SignError(
      "TOKEN_PIN_LOCKED",
      `the PIN of the token "${label}" is locked after too many wrong tries`,
      {
        facts: { token: label },
        hint: "unlock it with the security officer's PIN",
      },
    );
  }
  const ownKeypad = has(before, TokenFlag.PROTECTED_AUTHENTICATION_PATH);
  // A build that repeats itself with a wrong PIN would spend the last try and lock the key away for good.
  if (has(before, TokenFlag.USER_PIN_FINAL_TRY) && !ownKeypad) {
    throw new SignError(
      "TOKEN_PIN_FINAL_TRY",
      `the token "${label}" allows one more try at its PIN before it locks`,
      {
        facts: { token: label },
        hint: "log in once by hand (`pkcs11-tool --login --list-objects`), which resets the count, and run again",
      },
    );
  }
  const pin = ownKeypad ? undefined : await readPin(withSource(secrets, uri), label);
  try {
    // Without a PIN the token asks for it on its own keypad (section 5.6, C_Login).
    session.lib.C_Login(session.handle, 1, pin);
  } catch (error) {
    if (ckrOf(error) === "CKR_USER_ALREADY_LOGGED_IN") return pin;
    throw tokenFailure(error, `logging in to the token "${label}"${triesLeft(slot, TokenFlag)}`, {
      token: label,
    });
  }
  return pin;
}

async function logInIfPossible(
  place: Place,
  slot: Slot,
  session: Session,
  uri: Pkcs11Uri,
  secrets: SecretSources,
): Promise<boolean> {
  try {
    await logIn(place, slot, session, uri, secrets);
    return true;
  } catch (error) {
    if (error instanceof SignError && error.code === "TOKEN_PIN_MISSING") return false;
    throw error;
  }
}

function withSource(secrets: SecretSources, uri: Pkcs11Uri): SecretSources {
  return uri.pinSource === undefined ? secrets : { ...secrets, pinFile: uri.pinSource };
}

/** PKCS#11 knows no number, only three flags (section 3.2, CK_TOKEN_INFO). */
function triesLeft(slot: Slot, TokenFlag: Graphene["TokenFlag"]): string {
  const token = slot.getToken();
  if (has(token, TokenFlag.USER_PIN_LOCKED)) return "; the PIN is now locked";
  if (has(token, TokenFlag.USER_PIN_FINAL_TRY)) return "; one try is left before it locks";
  if (has(token, TokenFlag.USER_PIN_COUNT_LOW)) return "; the token counts wrong tries and will lock";
  return "";
}

// — the key ————————————————————————————————————————————————————————————————————————————————————————

function signerOf(
  place: Place,
  session: Session,
  pin: string | undefined,
  uri: Pkcs11Uri,
  { rsaPadding, publicKey }: TokenOptions,
): Signer {
  const key = oneKey(session, uri);
  const verifier = publicKeyOf(session, key) ?? publicKey;
  if (!verifier) {
    throw new SignError(
      "KEY_NOT_FOUND",
      "the token holds the private key, but neither its public key nor its certificate",
      {
        hint: "give the certificate as a file, or import the public key under the same id",
      },
    );
  }
  const algorithm = algorithmFor(verifier, rsaPadding, "the token");
  const asksAgain = read(key, "alwaysAuth")?.[0] === 1;

  const signOnce = async (bytes: Uint8Array): Promise<Uint8Array> => {
    try {
      const operation = session.createSign(mechanism(algorithm) as never, key as never);
      // CKA_ALWAYS_AUTHENTICATE: a login between C_SignInit and C_Sign (section 4.9, table 25).
      if (asksAgain) session.lib.C_Login(session.handle, CKU_CONTEXT_SPECIFIC, pin);
      const input = Buffer.from(algorithm.startsWith("ecdsa") ? digest(algorithm, bytes) : bytes);
      const raw = await new Promise<Buffer>((resolve, reject) => {
        operation.once(input, (error, signature) => (error ? reject(error) : resolve(signature)));
      });
      return algorithm.startsWith("ecdsa") ? ecdsaDer(raw, algorithm) : Uint8Array.from(raw);
    } catch (error) {
      throw tokenFailure(error, "signing");
    }
  };

  // A session has one operation at a time: the next signature waits for the one before.
  let queue: Promise<unknown> = Promise.resolve();
  return {
    publicKey: verifier,
    algorithm,
    sign: (bytes) => {
      const result = queue.then(() => signOnce(bytes));
      queue = result.catch(() => {});
      return result;
    },
    close: async () => {
      await queue;
      place.leave();
    },
  };
}

/** Exactly one key must match: the wrong one signs just as well, and devices would refuse the release. */
function oneKey(session: Session, uri: Pkcs11Uri): SessionObject {
  const wanted = {
    class: CKO_PRIVATE_KEY,
    ...(uri.object !== undefined && { label: uri.object }),
    ...(uri.id !== undefined && { id: Buffer.from(uri.id) }),
  };
  const [key, ...others] = [...session.find(wanted)];
  if (key && others.length === 0) return key;
  const name = uri.object === undefined ? "that matches the URI" : `"${uri.object}"`;
  const all = [...session.find({ class: CKO_PRIVATE_KEY })].map(nameOf);
  const held = all.length === 0 ? "none" : all.join(", ");
  if (!key) {
    throw new SignError("KEY_NOT_FOUND", `the token holds no private key ${name}; it holds ${held}`, {
      facts: { object: uri.object, keys: all },
      hint: "see `themis-bundle keys list` for labels and ids",
    });
  }
  const candidates = [key, ...others].map(nameOf);
  throw new SignError(
    "KEY_AMBIGUOUS",
    `the token holds ${candidates.length} private keys ${name}, there must be one: ${candidates.join(", ")}`,
    { facts: { object: uri.object, keys: candidates }, hint: "add id= to the URI" },
  );
}

/** RSA keys know their public half; of EC keys the public object or the certificate beside it does. */
function publicKeyOf(session: Session, key: SessionObject): KeyObject | undefined {
  if (keyType(key) === CKK_RSA) {
    const own = rsaPublicKey(key);
    if (own) return own;
  }
  const id = read(key, "id");
  if (id === undefined || id.length === 0) return undefined;
  for (const beside of session.find({ class: CKO_PUBLIC_KEY, id })) {
    const found = keyType(beside) === CKK_RSA ? rsaPublicKey(beside) : ecPublicKey(beside);
    if (found) return found;
  }
  for (const beside of session.find({ class: CKO_CERTIFICATE, id })) {
    const der = read(beside, "value");
    if (der) return new X509Certificate(der).publicKey;
  }
  return undefined;
}

function rsaPublicKey(object: SessionObject): KeyObject | undefined {
  const n = read(object, "modulus");
  const e = read(object, "publicExponent");
  if (!n?.length || !e?.length) return undefined;
  const key = { kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") };
  return createPublicKey({ key, format: "jwk" });
}

function ecPublicKey(object: SessionObject): KeyObject | undefined {
  const curve = curveOf(object);
  const value = read(object, "pointEC");
  if (!curve || !value) return undefined;
  // CKA_EC_POINT is a DER OCTET STRING by the standard and the bare point in some tokens; both
  // start with 04, so the length tells them apart.
  const point = value.length === 2 * curve.bytes + 3 ? value.subarray(2) : value;
  if (point.length !== 2 * curve.bytes + 1 || point[0] !== 4) return undefined;
  const x = point.subarray(1, 1 + curve.bytes).toString("base64url");
  const y = point.subarray(1 + curve.bytes).toString("base64url");
  return createPublicKey({ key: { kty: "EC", crv: curve.name, x, y }, format: "jwk" });
}

function mechanism(
  algorithm: SignatureAlgorithm,
): number | { name: number; params: { hashAlg: number; mgf: number; saltLen: number; type: number } } {
  switch (algorithm) {
    case "rsa-pkcs1-sha256":
      // Not CKM_RSA_PKCS: over a bare digest it "succeeds" and nobody can verify the result.
      return CKM_SHA256_RSA_PKCS;
    case "rsa-pss-sha256":
      // graphene's own default is SHA-1; CMS will carry SHA-256 and must not lie.
      return { name: CKM_SHA256_RSA_PKCS_PSS, params: pssParameters() };
    case "ecdsa-p256-sha256":
    case "ecdsa-p384-sha384":
      // Over the digest: SoftHSM has no CKM_ECDSA_SHA256.
      return CKM_ECDSA;
  }
}

function pssParameters(): { hashAlg: number; mgf: number; saltLen: number; type: number } {
  /** CK_PARAMS_RSA_PSS, the tag by which pkcs11js knows the structure. */
  const type = 5;
  return { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, saltLen: PSS_SALT_BYTES, type };
}

/** r‖s of a token into Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279, section 2.2.3). */
export function ecdsaDer(raw: Uint8Array, algorithm: SignatureAlgorithm): Uint8Array {
  const bytes = algorithm === "ecdsa-p384-sha384" ? 48 : 32;
  if (raw.length !== 2 * bytes) {
    throw new SignError(
      "SIGNATURE_UNVERIFIABLE",
      `the token returned ${raw.length} bytes for ${algorithm}, expected ${2 * bytes}`,
    );
  }
  const body = [...derInteger(raw.subarray(0, bytes)), ...derInteger(raw.subarray(bytes))];
  // At most 2 * (48 + 3) = 102 bytes, so the short form of the length is enough.
  return Uint8Array.from([0x30, body.length, ...body]);
}

/** X.690, 8.3.2: no leading zero byte, except one that keeps the number positive. */
function derInteger(bytes: Uint8Array): number[] {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? [0] : [...bytes.subarray(first)];
  if (digits[0]! >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}

// — reading objects ————————————————————————————————————————————————————————————————————————————————

function describe(
  object: SessionObject,
  { modulePath }: Pkcs11Uri,
  name: { readonly token: string; readonly serial: string },
): KeyListing[] {
  const kind = { [CKO_PRIVATE_KEY]: "private", [CKO_PUBLIC_KEY]: "public", [CKO_CERTIFICATE]: "certificate" }[
    object.class as number
  ] as KeyListing["kind"] | undefined;
  if (kind === undefined) return [];
  const label = read(object, "label")?.toString("utf8") ?? "";
  const id = read(object, "id") ?? Buffer.alloc(0);
  const uri = formatPkcs11Uri({
    ...name,
    ...(label !== "" && { object: label }),
    ...(id.length > 0 && { id }),
    ...(modulePath !== undefined && { modulePath }),
  });
  return [{ kind, label, id: id.toString("hex"), type: typeName(object, kind), uri }];
}

function typeName(object: SessionObject, kind: KeyListing["kind"]): string {
  if (kind === "certificate") return "x509";
  const type = keyType(object);
  if (type === CKK_RSA) {
    const bits = (read(object, "modulus")?.length ?? 0) * 8;
    return bits === 0 ? "rsa" : `rsa-${bits}`;
  }
  if (type === CKK_EC) return `ec-${curveOf(object)?.name ?? "other"}`;
  return `type-${type ?? "unknown"}`;
}

function matchesKey(key: KeyListing, uri: Pkcs11Uri): boolean {
  const id = uri.id === undefined ? undefined : Buffer.from(uri.id).toString("hex");
  return (uri.object === undefined || uri.object === key.label) && (id === undefined || id === key.id);
}

function nameOf(key: SessionObject): string {
  const id = read(key, "id")?.toString("hex") ?? "";
  return `"${read(key, "label")?.toString("utf8") ?? ""}" (id ${id === "" ? "empty" : id})`;
}

function curveOf(object: SessionObject): { readonly name: string; readonly bytes: number } | undefined {
  return CURVES[read(object, "paramsEC")?.toString("hex") ?? ""];
}

function keyType(object: SessionObject): number | undefined {
  const value = read(object, "keyType");
  return value && value.length >= 4 ? value.readUInt32LE(0) : undefined;
}

const CKA = {
  label: 0x3,
  value: 0x11,
  keyType: 0x100,
  id: 0x102,
  modulus: 0x120,
  publicExponent: 0x122,
  paramsEC: 0x180,
  pointEC: 0x181,
  alwaysAuth: 0x202,
} as const;

/** The bytes of an attribute, or undefined where the object has none or keeps it to itself. */
function read(object: SessionObject, name: keyof typeof CKA): Buffer | undefined {
  try {
    const value: unknown = object.getAttribute(CKA[name]);
    return Buffer.isBuffer(value) ? value : undefined;
  } catch (error) {
    const ckr = ckrOf(error);
    if (ckr === "CKR_ATTRIBUTE_TYPE_INVALID" || ckr === "CKR_ATTRIBUTE_SENSITIVE") return undefined;
    throw error;
  }
}

function slotIdOf(slot: Slot): number {
  // A handle is a CK_ULONG in the machine's order, as wide as the module was built.
  return slot.handle.length >= 8 ? Number(slot.handle.readBigUInt64LE(0)) : slot.handle.readUInt32LE(0);
}

function has(token: Token, flag: number): boolean {
  return (token.flags & flag) !== 0;
}

/** CK_TOKEN_INFO pads its strings with blanks; some modules with NUL. */
function clean(text: string): string {
  return text.replace(/[\0 ]+$/, "");
}

/** Giving back must not hide the failure that made us give back, nor stop halfway. */
function quietly(step: () => void): void {
  try {
    step();
  } catch {
    // The token is gone or was never logged in; there is nothing left to give back.
  }
}
