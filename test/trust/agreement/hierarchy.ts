/** root -> CA -> signer, made with openssl, and the ways to sign that the rows share. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeCertificate } from "../../../src/format/cms/certificate.ts";
import { Authority, type IssueRequest, type List, type ListRequest } from "../../kit/authority.ts";
import { type Identity, type OpensslSignRequest, opensslSign } from "../../kit/pki.ts";
import { CA, SIGNER } from "../chain-kit.ts";
import { type CraftRequest, craftSignature, der, oid, sequence } from "../craft.ts";
import { extension, type ForgeRequest, forgeCertificate, keyOf } from "../forge.ts";
import { type Case, content } from "./row.ts";

export class Hierarchy {
  readonly authority = new Authority();
  readonly root: Identity = this.authority.issue({ name: "root", extensions: CA });
  readonly ca: Identity = this.issueCa();
  readonly signer: Identity = this.issueSigner();
  #chains = 0;

  issueCa(more: Partial<IssueRequest> = {}): Identity {
    return this.authority.issue({ name: "ca", by: this.root, extensions: CA, ...more });
  }

  issueSigner(more: Partial<IssueRequest> = {}): Identity {
    return this.authority.issue({ name: "signer", by: this.ca, extensions: SIGNER, ...more });
  }

  list(more: Partial<ListRequest> = {}): List {
    return this.authority.list({ by: this.ca, ...more });
  }

  /** A message by `openssl cms -sign` with these CAs along. */
  sign(
    signer: Identity = this.signer,
    along: readonly Identity[] = [this.ca],
    more: Partial<OpensslSignRequest> = {},
  ): Buffer {
    const chainPath = join(this.authority.folder, `chain-${++this.#chains}.pem`);
    writeFileSync(chainPath, Buffer.concat(along.map(({ pem }) => pem)));
    return opensslSign({ content, signers: [signer], chainPath, ...more });
  }

  /** What `openssl cms` would not write, with mathematics that are right. */
  craft(odd: Partial<CraftRequest> = {}): Case {
    const certificates = [(odd.signer ?? this.signer).der, this.ca.der];
    return { signature: craftSignature({ content, signer: this.signer, certificates, ...odd }) };
  }

  /** A signer's certificate that `openssl ca` would not issue, for the key of the honest one. */
  forge({ extensions = [], ...odd }: Partial<ForgeRequest>): Identity {
    const bytes = forgeCertificate({
      subject: subjectOf(this.signer),
      issuer: subjectOf(this.ca),
      key: keyOf(this.signer),
      by: keyOf(this.ca),
      serial: 77,
      extensions: [...this.signerExtensions(), ...extensions],
      ...odd,
    });
    return { ...this.signer, der: bytes };
  }

  /** keyUsage, extKeyUsage and authorityKeyIdentifier as in SIGNER. */
  signerExtensions(): Buffer[] {
    const { subjectKeyIdentifier } = decodeCertificate(this.ca.der);
    return [
      extension("2.5.29.15", der(0x03, Buffer.of(7, 0x80)), true),
      extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.3"))),
      extension("2.5.29.35", sequence(der(0x80, subjectKeyIdentifier!))),
    ];
  }

  remove(): void {
    this.authority.remove();
  }
}

function subjectOf(identity: Identity): Buffer {
  return Buffer.from(decodeCertificate(identity.der).subject.der);
}
