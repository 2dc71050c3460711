/** From the signer to the anchor: what `certification-path.test.ts` asks of `openssl verify`, here within a message. */
import type { Identity } from "../../kit/pki.ts";
import { CA, KEYS, SIGNER } from "../chain-kit.ts";
import { der, octets, oid, sequence } from "../craft.ts";
import { extension } from "../forge.ts";
import type { Hierarchy } from "./hierarchy.ts";
import type { Case, Row } from "./row.ts";

const PAST = "20210101000000Z";
const FUTURE = "20480101000000Z";
const UNKNOWN_CRITICAL = "1.3.6.1.4.1.55555.1=critical,ASN1:NULL";
const NO_PURPOSE = "3.0 has no purpose for signing code";

/** A signer with these lines of an extension section in place of the honest ones. */
const signer =
  (extensions: readonly string[], more: { from?: string; to?: string; subject?: string } = {}) =>
  (hierarchy: Hierarchy): Case => ({
    signature: hierarchy.sign(hierarchy.issueSigner({ extensions, ...more })),
  });

/** A CA with these lines, and an honest signer below. */
const authority =
  (extensions: readonly string[], more: { from?: string; to?: string } = {}) =>
  (hierarchy: Hierarchy): Case => {
    const ca = hierarchy.issueCa({ name: "odd", extensions, ...more });
    return { signature: hierarchy.sign(hierarchy.issueSigner({ by: ca }), [ca]) };
  };

/** An honest hierarchy below a root with these lines. */
const root =
  (extensions: readonly string[], more: { from?: string; to?: string } = {}) =>
  (hierarchy: Hierarchy): Case => {
    const own = hierarchy.authority.issue({ name: "odd-root", extensions, ...more });
    const ca = hierarchy.issueCa({ by: own });
    return { anchors: [own], signature: hierarchy.sign(hierarchy.issueSigner({ by: ca }), [ca]) };
  };

/** root -> a CA with these lines -> one more CA -> signer */
const twoAuthorities =
  (upper: readonly string[]) =>
  (hierarchy: Hierarchy): Case => {
    const first = hierarchy.issueCa({ name: "first", extensions: upper });
    const second = hierarchy.issueCa({ name: "second", by: first });
    return { signature: hierarchy.sign(hierarchy.issueSigner({ by: second }), [second, first]) };
  };

const crafted =
  (forge: (hierarchy: Hierarchy) => Identity) =>
  (hierarchy: Hierarchy): Case =>
    hierarchy.craft({ signer: forge(hierarchy) });

const usage = (...words: string[]): string[] => [`keyUsage=critical,${words.join()}`, ...KEYS];

export const pathRows: readonly Row[] = [
  {
    rule: "anchor",
    what: "a signer of the root itself",
    make: (hierarchy) => ({ signature: hierarchy.sign(hierarchy.issueSigner({ by: hierarchy.root }), []) }),
  },
  { rule: "anchor", what: "two CAs above the signer", make: twoAuthorities(CA) },
  {
    rule: "anchor",
    what: "a CA that is missing",
    code: "CHAIN_UNTRUSTED",
    make: (hierarchy) => ({ signature: hierarchy.sign(hierarchy.signer, []) }),
  },
  {
    rule: "anchor",
    what: "another root",
    code: "CHAIN_UNTRUSTED",
    make: (hierarchy) => ({
      anchors: [hierarchy.issueCa({ name: "elsewhere", by: undefined })],
      signature: hierarchy.sign(),
    }),
  },
  {
    rule: "anchor",
    what: "another root of the same name",
    code: "CHAIN_UNTRUSTED",
    make: (hierarchy) => ({
      anchors: [hierarchy.issueCa({ name: "root", by: undefined })],
      signature: hierarchy.sign(),
    }),
  },
  {
    rule: "anchor",
    what: "a root that travels along and is not pinned",
    code: "CHAIN_UNTRUSTED",
    make: (hierarchy) => ({
      anchors: [hierarchy.issueCa({ name: "elsewhere", by: undefined })],
      signature: hierarchy.sign(undefined, [hierarchy.ca, hierarchy.root]),
    }),
  },
  {
    rule: "anchor",
    what: "a chain pinned at its CA",
    make: (hierarchy) => ({ anchors: [hierarchy.ca], signature: hierarchy.sign() }),
  },
  {
    rule: "anchor",
    what: "one root of two",
    make: (hierarchy) => ({
      anchors: [hierarchy.issueCa({ name: "elsewhere", by: undefined }), hierarchy.root],
      signature: hierarchy.sign(),
    }),
  },
  {
    rule: "validity",
    what: "a signer that expired",
    code: "SIGNER_EXPIRED",
    make: signer(SIGNER, { to: PAST }),
  },
  {
    rule: "validity",
    what: "a signer from the future",
    code: "SIGNER_NOT_YET_VALID",
    make: signer(SIGNER, { from: FUTURE }),
  },
  { rule: "validity", what: "a CA that expired", code: "CHAIN_EXPIRED", make: authority(CA, { to: PAST }) },
  {
    rule: "validity",
    what: "a CA from the future",
    code: "CHAIN_EXPIRED",
    make: authority(CA, { from: FUTURE }),
  },
  { rule: "validity", what: "a root that expired", code: "CHAIN_EXPIRED", make: root(CA, { to: PAST }) },
  {
    rule: "basicConstraints",
    what: "a CA that is none",
    code: "CHAIN_INVALID",
    make: authority(["basicConstraints=critical,CA:FALSE", ...usage("digitalSignature")]),
  },
  {
    rule: "basicConstraints",
    what: "a CA without basicConstraints",
    code: "CHAIN_INVALID",
    make: authority(usage("keyCertSign")),
  },
  {
    rule: "basicConstraints",
    what: "a signer that issues",
    code: "CHAIN_INVALID",
    make: (hierarchy) => {
      const below = hierarchy.issueSigner({ name: "below", by: hierarchy.signer });
      return { signature: hierarchy.sign(below, [hierarchy.signer, hierarchy.ca]) };
    },
  },
  {
    rule: "pathLen",
    what: "a CA with pathLen 0 above the signer",
    make: authority(["basicConstraints=critical,CA:TRUE,pathlen:0", ...usage("keyCertSign", "cRLSign")]),
  },
  {
    rule: "pathLen",
    what: "a CA with pathLen 0 above another CA",
    code: "CHAIN_INVALID",
    make: twoAuthorities(["basicConstraints=critical,CA:TRUE,pathlen:0", ...usage("keyCertSign")]),
  },
  {
    rule: "pathLen",
    what: "a root with pathLen 0 above a CA",
    code: "CHAIN_INVALID",
    make: root(["basicConstraints=critical,CA:TRUE,pathlen:0", ...usage("keyCertSign", "cRLSign")]),
  },
  {
    rule: "keyUsage",
    what: "a CA that may sign lists only",
    code: "CHAIN_INVALID",
    make: authority(["basicConstraints=critical,CA:TRUE", ...usage("cRLSign")]),
  },
  {
    rule: "keyUsage",
    what: "a signer whose key is for encryption",
    code: "SIGNER_PURPOSE",
    differs: "with the purpose any it does not look at the signer's keyUsage",
    make: signer([...usage("keyEncipherment"), "extendedKeyUsage=codeSigning"]),
  },
  {
    rule: "keyUsage",
    what: "a signer without keyUsage",
    make: signer(["extendedKeyUsage=codeSigning", ...KEYS]),
  },
  {
    rule: "extendedKeyUsage",
    what: "a signer for mail",
    code: "SIGNER_PURPOSE",
    differs: NO_PURPOSE,
    make: signer([...usage("digitalSignature"), "extendedKeyUsage=emailProtection"]),
  },
  {
    rule: "extendedKeyUsage",
    what: "a signer for anything",
    code: "SIGNER_PURPOSE",
    differs: NO_PURPOSE,
    make: signer([...usage("digitalSignature"), "extendedKeyUsage=anyExtendedKeyUsage"]),
  },
  {
    rule: "extendedKeyUsage",
    what: "a signer without extended key usage",
    code: "SIGNER_PURPOSE",
    differs: NO_PURPOSE,
    make: signer(usage("digitalSignature")),
  },
  {
    rule: "extendedKeyUsage",
    what: "a CA for signing code",
    make: authority([...CA, "extendedKeyUsage=codeSigning"]),
  },
  {
    rule: "extendedKeyUsage",
    what: "a CA for servers",
    code: "CHAIN_INVALID",
    differs: NO_PURPOSE,
    make: authority([...CA, "extendedKeyUsage=serverAuth"]),
  },
  {
    rule: "nameConstraints",
    what: "a signer's name within the CA's",
    make: authority([...CA, "nameConstraints=critical,permitted;dirName:n", "[n]", "O=Themis Test"]),
  },
  {
    rule: "nameConstraints",
    what: "a signer's name outside of the CA's",
    code: "CHAIN_NAME_CONSTRAINTS",
    make: authority([...CA, "nameConstraints=critical,permitted;dirName:n", "[n]", "O=Elsewhere"]),
  },
  {
    rule: "nameConstraints",
    what: "a signer's address that the CA excludes",
    code: "CHAIN_NAME_CONSTRAINTS",
    make: (hierarchy) => {
      const ca = hierarchy.issueCa({
        extensions: [...CA, "nameConstraints=critical,excluded;email:example.org"],
      });
      const extensions = [...SIGNER, "subjectAltName=email:me@example.org"];
      return { signature: hierarchy.sign(hierarchy.issueSigner({ by: ca, extensions }), [ca]) };
    },
  },
  {
    rule: "policies",
    what: "an explicit policy that the signer has not",
    code: "CHAIN_POLICY",
    make: authority([
      ...CA,
      "certificatePolicies=1.3.6.1.4.1.55555.2.1",
      "policyConstraints=critical,requireExplicitPolicy:0",
    ]),
  },
  {
    rule: "policies",
    what: "a critical policy that nobody asks for",
    make: authority([...CA, "certificatePolicies=critical,1.3.6.1.4.1.55555.2.1"]),
  },
  {
    rule: "critical extensions",
    what: "a signer with an unknown critical extension",
    code: "CHAIN_INVALID",
    make: signer([...SIGNER, UNKNOWN_CRITICAL]),
  },
  {
    rule: "critical extensions",
    what: "a CA with an unknown critical extension",
    code: "CHAIN_INVALID",
    make: authority([...CA, UNKNOWN_CRITICAL]),
  },
  {
    rule: "critical extensions",
    what: "a signer with an unknown extension that is not critical",
    make: signer([...SIGNER, UNKNOWN_CRITICAL.replace("critical,", "")]),
  },
  {
    rule: "certificates",
    what: "a forged certificate of the honest shape",
    make: crafted((h) => h.forge({})),
  },
  {
    rule: "certificates",
    what: "an extension twice",
    code: "SIGNATURE_MALFORMED",
    differs: "it counts only those that it knows",
    make: crafted((hierarchy) => {
      const twice = extension("1.2.3.4", octets(Buffer.of(1)));
      return hierarchy.forge({ extensions: [twice, twice] });
    }),
  },
  {
    rule: "certificates",
    what: "keyUsage twice, the second with more rights",
    code: "SIGNATURE_MALFORMED",
    make: crafted((hierarchy) =>
      hierarchy.forge({ extensions: [extension("2.5.29.15", der(0x03, Buffer.of(1, 0x86)), true)] }),
    ),
  },
  {
    rule: "certificates",
    what: "an inner algorithm that is not the outer one",
    code: "SIGNATURE_MALFORMED",
    make: crafted((hierarchy) => hierarchy.forge({ outerAlgorithm: sequence(oid("1.2.840.10045.4.3.3")) })),
  },
  {
    rule: "certificates",
    what: "version 2 with extensions",
    code: "SIGNATURE_MALFORMED",
    make: crafted((hierarchy) => hierarchy.forge({ version: 1 })),
  },
  {
    rule: "certificates",
    what: "a negative serial number",
    code: "SIGNATURE_MALFORMED",
    differs: "it takes any serial number",
    make: crafted((hierarchy) => hierarchy.forge({ serial: 0x80 })),
  },
  {
    rule: "certificates",
    what: "a criticality that spells out its default",
    code: "SIGNATURE_MALFORMED",
    differs: "it reads certificates as BER, too",
    make: crafted((hierarchy) =>
      hierarchy.forge({
        extensions: [sequence(oid("1.2.3.4"), der(0x01, Buffer.of(0)), octets(octets(Buffer.of(1))))],
      }),
    ),
  },
  {
    rule: "certificates",
    what: "a signature that its CA did not make",
    code: "CHAIN_UNTRUSTED",
    make: (hierarchy) => {
      const impostor = hierarchy.issueCa({ by: undefined });
      const signer = hierarchy.issueSigner({ by: impostor });
      return { signature: hierarchy.sign(signer, [hierarchy.ca]) };
    },
  },
];
