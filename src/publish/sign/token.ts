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
import type { KeyObject } from "node:crypto";
import type { SessionObject } from "graphene-pk11";
import { ecdsaDer } from "./ecdsa-der.ts";
import type { SecretSources } from "./pin.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";
import { SignError, tokenFailure } from "./sign-error.ts";
import {
  algorithmFor,
  digest,
  PSS_SALT_BYTES,
  type RsaPadding,
  type SignatureAlgorithm,
  type Signer,
} from "./signer.ts";
import { CKO_PRIVATE_KEY, describe, type KeyListing, nameOf, publicKeyOf, read } from "./token-object.ts";
import {
  clean,
  enter,
  logIn,
  logInIfPossible,
  matchingSlots,
  oneSlot,
  openSession,
  type Place,
  type Session,
  slotIdOf,
  tokenNotFound,
} from "./token-place.ts";

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

const CKM_SHA256_RSA_PKCS = 0x40;

const CKM_SHA256_RSA_PKCS_PSS = 0x43;

const CKM_ECDSA = 0x1041;

const CKM_SHA256 = 0x250;

const CKG_MGF1_SHA256 = 2;

const CKU_CONTEXT_SPECIFIC = 2;

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

function matchesKey(key: KeyListing, uri: Pkcs11Uri): boolean {
  const id = uri.id === undefined ? undefined : Buffer.from(uri.id).toString("hex");
  return (uri.object === undefined || uri.object === key.label) && (id === undefined || id === key.id);
}
