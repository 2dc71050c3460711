/** Trust roots as a publisher makes them: CAs, a signer below each, documents of any shape, signatures by OpenSSL. */
import {
  anchorEntry,
  encodeTrustRoot,
  type Role,
  type TrustRootDocument,
} from "../../src/format/trust-root/trust-root.ts";
import type { TrustRootFiles } from "../../src/trust/trust-root.ts";
import { Authority, type IssueRequest } from "./authority.ts";
import { type Identity, opensslSign } from "./pki.ts";

const CA = [
  "basicConstraints=critical,CA:TRUE",
  "keyUsage=critical,keyCertSign,cRLSign",
  "subjectKeyIdentifier=hash",
];
const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];

/** A CA that devices may be told to believe, and somebody who signs below it. */
export type Party = { readonly ca: Identity; readonly signer: Identity };

export type RoleWish = Partial<Omit<Role, "anchors">> & { readonly of: readonly Party[] };

export type RootWish = Partial<Omit<TrustRootDocument, "roles" | "anchors" | "revoked">> & {
  readonly root: RoleWish;
  readonly release?: RoleWish;
  readonly channel?: RoleWish;
  readonly revoked?: readonly Party[];
};

export class TrustRoots {
  readonly authority = new Authority();

  party(name: string, validity: Pick<IssueRequest, "from" | "to"> = {}): Party {
    const ca = this.authority.issue({ name, extensions: CA });
    return { ca, signer: this.signer(`${name}-signer`, ca, validity) };
  }

  signer(name: string, by: Identity, more: Partial<IssueRequest> = {}): Identity {
    return this.authority.issue({ name, by, extensions: SIGNER, ...more });
  }

  remove(): void {
    this.authority.remove();
  }
}

/** Of any role that is not said, the root's. */
export function trustRoot({
  root,
  release = root,
  channel = release,
  revoked = [],
  ...facts
}: RootWish): Uint8Array {
  const parties = new Set([root, release, channel].flatMap(({ of }) => of));
  return encodeTrustRoot({
    ...{ schema_version: 1, product: "app", version: 1, min_sequence: 0 },
    ...{ issued: "2026-01-01T00:00:00Z", expires: "2048-01-01T00:00:00Z" },
    ...facts,
    anchors: entriesOf([...parties]),
    roles: { root: roleOf(root), release: roleOf(release), channel: roleOf(channel) },
    revoked: entriesOf(revoked),
  });
}

export function signedBy(content: Uint8Array, ...parties: readonly (Party | Identity)[]): TrustRootFiles {
  const signers = parties.map((each) => ("signer" in each ? each.signer : each));
  return { content, signature: opensslSign({ content, signers }) };
}

function roleOf({ of, ...more }: RoleWish): Role {
  return {
    ...{ threshold: 1, anchor_threshold: 1, extended_key_usage: "", certificate_policy: "" },
    ...more,
    anchors: entriesOf(of).map(({ sha256_hash }) => sha256_hash),
  };
}

function entriesOf(parties: readonly Party[]) {
  const entries = parties.map(({ ca }) => anchorEntry(ca.der));
  return entries.sort((a, b) => (a.sha256_hash < b.sha256_hash ? -1 : 1));
}
