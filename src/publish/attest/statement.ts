/**
 * What is said of a bundle, in the form in which others say it: an in-toto statement (attestation framework, Statement v1).
 *
 *   { _type, subject: [{ name, digest: { sha256 } }], predicateType, predicate }
 *
 * The subjects are all assets of the release, each by the digest that was just computed or is in the manifest. A statement
 * is worth nothing until somebody signs it; on GitHub, actions/attest does that, and takes subjects and predicate apart.
 */
import { sha256 } from "../../base/digest.ts";
import { LOG_PROOF } from "../../format/log/log-proof.ts";
import type { OpenBundle } from "../bundle.ts";
import { PublishError } from "../publish-error.ts";

export type Subject = { readonly name: string; readonly digest: { readonly sha256: string } };

export type Predicate = { readonly type: string; readonly value: object };

export type Statement = {
  readonly _type: "https://in-toto.io/Statement/v1";
  readonly subject: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: object;
};

/** As actions/attest. */
export const MAX_PREDICATE_BYTES = 16 << 20;

/** @param bundle whose packs have been compared with the manifest */
export function subjectsOf({ manifest, manifestBytes, signature, logProof }: OpenBundle): readonly Subject[] {
  const named = (name: string, digest: string): Subject => ({ name, digest: { sha256: digest } });
  return [
    ...[...manifest.packs, ...manifest.delta_manifests].map((each) => named(each.asset, each.sha256_hash)),
    named("manifest.json", sha256(manifestBytes)),
    ...(signature ? [named("manifest.json.p7s", sha256(signature))] : []),
    ...(logProof ? [named(LOG_PROOF, sha256(logProof))] : []),
  ];
}

export function statementOf(subject: readonly Subject[], { type, value }: Predicate): Statement {
  return { _type: "https://in-toto.io/Statement/v1", subject, predicateType: type, predicate: value };
}

/** What sha256sum(1) writes and checks, and actions/attest reads as `subject-checksums`. */
export function checksumsOf(subjects: readonly Subject[]): string {
  return subjects.map(({ name, digest }) => `${digest.sha256}  ${name}\n`).join("");
}

/** @param type a URI. @throws PublishError PREDICATE_INVALID */
export function readPredicate(bytes: Uint8Array, type: string, where: string): Predicate {
  if (!URL.canParse(type)) {
    throw new PublishError(
      "PREDICATE_INVALID",
      `${JSON.stringify(type)} is no URI, and a predicate is known by one`,
      { hint: "such as https://slsa.dev/provenance/v1" },
    );
  }
  return { type, value: readObject(bytes, where) };
}

/** By what it says of itself: SPDX (2.x) or CycloneDX, as JSON. @throws PublishError PREDICATE_INVALID */
export function readSbom(bytes: Uint8Array, where: string): Predicate {
  const value = readObject(bytes, where) as Readonly<Record<string, unknown>>;
  const spdx = typeof value.spdxVersion === "string" && /^SPDX-(\d+\.\d+)$/.exec(value.spdxVersion)?.[1];
  if (spdx) return { type: `https://spdx.dev/Document/v${spdx}`, value };
  if (value.bomFormat === "CycloneDX") return { type: "https://cyclonedx.org/bom", value };
  throw new PublishError("PREDICATE_INVALID", `${where} is neither SPDX nor CycloneDX in JSON`, {
    hint: 'SPDX 2 has "spdxVersion", CycloneDX "bomFormat"; for another one give --predicate and --predicate-type',
  });
}

function readObject(bytes: Uint8Array, where: string): object {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch (cause) {
    throw new PublishError("PREDICATE_INVALID", `${where} is not JSON in UTF-8`, { cause });
  }
  throw new PublishError("PREDICATE_INVALID", `${where} holds no JSON object, which a predicate is`);
}
