/** Chains of certificates with one rule kept or broken, asked of us and of OpenSSL. */
import { expect, it } from "vitest";
import { decodeCertificate } from "../../src/format/cms/certificate.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { type VerifiedPath, verifyCertificatePath } from "../../src/trust/certification-path.ts";
import { noPolicyInputs, type PolicyInputs } from "../../src/trust/policy-graph.ts";
import { Authority, opensslAccepts } from "../kit/authority.ts";
import type { Identity } from "../kit/pki.ts";

const now = new Date("2026-06-01T00:00:00Z");

export const KEYS = ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"];
export const CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", ...KEYS];
export const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning", ...KEYS];

export type Chain = {
  readonly leaf: Identity;
  readonly untrusted: readonly Identity[];
  /** The kit's root unless given. */
  readonly anchor?: Identity;
  readonly policies?: Partial<PolicyInputs>;
  /** More words for `openssl verify`. */
  readonly words?: readonly string[];
};

export type ChainCase = {
  readonly why: string;
  readonly build: () => Chain;
  /** Why OpenSSL thinks otherwise. */
  readonly openssl?: string;
};

export class ChainKit {
  readonly authority = new Authority();
  #root: Identity | undefined;

  get root(): Identity {
    this.#root ??= this.authority.issue({ name: "root", extensions: CA });
    return this.#root;
  }

  ca(by: Identity, more: readonly string[] = [], name = "ca"): Identity {
    return this.authority.issue({ name, by, extensions: [...CA, ...more] });
  }

  signer(by: Identity, more: readonly string[] = [], subject?: string): Identity {
    const extensions = [...SIGNER, ...more];
    return this.authority.issue({ name: "signer", by, extensions, ...(subject && { subject }) });
  }

  /** root -> a CA with these lines -> a signer with those. */
  under(caLines: readonly string[], signerLines: readonly string[], subject?: string): Chain {
    const issuer = this.ca(this.root, caLines);
    return { leaf: this.signer(issuer, signerLines, subject), untrusted: [issuer] };
  }

  accepts(cases: readonly ChainCase[]): void {
    it.each(cases)("accepts $why", ({ build, openssl }) => {
      const chain = build();
      expect(this.#verify(chain).anchor.certificate.der).toEqual((chain.anchor ?? this.root).der);
      expect(this.#secondOpinion(chain)).toBe(openssl === undefined);
    });
  }

  refuses(code: string, cases: readonly ChainCase[]): void {
    it.each(cases)(`refuses $why: ${code}`, ({ build, openssl }) => {
      const chain = build();
      const refusal = expect.objectContaining({ name: "TrustError", code, kind: "refused" });
      expect(() => this.#verify(chain)).toThrow(refusal);
      expect(this.#secondOpinion(chain)).toBe(openssl !== undefined);
    });
  }

  #verify({ leaf, untrusted, anchor = this.root, policies }: Chain): VerifiedPath {
    return verifyCertificatePath({
      signer: decodeCertificate(leaf.der),
      intermediates: untrusted.map(({ der }) => decodeCertificate(der)),
      anchors: readTrustAnchors(anchor.pem),
      now,
      policies: { ...noPolicyInputs, ...policies },
    });
  }

  #secondOpinion({ leaf, untrusted, anchor = this.root, words = [] }: Chain): boolean {
    return opensslAccepts({ leaf, untrusted, root: anchor, now, words: ["-x509_strict", ...words] });
  }
}
