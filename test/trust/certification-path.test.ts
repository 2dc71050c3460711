/** Each rule of RFC 5280, section 6, broken and kept, with real certificates; and what OpenSSL says of the same chain. */
import { afterAll, describe } from "vitest";
import { ANY_POLICY } from "../../src/format/cms/certificate-extensions.ts";
import type { Identity } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { CA, type Chain, ChainKit, KEYS } from "./chain-kit.ts";

const GOLD = "1.3.6.1.4.1.55555.2.1";
const SILVER = "1.3.6.1.4.1.55555.2.2";

describe.skipIf(!hasTool("openssl"))("a certification path", () => {
  const kit = new ChainKit();
  afterAll(() => kit.authority.remove());

  describe("names (7.1):", () => {
    const spelled = (subject: string, again: string): Chain => {
      const named = kit.authority.issue({ name: "named", by: kit.root, extensions: CA, subject });
      // The same key under a name that is written differently signs; the path goes by the first.
      const other = kit.authority.issue({
        name: "other",
        by: kit.root,
        extensions: CA,
        subject: again,
        keyOf: named,
      });
      return { leaf: kit.signer(other), untrusted: [named] };
    };
    kit.accepts([
      {
        why: "an issuer in other letters",
        build: () => spelled("/O=Themis Test/CN=Good CA", "/O=THEMIS test/CN=gOOD ca"),
      },
      {
        why: "an issuer with other spaces",
        build: () => spelled("/O=Themis Test/CN=Good CA", "/O=Themis  Test/CN= Good   CA "),
      },
      {
        why: "an issuer in other letters that are not ASCII",
        build: () => spelled("/O=Themis Test/CN=Straßenbau Ä", "/O=Themis Test/CN=STRASSENBAU ä"),
        openssl: "it folds ASCII only",
      },
    ]);
    kit.refuses("CHAIN_UNTRUSTED", [
      {
        why: "an issuer of another name",
        build: () => spelled("/O=Themis Test/CN=Good CA", "/O=Themis Test/CN=GoodCA"),
      },
      {
        why: "the same parts in another order",
        build: () => spelled("/O=Themis Test/CN=Good CA", "/CN=Good CA/O=Themis Test"),
      },
    ]);
  });

  describe("basic constraints and key usage:", () => {
    kit.accepts([
      {
        why: "a path length that is just enough",
        build: () => {
          const one = [
            "basicConstraints=critical,CA:TRUE,pathlen:1",
            "keyUsage=critical,keyCertSign",
            ...KEYS,
          ];
          const first = kit.authority.issue({ name: "first", by: kit.root, extensions: one });
          const second = kit.ca(first, [], "second");
          return { leaf: kit.signer(second), untrusted: [second, first] };
        },
      },
      {
        why: "a self-issued CA that is not counted",
        build: () => {
          const first = kit.authority.issue({
            name: "first",
            by: kit.root,
            extensions: [
              "basicConstraints=critical,CA:TRUE,pathlen:0",
              "keyUsage=critical,keyCertSign",
              ...KEYS,
            ],
          });
          const renewed = kit.authority.issue({ name: "first", by: first, extensions: CA });
          return { leaf: kit.signer(renewed), untrusted: [renewed, first] };
        },
      },
      {
        why: "a CA without key usage",
        build: () => {
          const issuer = kit.authority.issue({
            name: "plain",
            by: kit.root,
            extensions: ["basicConstraints=critical,CA:TRUE", ...KEYS],
          });
          return { leaf: kit.signer(issuer), untrusted: [issuer] };
        },
        openssl:
          "with -x509_strict it asks every CA for key usage, which RFC 5280 asks of the CA that issues",
      },
    ]);
    kit.refuses("CHAIN_INVALID", [
      {
        why: "a CA below a path length of 0",
        build: () => {
          const first = kit.authority.issue({
            name: "first",
            by: kit.root,
            extensions: [
              "basicConstraints=critical,CA:TRUE,pathlen:0",
              "keyUsage=critical,keyCertSign",
              ...KEYS,
            ],
          });
          const second = kit.ca(first, [], "second");
          return { leaf: kit.signer(second), untrusted: [first, second] };
        },
      },
      {
        why: "a path length that a CA below tries to raise",
        build: () => {
          const low = [
            "basicConstraints=critical,CA:TRUE,pathlen:1",
            "keyUsage=critical,keyCertSign",
            ...KEYS,
          ];
          const high = [
            "basicConstraints=critical,CA:TRUE,pathlen:5",
            "keyUsage=critical,keyCertSign",
            ...KEYS,
          ];
          const first = kit.authority.issue({ name: "first", by: kit.root, extensions: low });
          const second = kit.authority.issue({ name: "second", by: first, extensions: high });
          const third = kit.authority.issue({ name: "third", by: second, extensions: high });
          return { leaf: kit.signer(third), untrusted: [first, second, third] };
        },
      },
      {
        why: "a signer that issues",
        build: () => {
          const issuer = kit.ca(kit.root);
          const middle = kit.signer(issuer);
          return { leaf: kit.signer(middle, [], "/O=Themis Test/CN=below"), untrusted: [middle, issuer] };
        },
      },
    ]);
  });

  describe("policies (4.2.1.4 to 4.2.1.14):", () => {
    const strict = { requireExplicitPolicy: true };
    const words = ["-policy_check", "-policy", "anyPolicy"];
    const explicit = [...words, "-explicit_policy"];
    kit.accepts([
      {
        why: "one policy all the way",
        build: () => ({
          ...kit.under([`certificatePolicies=${GOLD}`], [`certificatePolicies=${GOLD}`]),
          policies: strict,
          words: explicit,
        }),
      },
      {
        why: "a policy below anyPolicy",
        build: () => ({
          ...kit.under([`certificatePolicies=${ANY_POLICY}`], [`certificatePolicies=${GOLD}`]),
          policies: { ...strict, acceptable: new Set([GOLD]) },
          words: ["-policy_check", "-policy", GOLD, "-explicit_policy"],
        }),
      },
      {
        why: "a mapped policy under its first name",
        build: () => ({
          ...kit.under(
            [`certificatePolicies=${GOLD}`, `policyMappings=critical,${GOLD}:${SILVER}`],
            [`certificatePolicies=${SILVER}`],
          ),
          policies: { ...strict, acceptable: new Set([GOLD]) },
          words: ["-policy_check", "-policy", GOLD, "-explicit_policy"],
        }),
      },
      { why: "no policies when nobody asks", build: () => ({ ...kit.under([], []), words }) },
      {
        why: "policies that differ when nobody asks",
        build: () => ({
          ...kit.under([`certificatePolicies=critical,${GOLD}`], [`certificatePolicies=${SILVER}`]),
          words,
        }),
      },
      {
        why: "an explicit policy from two certificates further down",
        build: () => ({ ...kit.under(["policyConstraints=critical,requireExplicitPolicy:2"], []), words }),
      },
    ]);
    kit.refuses("CHAIN_POLICY", [
      {
        why: "no policies when the caller asks",
        build: () => ({ ...kit.under([], []), policies: strict, words: explicit }),
      },
      {
        why: "a policy that the caller does not accept",
        build: () => ({
          ...kit.under([`certificatePolicies=${GOLD}`], [`certificatePolicies=${GOLD}`]),
          policies: { ...strict, acceptable: new Set([SILVER]) },
          words: ["-policy_check", "-policy", SILVER, "-explicit_policy"],
        }),
      },
      {
        why: "policies that differ when a CA asks",
        build: () => ({
          ...kit.under(
            [`certificatePolicies=${GOLD}`, "policyConstraints=critical,requireExplicitPolicy:0"],
            [`certificatePolicies=${SILVER}`],
          ),
          words,
        }),
      },
      {
        why: "a mapping that the caller inhibits",
        build: () => ({
          ...kit.under(
            [`certificatePolicies=${GOLD}`, `policyMappings=critical,${GOLD}:${SILVER}`],
            [`certificatePolicies=${SILVER}`],
          ),
          policies: { ...strict, inhibitPolicyMapping: true },
          words: [...explicit, "-inhibit_map"],
        }),
      },
      {
        why: "anyPolicy that the caller inhibits",
        build: () => ({
          ...kit.under([`certificatePolicies=${ANY_POLICY}`], [`certificatePolicies=${GOLD}`]),
          policies: { ...strict, inhibitAnyPolicy: true },
          words: [...explicit, "-inhibit_any"],
        }),
      },
      {
        why: "anyPolicy that a CA inhibits",
        build: () => ({
          ...kit.under(
            [`certificatePolicies=${GOLD}`, "inhibitAnyPolicy=critical,0"],
            [`certificatePolicies=${ANY_POLICY}`],
          ),
          policies: strict,
          words: explicit,
        }),
      },
    ]);
    kit.refuses("CHAIN_INVALID", [
      {
        why: "a mapping of anyPolicy",
        build: () => ({
          ...kit.under([`certificatePolicies=${GOLD}`, `policyMappings=critical,${ANY_POLICY}:${GOLD}`], []),
          words,
        }),
      },
    ]);
  });

  describe("building:", () => {
    kit.accepts([
      {
        why: "certificates in the wrong order, some of them of no use",
        build: () => {
          const first = kit.ca(kit.root, [], "first");
          const second = kit.ca(first, [], "second");
          const stranger = kit.authority.issue({ name: "stranger", extensions: CA });
          const leaf = kit.signer(second);
          return { leaf, untrusted: [stranger, first, leaf, second] };
        },
      },
      {
        why: "two CAs that signed each other",
        build: () => {
          const a = kit.authority.issue({ name: "a", extensions: CA });
          const b = kit.authority.issue({ name: "b", extensions: CA });
          const aByB = kit.authority.issue({ name: "a", by: b, extensions: CA, keyOf: a });
          const bByA = kit.authority.issue({ name: "b", by: a, extensions: CA, keyOf: b });
          const bByRoot = kit.authority.issue({ name: "b", by: kit.root, extensions: CA, keyOf: b });
          return { leaf: kit.signer(a), untrusted: [aByB, bByA, bByRoot] };
        },
        openssl: "it goes into the circle and does not come back",
      },
      {
        why: "an expired certificate of the CA beside a current one",
        build: () => {
          const expired = kit.authority.issue({
            name: "renewed",
            by: kit.root,
            extensions: CA,
            to: "20210101000000Z",
          });
          const current = kit.authority.issue({
            name: "renewed",
            by: kit.root,
            extensions: CA,
            keyOf: expired,
          });
          return { leaf: kit.signer(current), untrusted: [expired, current] };
        },
      },
      {
        why: "two keys of one CA that no identifier tells apart",
        build: () => {
          const bare = [
            "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign",
            "subjectKeyIdentifier=none",
            "authorityKeyIdentifier=none",
          ];
          const old = kit.authority.issue({ name: "twin", by: kit.root, extensions: bare });
          const twin = kit.authority.issue({ name: "twin", by: kit.root, extensions: bare });
          const leaf = kit.authority.issue({
            name: "signer",
            by: twin,
            extensions: ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"],
          });
          return { leaf, untrusted: [old, twin] };
        },
        openssl: "it takes the first issuer of the name and does not come back",
      },
    ]);
    kit.refuses("CHAIN_UNTRUSTED", [
      {
        why: "a chain of nine",
        build: () => {
          const untrusted: Identity[] = [];
          for (let i = 0; i < 7; i++) untrusted.push(kit.ca(untrusted.at(-1) ?? kit.root, [], `ca-${i}`));
          return { leaf: kit.signer(untrusted.at(-1)!), untrusted };
        },
        openssl: "it follows a hundred",
      },
      {
        why: "two CAs that vouch only for each other",
        build: () => {
          const a = kit.authority.issue({ name: "a", extensions: CA });
          const b = kit.authority.issue({ name: "b", extensions: CA });
          const aByB = kit.authority.issue({ name: "a", by: b, extensions: CA, keyOf: a });
          const bByA = kit.authority.issue({ name: "b", by: a, extensions: CA, keyOf: b });
          return { leaf: kit.signer(a), untrusted: [aByB, bByA] };
        },
      },
    ]);
    kit.refuses("CHAIN_TOO_COMPLEX", [
      {
        why: "twenty-four keys of one name that all could have signed",
        build: () => {
          const bare = [
            "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign",
            "subjectKeyIdentifier=none",
            "authorityKeyIdentifier=none",
          ];
          const one = (by?: Identity) =>
            kit.authority.issue({ name: "hydra", extensions: bare, ...(by && { by }) });
          const untrusted: Identity[] = [];
          for (let i = 0; i < 24; i++) untrusted.push(one(untrusted.at(-1)));
          const leaf = kit.authority.issue({
            name: "signer",
            by: untrusted.at(-1)!,
            extensions: ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"],
          });
          return { leaf, untrusted };
        },
      },
    ]);
  });
});
