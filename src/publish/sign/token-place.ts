/** The way into a token: the module loaded once in a process, the slot found by its token, one session, one login. */
import type { Module, Slot, Token } from "graphene-pk11";
import { readPin, type SecretSources } from "./pin.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";
import { ckrOf, SignError, tokenFailure } from "./sign-error.ts";

type Graphene = typeof import("graphene-pk11");

export type Session = ReturnType<Slot["open"]>;

const CKF_OS_LOCKING_OK = 2;

// — the module —————————————————————————————————————————————————————————————————————————————————————

/** A loaded module stays loaded: unloading one that started threads or libcrypto crashes at exit. */
type Loaded = { readonly module: Module; users: number };

const loaded = new Map<string, Loaded>();

/** Our stay in one module: what was opened, so that it can all be given back. */
export type Place = {
  readonly graphene: Graphene;
  readonly module: Module;
  readonly sessions: Session[];
  leave(): void;
};

export async function enter(uri: Pkcs11Uri, { env }: SecretSources): Promise<Place> {
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

export function matchingSlots(place: Place, uri: Pkcs11Uri): Slot[] {
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

export function oneSlot(place: Place, uri: Pkcs11Uri): Slot {
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

export function tokenNotFound(place: Place, uri: Pkcs11Uri): SignError {
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

export function openSession(place: Place, slot: Slot): Session {
  // Read-only: signing changes nothing in the token.
  const session = slot.open(place.graphene.SessionFlag.SERIAL_SESSION);
  place.sessions.push(session);
  return session;
}

/** One login, one try. @returns the PIN, for keys that ask again at every signature. */
export async function logIn(
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

export async function logInIfPossible(
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

export function slotIdOf(slot: Slot): number {
  // A handle is a CK_ULONG in the machine's order, as wide as the module was built.
  return slot.handle.length >= 8 ? Number(slot.handle.readBigUInt64LE(0)) : slot.handle.readUInt32LE(0);
}

export function has(token: Token, flag: number): boolean {
  return (token.flags & flag) !== 0;
}

/** CK_TOKEN_INFO pads its strings with blanks; some modules with NUL. */
export function clean(text: string): string {
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
