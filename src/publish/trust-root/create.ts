/**
 * The next trust root from the one before it and what is to change; the first one from nothing.
 *
 *   previous + wishes -> anchors by role -> without the revoked -> canonical document, unsigned
 *
 * What nobody mentions stays as it is, so that a publisher who changes one anchor changes nothing else by accident.
 */
import { sha256 } from "../../base/digest.ts";
import {
  type AnchorEntry,
  anchorEntry,
  certificateOf,
  encodeTrustRoot,
  ROLE_NAMES,
  type Role,
  type RoleName,
  type TrustRootDocument,
} from "../../format/trust-root/trust-root.ts";
import { readTrustAnchors, type TrustAnchor } from "../../trust/anchor.ts";
import { distinct } from "../../trust/threshold.ts";
import { readTrustRoot } from "../../trust/trust-root.ts";
import { PublishError } from "../publish-error.ts";

/** undefined is "as before". */
export type RoleWish = {
  /** In place of those before. */
  readonly anchors?: readonly TrustAnchor[] | undefined;
  readonly threshold?: number | undefined;
  readonly anchorThreshold?: number | undefined;
  readonly usage?: string | undefined;
  readonly policy?: string | undefined;
};

export type TrustRootWish = {
  readonly previous: TrustRootDocument | undefined;
  readonly product: string | undefined;
  readonly issued: Date;
  readonly expires: Date;
  readonly minSequence: number | undefined;
  readonly roles: Readonly<Record<RoleName, RoleWish>>;
  /** Out of every role, and for ever. */
  readonly revoke: readonly TrustAnchor[];
};

/** @throws PublishError TRUST_ROOT_INVALID; TrustError TRUST_ROOT_MALFORMED; DocumentError */
export function createTrustRoot(wish: TrustRootWish): Uint8Array {
  const { previous, product = previous?.product, revoke, minSequence = previous?.min_sequence ?? 0 } = wish;
  if (previous && minSequence < previous.min_sequence) {
    throw invalid(
      `the trust root ${previous.version} allows no release below ${previous.min_sequence}, and no later one may allow ${minSequence}`,
      "leave out --min-sequence, or give a larger one",
    );
  }
  if (product === undefined) throw invalid("the first trust root needs a product", "give --product NAME");
  const wishes = withDefaults(wish);
  const anchors = new Map<string, AnchorEntry>();
  const role = (name: RoleName): Role => {
    const { all: own, ...more } = wishes[name];
    if (own.length === 0) {
      throw invalid(`no anchor is left for the role ${name}`, `give --anchor ${name}=FILE`);
    }
    const entries = own.map(({ certificate }) => anchorEntry(certificate.der));
    for (const entry of entries) anchors.set(entry.sha256_hash, entry);
    return { anchors: sorted(entries).map(({ sha256_hash }) => sha256_hash), ...more };
  };
  const roles = { root: role("root"), release: role("release"), channel: role("channel") };
  const revoked = [
    ...(previous?.revoked ?? []),
    ...revoke.map(({ certificate }) => anchorEntry(certificate.der)),
  ];
  const content = encodeTrustRoot({
    schema_version: 1,
    product,
    version: (previous?.version ?? 0) + 1,
    issued: wireTime(wish.issued),
    expires: wireTime(wish.expires),
    min_sequence: minSequence,
    anchors: sorted([...anchors.values()]),
    roles,
    revoked: sorted([...new Map(revoked.map((entry) => [entry.sha256_hash, entry])).values()]),
  });
  // What no device would read is not handed out.
  readTrustRoot(content);
  return content;
}

type CompleteWish = Omit<Role, "anchors"> & { readonly all: readonly TrustAnchor[] };

function withDefaults({ previous, roles, revoke }: TrustRootWish): Readonly<Record<RoleName, CompleteWish>> {
  const revokedKeys = new Set(revoke.map(({ certificate }) => sha256(certificate.spki)));
  const anchorsOf = (name: RoleName): readonly TrustAnchor[] | undefined =>
    roles[name].anchors ?? (previous && previousAnchors(previous, name));
  const complete = (name: RoleName): CompleteWish => {
    const { threshold, anchorThreshold, usage, policy } = roles[name];
    const before = previous?.roles[name];
    // Who signs releases signs for channels, unless somebody says otherwise.
    const named = anchorsOf(name) ?? (name === "channel" ? anchorsOf("release") : undefined) ?? [];
    const all = named.filter(({ certificate }) => !revokedKeys.has(sha256(certificate.spki)));
    const wanted = threshold ?? before?.threshold ?? 1;
    const differing = distinct(all.map(({ certificate }) => certificate)).length;
    // A threshold that one stolen CA fills by itself is none for the role on which all others rest.
    const least = name === "root" ? Math.min(wanted, Math.max(differing, 1)) : 1;
    return {
      all,
      threshold: wanted,
      anchor_threshold:
        anchorThreshold ?? (threshold === undefined ? before?.anchor_threshold : undefined) ?? least,
      extended_key_usage: usage ?? before?.extended_key_usage ?? "",
      certificate_policy: policy ?? before?.certificate_policy ?? "",
    };
  };
  return { root: complete("root"), release: complete("release"), channel: complete("channel") };
}

function previousAnchors({ roles, anchors }: TrustRootDocument, name: RoleName): readonly TrustAnchor[] {
  return anchors
    .filter(({ sha256_hash }) => roles[name].anchors.includes(sha256_hash))
    .flatMap((entry) => readTrustAnchors(certificateOf(entry)));
}

/** What is typed before a "=". @throws PublishError TRUST_ROOT_INVALID */
export function roleName(text: string): RoleName {
  const found = ROLE_NAMES.find((name) => name === text);
  if (found !== undefined) return found;
  throw invalid(`there is no role ${JSON.stringify(text)}`, `the roles are ${ROLE_NAMES.join(", ")}`);
}

function sorted(entries: readonly AnchorEntry[]): AnchorEntry[] {
  return [...entries].sort((a, b) =>
    a.sha256_hash < b.sha256_hash ? -1 : a.sha256_hash > b.sha256_hash ? 1 : 0,
  );
}

function wireTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

function invalid(message: string, hint: string): PublishError {
  return new PublishError("TRUST_ROOT_INVALID", message, { hint });
}
