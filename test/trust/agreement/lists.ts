/** Revocation lists that travel inside of the signature, beside it, or both. */
import { decodeCrl } from "../../../src/format/cms/crl.ts";
import { attachCrls } from "../../../src/publish/sign/attach-crls.ts";
import type { List, ListRequest } from "../../kit/authority.ts";
import { CA } from "../chain-kit.ts";
import { der, oid, sequence } from "../craft.ts";
import type { Hierarchy } from "./hierarchy.ts";
import type { Case, Row } from "./row.ts";

const OLD = "20260101000000Z";
const NEW = "20260501000000Z";
const PAST = "20260515000000Z";
const OLDER_WINS = "it takes any list that is within its dates, and the one inside first";

type Lists = {
  readonly inside?: readonly List[];
  readonly beside?: readonly List[];
  readonly required?: false;
};

const lists =
  (make: (hierarchy: Hierarchy) => Lists) =>
  (hierarchy: Hierarchy): Case => {
    const { inside = [], beside = [], required = true } = make(hierarchy);
    const honest = hierarchy.sign();
    const signature =
      inside.length === 0
        ? honest
        : attachCrls(
            honest,
            inside.map((list) => decodeCrl(list.der)),
          ).signature;
    return { signature, lists: beside, requireCrl: required };
  };

const clean = (hierarchy: Hierarchy, more: Partial<ListRequest> = {}): List => hierarchy.list(more);
const revoking = (hierarchy: Hierarchy, more: Partial<ListRequest> = {}): List =>
  hierarchy.list({ revoked: [{ certificate: hierarchy.signer, reason: "keyCompromise" }], ...more });
const ofRoot = (hierarchy: Hierarchy, more: Partial<ListRequest> = {}): List =>
  hierarchy.list({ by: hierarchy.root, ...more });

export const listRows: readonly Row[] = [
  {
    rule: "revocation",
    what: "fresh lists beside it",
    make: lists((h) => ({ beside: [clean(h), ofRoot(h)] })),
  },
  {
    rule: "revocation",
    what: "fresh lists inside of it",
    make: lists((h) => ({ inside: [clean(h), ofRoot(h)] })),
  },
  {
    rule: "revocation",
    what: "one list inside and one beside",
    make: lists((h) => ({ inside: [clean(h)], beside: [ofRoot(h)] })),
  },
  { rule: "revocation", what: "no lists", code: "CRL_MISSING", make: lists(() => ({})) },
  {
    rule: "revocation",
    what: "no list of the root",
    code: "CRL_MISSING",
    make: lists((h) => ({ beside: [clean(h)] })),
  },
  {
    rule: "revocation",
    what: "a list that has expired",
    code: "CRL_EXPIRED",
    make: lists((h) => ({ beside: [clean(h, { to: PAST }), ofRoot(h)] })),
  },
  {
    rule: "revocation",
    what: "a list from the future",
    code: "CRL_NOT_YET_VALID",
    make: lists((h) => ({ beside: [clean(h, { from: "20270101000000Z" }), ofRoot(h)] })),
  },
  {
    rule: "revocation",
    what: "a list by another CA of the same name",
    code: "CRL_INVALID",
    make: lists((h) => {
      const forger = h.issueCa({ by: undefined });
      return { beside: [clean(h, { by: forger, extensions: ["authorityKeyIdentifier=none"] }), ofRoot(h)] };
    }),
  },
  {
    rule: "revocation",
    what: "a forged list inside of it",
    code: "CRL_INVALID",
    make: lists((h) => {
      const forger = h.issueCa({ by: undefined });
      return { inside: [clean(h, { by: forger, extensions: ["authorityKeyIdentifier=none"] }), ofRoot(h)] };
    }),
  },
  {
    rule: "revocation",
    what: "a list that revokes the signer, beside it",
    code: "CERTIFICATE_REVOKED",
    make: lists((h) => ({ beside: [revoking(h), ofRoot(h)] })),
  },
  {
    rule: "revocation",
    what: "a list that revokes the signer, inside of it",
    code: "CERTIFICATE_REVOKED",
    make: lists((h) => ({ inside: [revoking(h), ofRoot(h)] })),
  },
  {
    rule: "revocation",
    what: "a list that revokes the CA",
    code: "CERTIFICATE_REVOKED",
    make: lists((h) => ({ beside: [clean(h), ofRoot(h, { revoked: [{ certificate: h.ca }] })] })),
  },
  {
    rule: "revocation",
    what: "an older clean list inside and a newer revoking one beside",
    code: "CERTIFICATE_REVOKED",
    differs: OLDER_WINS,
    make: lists((h) => ({
      inside: [clean(h, { from: OLD, number: 1 }), ofRoot(h)],
      beside: [revoking(h, { from: NEW, number: 2 })],
    })),
  },
  {
    rule: "revocation",
    what: "a newer revoking list inside and an older clean one beside",
    code: "CERTIFICATE_REVOKED",
    make: lists((h) => ({
      inside: [revoking(h, { from: NEW, number: 2 })],
      beside: [clean(h, { from: OLD, number: 1 }), ofRoot(h)],
    })),
  },
  {
    rule: "revocation",
    what: "an older clean list and a newer one that has expired",
    code: "CRL_EXPIRED",
    differs: OLDER_WINS,
    make: lists((h) => ({
      beside: [clean(h, { from: OLD, number: 1 }), clean(h, { from: NEW, to: PAST, number: 2 }), ofRoot(h)],
    })),
  },
  {
    rule: "revocation",
    what: "a list with an unknown critical extension",
    code: "CRL_INVALID",
    make: lists((h) => ({ beside: [clean(h, { extensions: ["1.2.3.4=critical,ASN1:NULL"] }), ofRoot(h)] })),
  },
  {
    rule: "revocation",
    what: "a revoking list, while none is required",
    code: "CERTIFICATE_REVOKED",
    differs: "without -crl_check it looks at no list",
    make: lists((h) => ({ beside: [revoking(h)], required: false })),
  },
  {
    rule: "revocation",
    what: "a list that is none",
    code: "SIGNATURE_MALFORMED",
    make: (h) => h.craft({ crls: [sequence()] }),
  },
  {
    rule: "revocation",
    what: "a list of another format",
    code: "SIGNATURE_MALFORMED",
    differs: "it leaves lists of other formats alone",
    make: (h) => h.craft({ crls: [der(0xa1, oid("1.2.3"))] }),
  },
  {
    rule: "revocation",
    what: "lists whose key may not sign lists",
    code: "CRL_INVALID",
    make: (h) => {
      const extensions = [
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=critical,keyCertSign",
        ...CA.slice(2),
      ];
      const ca = h.issueCa({ extensions });
      const signature = h.sign(h.issueSigner({ by: ca }), [ca]);
      return { signature, lists: [h.list({ by: ca }), ofRoot(h)], requireCrl: true };
    },
  },
];
