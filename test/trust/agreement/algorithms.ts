/** Digests, keys, curves and paddings: what the profile names is accepted, everything else is refused. */
import { createHash, createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import type { OpensslSignRequest } from "../../kit/pki.ts";
import { attribute, contentTypeAttribute, names, octets, oid, sequence } from "../craft.ts";
import { content, type Row } from "./row.ts";

const curve = (name: string, ...more: string[]): string[] => [
  ...["ec", "-pkeyopt", `ec_paramgen_curve:${name}`],
  ...more.flatMap((option) => ["-pkeyopt", option]),
];
const pss = (...options: string[]): string[] =>
  ["rsa_padding_mode:pss", ...options].flatMap((option) => ["-keyopt", option]);

type Made = Pick<Row, "what" | "code" | "differs"> & {
  readonly newKey?: readonly string[];
  readonly digest?: NonNullable<OpensslSignRequest["digest"]>;
  readonly extra?: readonly string[];
};

const signers: readonly Made[] = [
  { what: "P-256 with SHA-256" },
  { what: "P-256 with SHA-512", digest: "sha512" },
  { what: "P-384 with SHA-384", newKey: curve("P-384"), digest: "sha384" },
  { what: "P-521 with SHA-512", newKey: curve("P-521"), digest: "sha512" },
  { what: "RSA-2048 with SHA-256", newKey: ["rsa:2048"] },
  { what: "RSA-3072 with SHA-384", newKey: ["rsa:3072"], digest: "sha384" },
  { what: "RSA-2048 with SHA-512", newKey: ["rsa:2048"], digest: "sha512" },
  { what: "RSASSA-PSS with SHA-256", newKey: ["rsa:2048"], extra: pss("rsa_pss_saltlen:-1") },
  {
    what: "RSASSA-PSS with SHA-512",
    newKey: ["rsa:2048"],
    digest: "sha512",
    extra: pss("rsa_pss_saltlen:-1"),
  },
  {
    what: "MD5",
    newKey: ["rsa:2048"],
    digest: "md5",
    code: "SIGNATURE_ALGORITHM",
    differs: "its bounds are on the digests of certificates, not on the message's",
  },
  {
    what: "SHA-1",
    digest: "sha1",
    code: "SIGNATURE_ALGORITHM",
    differs: "its bounds are on the digests of certificates, not on the message's",
  },
  {
    what: "SHA-224",
    digest: "sha224",
    code: "SIGNATURE_ALGORITHM",
    differs: "it knows more digests than the profile",
  },
  {
    what: "SHA3-256",
    newKey: ["rsa:2048"],
    digest: "sha3-256",
    code: "SIGNATURE_ALGORITHM",
    differs: "it knows more digests than the profile",
  },
  { what: "an RSA key of 1024 bits", newKey: ["rsa:1024"], code: "SIGNATURE_ALGORITHM" },
  {
    what: "an RSA key of 2040 bits",
    newKey: ["rsa:2040"],
    code: "SIGNATURE_ALGORITHM",
    differs: "it rounds the strength of a key, to 112 bits here",
  },
  {
    what: "a key bound to RSASSA-PSS",
    newKey: ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
    code: "SIGNATURE_ALGORITHM",
  },
  {
    what: "a salt that is shorter than the digest",
    newKey: ["rsa:2048"],
    extra: pss("rsa_pss_saltlen:20"),
    code: "SIGNATURE_ALGORITHM",
    differs: "it takes a salt of any length",
  },
  {
    what: "a salt as long as the key allows",
    newKey: ["rsa:2048"],
    extra: pss("rsa_pss_saltlen:-2"),
    code: "SIGNATURE_ALGORITHM",
    differs: "it takes a salt of any length",
  },
  {
    what: "a mask made with another digest",
    newKey: ["rsa:2048"],
    extra: pss("rsa_pss_saltlen:-1", "rsa_mgf1_md:sha1"),
    code: "SIGNATURE_ALGORITHM",
    differs: "it takes a mask of another digest",
  },
  {
    what: "a curve outside of the profile",
    newKey: curve("secp256k1"),
    code: "SIGNATURE_ALGORITHM",
    differs: "it knows more curves than the profile",
  },
  {
    what: "another curve outside of the profile",
    newKey: curve("brainpoolP256r1"),
    code: "SIGNATURE_ALGORITHM",
    differs: "it knows more curves than the profile",
  },
  {
    what: "explicit curve parameters",
    newKey: curve("P-256", "ec_param_enc:explicit"),
    code: "SIGNATURE_ALGORITHM",
  },
];

const authorities: readonly Made[] = [
  { what: "RSA-2048", newKey: ["rsa:2048"] },
  { what: "P-384 with SHA-384", newKey: curve("P-384"), digest: "sha384" },
  { what: "Ed25519", newKey: ["ed25519"] },
  { what: "SHA-1", digest: "sha1", code: "SIGNATURE_ALGORITHM" },
  { what: "MD5", newKey: ["rsa:2048"], digest: "md5", code: "SIGNATURE_ALGORITHM" },
  {
    what: "SHA-224",
    digest: "sha224",
    code: "SIGNATURE_ALGORITHM",
    differs: "it knows more digests than the profile",
  },
  { what: "an RSA key of 1024 bits", newKey: ["rsa:1024"], code: "SIGNATURE_ALGORITHM" },
  {
    what: "a curve outside of the profile",
    newKey: curve("secp256k1"),
    code: "SIGNATURE_ALGORITHM",
    differs: "it knows more curves than the profile",
  },
  {
    what: "explicit curve parameters",
    newKey: curve("P-256", "ec_param_enc:explicit"),
    code: "SIGNATURE_ALGORITHM",
  },
];

export const algorithmRows: readonly Row[] = [
  ...signers.map(
    ({ newKey, digest, extra, ...row }): Row => ({
      rule: "algorithms",
      ...row,
      what: `a signer with ${row.what}`,
      make: (hierarchy) => {
        const signer = newKey === undefined ? hierarchy.signer : hierarchy.issueSigner({ newKey });
        const more = { ...(digest && { digest }), ...(extra && { extra }) };
        return { signature: hierarchy.sign(signer, [hierarchy.ca], more) };
      },
    }),
  ),
  ...authorities.map(
    ({ newKey, digest, ...row }): Row => ({
      rule: "algorithms",
      ...row,
      what: `a CA that issues with ${row.what}`,
      make: (hierarchy) => {
        const ca = hierarchy.issueCa({ name: "odd", ...(newKey && { newKey }) });
        const signer = hierarchy.issueSigner({ by: ca, ...(digest && { digest }) });
        return { signature: hierarchy.sign(signer, [ca]) };
      },
    }),
  ),
  {
    rule: "algorithms",
    what: "a signer with Ed25519",
    differs: "`openssl cms` 3.0 does not know RFC 8419",
    make: (hierarchy) => {
      const signer = hierarchy.issueSigner({ newKey: ["ed25519"] });
      const digest = createHash("sha512").update(content).digest();
      return hierarchy.craft({
        signer,
        digestAlgorithm: sequence(oid(names.sha512)),
        signatureAlgorithm: sequence(oid(names.ed25519)),
        attributes: [contentTypeAttribute(), attribute(names.messageDigest, octets(digest))],
        signWith: (bytes) => sign(null, bytes, createPrivateKey(readFileSync(signer.keyPath))),
      });
    },
  },
];
