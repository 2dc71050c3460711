/**
 * A signer whose certificate ends tomorrow, authorities that stamp today, and a clock: what was signed is looked at
 * ten days later. Real dates, because `openssl ts` stamps by the clock of this machine.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { readTrustAnchors, type TrustAnchor } from "../../src/trust/anchor.ts";
import { Authority } from "./authority.ts";
import { type Identity, opensslSign } from "./pki.ts";
import { TSA_EXTENSIONS } from "./time-stamp-authority.ts";

const DAY_MS = 86_400_000;
const CA = ["basicConstraints=critical,CA:TRUE", "subjectKeyIdentifier=hash"];
const SIGNER = [
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=codeSigning",
];

export type StampedWorld = {
  readonly authority: Authority;
  readonly root: Identity;
  readonly signer: Identity;
  readonly tsaRoot: Identity;
  readonly tsa: Identity;
  readonly anchors: readonly TrustAnchor[];
  readonly timestampAnchors: readonly TrustAnchor[];
  readonly content: Buffer;
  /** By `signer`, without a time-stamp. */
  readonly signature: Buffer;
  readonly now: Date;
  /** When `signer` has expired. */
  readonly later: Date;
  /** Another authority, the honest one but for what is given. */
  readonly otherTsa: (name: string, odd?: OddAuthority) => Identity;
};

export type OddAuthority = {
  readonly extensions?: readonly string[];
  readonly to?: Date;
  readonly from?: Date;
  readonly by?: Identity;
  readonly rsa?: boolean;
};

export function makeStampedWorld(): StampedWorld {
  const authority = new Authority();
  const now = new Date();
  const inDays = (days: number): Date => new Date(now.getTime() + days * DAY_MS);
  const root = authority.issue({ name: "root", extensions: CA });
  const signer = authority.issue({ name: "signer", by: root, extensions: SIGNER, to: dateText(inDays(1)) });
  const tsaRoot = authority.issue({ name: "tsa-root", extensions: CA });
  const otherTsa = (name: string, odd: OddAuthority = {}): Identity => {
    const keyPath = join(authority.folder, `${name}-key.pem`);
    if (odd.rsa) {
      const words = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", keyPath];
      execFileSync("openssl", ["genpkey", ...words], { stdio: "pipe" });
    }
    return authority.issue({
      ...{ name, by: odd.by ?? tsaRoot, extensions: odd.extensions ?? TSA_EXTENSIONS },
      ...(odd.from && { from: dateText(odd.from) }),
      ...(odd.to && { to: dateText(odd.to) }),
      ...(odd.rsa && { keyOf: { ...tsaRoot, keyPath } }),
    });
  };
  const content = Buffer.from('{"version":"1.2.3"}');
  return {
    ...{ authority, root, signer, tsaRoot, content, now, otherTsa },
    tsa: otherTsa("tsa"),
    anchors: readTrustAnchors(root.pem),
    timestampAnchors: readTrustAnchors(tsaRoot.pem),
    signature: opensslSign({ content, signers: [signer] }),
    later: inDays(10),
  };
}

function dateText(date: Date): string {
  return `${date.toISOString().replaceAll(/[-T:]|\.\d+/g, "")}`;
}
