/** What an object in a token is: its kind, its key, its public half. */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { SessionObject } from "graphene-pk11";
import { formatPkcs11Uri, type Pkcs11Uri } from "./pkcs11-uri.ts";
import { ckrOf } from "./sign-error.ts";
import type { Session } from "./token-place.ts";

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

export const CKO_PRIVATE_KEY = 3;

const CKK_RSA = 0;

const CKK_EC = 3;

const CURVES: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  "06082a8648ce3d030107": { name: "P-256", bytes: 32 },
  "06052b81040022": { name: "P-384", bytes: 48 },
};

/** RSA keys know their public half; of EC keys the public object or the certificate beside it does. */
export function publicKeyOf(session: Session, key: SessionObject): KeyObject | undefined {
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

// — reading objects ————————————————————————————————————————————————————————————————————————————————

export function describe(
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

export function nameOf(key: SessionObject): string {
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
export function read(object: SessionObject, name: keyof typeof CKA): Buffer | undefined {
  try {
    const value: unknown = object.getAttribute(CKA[name]);
    return Buffer.isBuffer(value) ? value : undefined;
  } catch (error) {
    const ckr = ckrOf(error);
    if (ckr === "CKR_ATTRIBUTE_TYPE_INVALID" || ckr === "CKR_ATTRIBUTE_SENSITIVE") return undefined;
    throw error;
  }
}
