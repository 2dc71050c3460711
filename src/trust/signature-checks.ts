/**
 * Counts what costs time while a chain is looked for, and asks no signature twice.
 *
 * Whoever made a message chose its certificates and lists, and may have chosen them so that the search has
 * much to do. When the count is used up the whole check ends in a refusal: stopping quietly would let an
 * attacker drown the one list that revokes him.
 */
import type { SignatureAlgorithm } from "../format/cms/algorithm.ts";
import type { Certificate } from "../format/cms/certificate.ts";
import { isSignatureBy } from "./signature.ts";
import { TrustError } from "./trust-error.ts";

/** An honest chain needs one check a link and one a list; cross-signing doubles it. */
const MAX_SIGNATURE_CHECKS = 128;

/** Names held against constraints, of all paths together: as many of both as one certificate may have. */
const MAX_NAME_CHECKS = 2 ** 16;

/** Ways that were tried, each of them cheap; eight honest links in any order take less than a hundred. */
const MAX_STEPS = 4096;

export type Signed = {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
};

export class SignatureChecks {
  readonly #known = new Map<Signed, Map<Certificate, boolean | TrustError>>();
  #checks = 0;
  #steps = 0;
  #names = 0;

  /** @throws TrustError CHAIN_TOO_COMPLEX; SIGNATURE_ALGORITHM when the key or algorithm is none of ours */
  isSignedBy(signed: Signed, by: Certificate): boolean {
    const known = this.#known.get(signed) ?? new Map<Certificate, boolean | TrustError>();
    this.#known.set(signed, known);
    const verdict = known.get(by) ?? this.#check(signed, by);
    known.set(by, verdict);
    if (verdict instanceof TrustError) throw verdict;
    return verdict;
  }

  /** @throws TrustError CHAIN_TOO_COMPLEX */
  step(): void {
    if (++this.#steps > MAX_STEPS) throw tooComplex(`${MAX_STEPS} steps`);
  }

  /** @param count of comparisons that come next @throws TrustError CHAIN_TOO_COMPLEX */
  names(count: number): void {
    this.#names += count;
    if (this.#names > MAX_NAME_CHECKS) throw tooComplex(`${MAX_NAME_CHECKS} comparisons of names`);
  }

  #check({ tbs, signatureAlgorithm, signature }: Signed, by: Certificate): boolean | TrustError {
    if (++this.#checks > MAX_SIGNATURE_CHECKS) throw tooComplex(`${MAX_SIGNATURE_CHECKS} signature checks`);
    try {
      return isSignatureBy(by.spki, signatureAlgorithm, tbs, signature);
    } catch (error) {
      if (error instanceof TrustError) return error;
      throw error;
    }
  }
}

function tooComplex(limit: string): TrustError {
  return new TrustError("CHAIN_TOO_COMPLEX", `proving the certificates takes more than ${limit}`, {
    hint: "hand in only the certificates and lists that belong to the chain",
  });
}
