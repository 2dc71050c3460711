/** Each rule of RFC 5280, section 6, broken and kept, with real certificates; and what OpenSSL says of the same chain. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCertificate } from "../../src/format/cms/certificate.ts";
import { ANY_POLICY } from "../../src/format/cms/certificate-extensions.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../src/trust/certification-path.ts";
import { noPolicyInputs, type PolicyInputs } from "../../src/trust/policy-graph.ts";
import { Authority, opensslAccepts } from "../kit/authority.ts";
import type { Identity } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";

const now = new Date("2026-06-01T00:00:00Z");

const KEYS = ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"];
const CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", ...KEYS];
const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning", ...KEYS];
const GOLD = "1.3.6.1.4.1.55555.2.1";
const SILVER = "1.3.6.1.4.1.55555.2.2";

type Chain = {
  readonly leaf: Identity;
  readonly untrusted: readonly Identity[];
  readonly anchor?: Identity;
  readonly policies?: Partial<PolicyInputs>;
  /** More words for `openssl verify`. */
  readonly words?: readonly string[];
};

type Case = {
  readonly why: string;
  readonly build: () => Chain;
  /** Why OpenSSL thinks otherwise. */
  readonly openssl?: string;
};

describe.skipIf(!hasTool("openssl"))("a certification path", () => {
  let authority: Authority;
  let root: Identity;
  beforeAll(() => {
    authority = new Authority();
    root = authority.issue({ name: "root", extensions: CA });
  });
  afterAll(() => authority?.remove());

  const ca = (
    by: Identity,
    more: readonly string[] = [],
    odd: { name?: string; subject?: string } = {},
  ): Identity => authority.issue({ name: "ca", by, extensions: [...CA, ...more], ...odd });
  const signer = (by: Identity, more: readonly string[] = [], subject?: string): Identity =>
    authority.issue({ name: "signer", by, extensions: [...SIGNER, ...more], ...(subject && { subject }) });
  /** root -> a CA with these lines -> a signer with those. */
  const under = (caLines: readonly string[], signerLines: readonly string[], subject?: string): Chain => {
    const issuer = ca(root, caLines);
    return { leaf: signer(issuer, signerLines, subject), untrusted: [issuer] };
  };

  function verify({ leaf, untrusted, anchor = root, policies }: Chain) {
    return verifyCertificatePath({
      signer: decodeCertificate(leaf.der),
      intermediates: untrusted.map(({ der }) => decodeCertificate(der)),
      anchors: readTrustAnchors(anchor.pem),
      now,
      policies: { ...noPolicyInputs, ...policies },
    });
  }

  function secondOpinion({ leaf, untrusted, anchor = root, words = [] }: Chain): boolean {
    return opensslAccepts({ leaf, untrusted, root: anchor, now, words: ["-x509_strict", ...words] });
  }

  const accepts = (cases: readonly Case[]) =>
    it.each(cases)("accepts $why", ({ build, openssl }) => {
      const chain = build();
      expect(verify(chain).anchor.certificate.der).toEqual((chain.anchor ?? root).der);
      expect(secondOpinion(chain)).toBe(openssl === undefined);
    });
  const refuses = (code: string, cases: readonly Case[]) =>
    it.each(cases)(`refuses $why: ${code}`, ({ build, openssl }) => {
      const chain = build();
      expect(() => verify(chain)).toThrow(
        expect.objectContaining({ name: "TrustError", code, kind: "refused" }),
      );
      expect(secondOpinion(chain)).toBe(openssl !== undefined);
    });

  describe("names (7.1):", () => {
    const spelled = (subject: string, again: string): Chain => {
      const named = authority.issue({ name: "named", by: root, extensions: CA, subject });
      // The same key under a name that is written differently signs; the path goes by the first.
      const other = authority.issue({
        name: "other",
        by: root,
        extensions: CA,
        subject: again,
        keyOf: named,
      });
      return { leaf: signer(other), untrusted: [named] };
    };
    accepts([
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
    refuses("CHAIN_UNTRUSTED", [
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
    accepts([
      {
        why: "a path length that is just enough",
        build: () => {
          const first = ca(root, ["basicConstraints=critical,CA:TRUE,pathlen:1"].concat(), { name: "first" });
          const second = ca(first, [], { name: "second" });
          return { leaf: signer(second), untrusted: [second, first] };
        },
      },
      {
        why: "a self-issued CA that is not counted",
        build: () => {
          const first = authority.issue({
            name: "first",
            by: root,
            extensions: [
              "basicConstraints=critical,CA:TRUE,pathlen:0",
              "keyUsage=critical,keyCertSign",
              ...KEYS,
            ],
          });
          const renewed = authority.issue({ name: "first", by: first, extensions: CA });
          return { leaf: signer(renewed), untrusted: [renewed, first] };
        },
      },
      {
        why: "a CA without key usage",
        build: () => {
          const issuer = authority.issue({
            name: "plain",
            by: root,
            extensions: ["basicConstraints=critical,CA:TRUE", ...KEYS],
          });
          return { leaf: signer(issuer), untrusted: [issuer] };
        },
        openssl:
          "with -x509_strict it asks every CA for key usage, which RFC 5280 asks of the CA that issues",
      },
    ]);
    refuses("CHAIN_INVALID", [
      {
        why: "a CA below a path length of 0",
        build: () => {
          const first = authority.issue({
            name: "first",
            by: root,
            extensions: [
              "basicConstraints=critical,CA:TRUE,pathlen:0",
              "keyUsage=critical,keyCertSign",
              ...KEYS,
            ],
          });
          const second = ca(first, [], { name: "second" });
          return { leaf: signer(second), untrusted: [first, second] };
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
          const first = authority.issue({ name: "first", by: root, extensions: low });
          const second = authority.issue({ name: "second", by: first, extensions: high });
          const third = authority.issue({ name: "third", by: second, extensions: high });
          return { leaf: signer(third), untrusted: [first, second, third] };
        },
      },
      {
        why: "a signer that issues",
        build: () => {
          const issuer = ca(root);
          const middle = signer(issuer);
          return { leaf: signer(middle, [], "/O=Themis Test/CN=below"), untrusted: [middle, issuer] };
        },
      },
    ]);
  });

  describe("name constraints (4.2.1.10):", () => {
    const only = (...lines: readonly string[]) => [`nameConstraints=critical,${lines.join(",")}`];
    const san = (value: string) => [`subjectAltName=${value}`];
    accepts([
      {
        why: "a DNS name that is permitted",
        build: () => under(only("permitted;DNS:example.org"), san("DNS:a.example.org")),
      },
      {
        why: "the permitted domain itself",
        build: () => under(only("permitted;DNS:example.org"), san("DNS:EXAMPLE.org")),
      },
      {
        why: "a wildcard below what is permitted",
        build: () => under(only("permitted;DNS:example.org"), san("DNS:*.example.org")),
      },
      {
        why: "a name of a form that is not constrained",
        build: () => under(only("permitted;DNS:example.org"), san("email:a@other.org")),
      },
      {
        why: "an address of a permitted host",
        build: () => under(only("permitted;email:example.org"), san("email:a@example.org")),
      },
      {
        why: "a permitted address",
        build: () => under(only("permitted;email:a@example.org"), san("email:a@EXAMPLE.org")),
      },
      {
        why: "an address below a permitted domain",
        build: () => under(only("permitted;email:.example.org"), san("email:a@x.example.org")),
      },
      {
        why: "a URI of a permitted host",
        build: () => under(only("permitted;URI:example.org"), san("URI:https://example.org:8443/x")),
      },
      {
        why: "a URI below a permitted domain",
        build: () => under(only("permitted;URI:.example.org"), san("URI:https://x.example.org/")),
      },
      {
        why: "an IPv4 address in the network",
        build: () => under(only("permitted;IP:10.1.0.0/255.255.0.0"), san("IP:10.1.2.3")),
      },
      {
        why: "an IPv6 address in the network",
        build: () =>
          under(only("permitted;IP:2001:db8:0:0:0:0:0:0/ffff:ffff:0:0:0:0:0:0"), san("IP:2001:db8::1")),
      },
      {
        why: "an IPv4 address beside an excluded network of IPv6",
        build: () => under(only("excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0"), san("IP:10.1.2.3")),
      },
      {
        why: "a permitted directory name, in other letters",
        build: () =>
          under(["nameConstraints=critical,permitted;dirName:tree", "[tree]", "O=themis  TEST"], []),
      },
      {
        why: "a self-issued CA outside of the permitted names",
        build: () => {
          const first = ca(
            root,
            ["nameConstraints=critical,permitted;dirName:tree", "[tree]", "O=Permitted"],
            {
              name: "first",
            },
          );
          const renewed = authority.issue({ name: "first", by: first, extensions: CA });
          return { leaf: signer(renewed, [], "/O=Permitted/CN=x"), untrusted: [first, renewed] };
        },
      },
    ]);
    refuses("CHAIN_NAME_CONSTRAINTS", [
      {
        why: "a DNS name of another domain",
        build: () => under(only("permitted;DNS:example.org"), san("DNS:example.com")),
      },
      {
        why: "a DNS name that only ends alike",
        build: () => under(only("permitted;DNS:example.org"), san("DNS:badexample.org")),
      },
      {
        why: "an excluded DNS name",
        build: () => under(only("excluded;DNS:bad.example.org"), san("DNS:x.BAD.example.org")),
      },
      {
        why: "one bad name among good ones",
        build: () =>
          under(only("permitted;DNS:example.org"), san("DNS:example.org,DNS:b.example.org,DNS:c.org")),
      },
      {
        why: "a name that is permitted and excluded",
        build: () =>
          under(
            only("permitted;DNS:example.org", "excluded;DNS:bad.example.org"),
            san("DNS:bad.example.org"),
          ),
      },
      {
        why: "a wildcard that stands for an excluded name",
        build: () => under(only("excluded;DNS:bad.example.org"), san("DNS:*.example.org")),
        openssl: "it compares the asterisk as a letter",
      },
      {
        why: "a DNS name with a dot at its end",
        build: () => under(only("excluded;DNS:example.org"), san("DNS:example.org.")),
        openssl: "to it the name is another one than the excluded",
      },
      {
        why: "an address of another host",
        build: () => under(only("permitted;email:example.org"), san("email:a@x.example.org")),
      },
      {
        why: "an address of the domain's own host",
        build: () => under(only("permitted;email:.example.org"), san("email:a@example.org")),
      },
      {
        why: "another address of the host",
        build: () => under(only("permitted;email:a@example.org"), san("email:b@example.org")),
      },
      {
        why: "an excluded address in other letters",
        build: () => under(only("excluded;email:root@example.org"), san("email:ROOT@example.org")),
        openssl: "RFC 5280, 7.5, tells the cases of local parts apart, hosts do not",
      },
      {
        why: "an address in the subject",
        build: () =>
          under(only("permitted;email:example.org"), [], "/O=Themis Test/CN=x/emailAddress=a@other.org"),
      },
      {
        why: "an address in the subject beside an alternative name",
        build: () =>
          under(
            only("permitted;email:example.org"),
            san("DNS:example.org"),
            "/O=Themis Test/CN=x/emailAddress=a@other.org",
          ),
      },
      {
        why: "a URI of another host",
        build: () => under(only("permitted;URI:example.org"), san("URI:https://example.com/")),
      },
      {
        why: "a URI whose user looks like the host",
        build: () => under(only("permitted;URI:example.org"), san("URI:https://example.org@evil.com/")),
      },
      {
        why: "a URI of an address",
        build: () => under(only("excluded;URI:example.org"), san("URI:https://10.0.0.1/")),
        openssl: "it compares the address as a name",
      },
      {
        why: "a URI without a host",
        build: () => under(only("permitted;URI:example.org"), san("URI:urn:a:b")),
      },
      {
        why: "an address outside of the network",
        build: () => under(only("permitted;IP:10.1.0.0/255.255.0.0"), san("IP:10.2.0.1")),
      },
      {
        why: "an excluded network",
        build: () => under(only("excluded;IP:10.1.0.0/255.255.0.0"), san("IP:10.1.9.9")),
      },
      {
        why: "a mask with holes",
        build: () => under(only("permitted;IP:10.0.1.0/255.0.255.0"), san("IP:10.9.1.1")),
        openssl: "it takes any mask; RFC 5280 asks for those of RFC 4632",
      },
      {
        why: "a directory name outside of the tree",
        build: () => under(["nameConstraints=critical,permitted;dirName:tree", "[tree]", "O=Other"], []),
      },
      {
        why: "an excluded directory name, in other letters",
        build: () => under(["nameConstraints=critical,excluded;dirName:tree", "[tree]", "O=THEMIS TEST"], []),
      },
      {
        why: "a form without rules that is constrained",
        build: () => under(only("excluded;RID:1.2.3"), san("RID:1.2.3.4")),
      },
      {
        why: "a permission that a CA below tries to widen",
        build: () => {
          const first = ca(root, only("permitted;DNS:example.org"), { name: "first" });
          const second = ca(first, only("permitted;DNS:example.com"), { name: "second" });
          return { leaf: signer(second, san("DNS:example.com")), untrusted: [first, second] };
        },
      },
      {
        why: "a name that the anchor does not permit",
        build: () => {
          const anchor = authority.issue({
            name: "narrow",
            extensions: [...CA, ...only("permitted;DNS:example.org")],
          });
          return { leaf: signer(anchor, san("DNS:example.com")), untrusted: [], anchor };
        },
      },
    ]);
  });

  describe("policies (4.2.1.4 to 4.2.1.14):", () => {
    const strict = { requireExplicitPolicy: true };
    const words = ["-policy_check", "-policy", "anyPolicy"];
    const explicit = [...words, "-explicit_policy"];
    accepts([
      {
        why: "one policy all the way",
        build: () => ({
          ...under([`certificatePolicies=${GOLD}`], [`certificatePolicies=${GOLD}`]),
          policies: strict,
          words: explicit,
        }),
      },
      {
        why: "a policy below anyPolicy",
        build: () => ({
          ...under([`certificatePolicies=${ANY_POLICY}`], [`certificatePolicies=${GOLD}`]),
          policies: { ...strict, acceptable: new Set([GOLD]) },
          words: ["-policy_check", "-policy", GOLD, "-explicit_policy"],
        }),
      },
      {
        why: "a mapped policy under its first name",
        build: () => ({
          ...under(
            [`certificatePolicies=${GOLD}`, `policyMappings=critical,${GOLD}:${SILVER}`],
            [`certificatePolicies=${SILVER}`],
          ),
          policies: { ...strict, acceptable: new Set([GOLD]) },
          words: ["-policy_check", "-policy", GOLD, "-explicit_policy"],
        }),
      },
      { why: "no policies when nobody asks", build: () => ({ ...under([], []), words }) },
      {
        why: "policies that differ when nobody asks",
        build: () => ({
          ...under([`certificatePolicies=critical,${GOLD}`], [`certificatePolicies=${SILVER}`]),
          words,
        }),
      },
      {
        why: "an explicit policy from two certificates further down",
        build: () => ({ ...under(["policyConstraints=critical,requireExplicitPolicy:2"], []), words }),
      },
    ]);
    refuses("CHAIN_POLICY", [
      {
        why: "no policies when the caller asks",
        build: () => ({ ...under([], []), policies: strict, words: explicit }),
      },
      {
        why: "a policy that the caller does not accept",
        build: () => ({
          ...under([`certificatePolicies=${GOLD}`], [`certificatePolicies=${GOLD}`]),
          policies: { ...strict, acceptable: new Set([SILVER]) },
          words: ["-policy_check", "-policy", SILVER, "-explicit_policy"],
        }),
      },
      {
        why: "policies that differ when a CA asks",
        build: () => ({
          ...under(
            [`certificatePolicies=${GOLD}`, "policyConstraints=critical,requireExplicitPolicy:0"],
            [`certificatePolicies=${SILVER}`],
          ),
          words,
        }),
      },
      {
        why: "a mapping that the caller inhibits",
        build: () => ({
          ...under(
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
          ...under([`certificatePolicies=${ANY_POLICY}`], [`certificatePolicies=${GOLD}`]),
          policies: { ...strict, inhibitAnyPolicy: true },
          words: [...explicit, "-inhibit_any"],
        }),
      },
      {
        why: "anyPolicy that a CA inhibits",
        build: () => ({
          ...under(
            [`certificatePolicies=${GOLD}`, "inhibitAnyPolicy=critical,0"],
            [`certificatePolicies=${ANY_POLICY}`],
          ),
          policies: strict,
          words: explicit,
        }),
      },
    ]);
    refuses("CHAIN_INVALID", [
      {
        why: "a mapping of anyPolicy",
        build: () => ({
          ...under([`certificatePolicies=${GOLD}`, `policyMappings=critical,${ANY_POLICY}:${GOLD}`], []),
          words,
        }),
      },
    ]);
  });

  describe("building:", () => {
    accepts([
      {
        why: "certificates in the wrong order, some of them of no use",
        build: () => {
          const first = ca(root, [], { name: "first" });
          const second = ca(first, [], { name: "second" });
          const stranger = authority.issue({ name: "stranger", extensions: CA });
          const leaf = signer(second);
          return { leaf, untrusted: [stranger, first, leaf, second] };
        },
      },
      {
        why: "two CAs that signed each other",
        build: () => {
          const a = authority.issue({ name: "a", extensions: CA });
          const b = authority.issue({ name: "b", extensions: CA });
          const aByB = authority.issue({ name: "a", by: b, extensions: CA, keyOf: a });
          const bByA = authority.issue({ name: "b", by: a, extensions: CA, keyOf: b });
          const bByRoot = authority.issue({ name: "b", by: root, extensions: CA, keyOf: b });
          return { leaf: signer(a), untrusted: [aByB, bByA, bByRoot] };
        },
        openssl: "it goes into the circle and does not come back",
      },
      {
        why: "an expired certificate of the CA beside a current one",
        build: () => {
          const expired = authority.issue({
            name: "renewed",
            by: root,
            extensions: CA,
            to: "20210101000000Z",
          });
          const current = authority.issue({ name: "renewed", by: root, extensions: CA, keyOf: expired });
          return { leaf: signer(current), untrusted: [expired, current] };
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
          const old = authority.issue({ name: "twin", by: root, extensions: bare });
          const twin = authority.issue({ name: "twin", by: root, extensions: bare });
          const leaf = authority.issue({
            name: "signer",
            by: twin,
            extensions: ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"],
          });
          return { leaf, untrusted: [old, twin] };
        },
        openssl: "it takes the first issuer of the name and does not come back",
      },
    ]);
    refuses("CHAIN_UNTRUSTED", [
      {
        why: "a chain of nine",
        build: () => {
          const untrusted: Identity[] = [];
          for (let i = 0; i < 7; i++) untrusted.push(ca(untrusted.at(-1) ?? root, [], { name: `ca-${i}` }));
          return { leaf: signer(untrusted.at(-1)!), untrusted };
        },
        openssl: "it follows a hundred",
      },
      {
        why: "two CAs that vouch only for each other",
        build: () => {
          const a = authority.issue({ name: "a", extensions: CA });
          const b = authority.issue({ name: "b", extensions: CA });
          const aByB = authority.issue({ name: "a", by: b, extensions: CA, keyOf: a });
          const bByA = authority.issue({ name: "b", by: a, extensions: CA, keyOf: b });
          return { leaf: signer(a), untrusted: [aByB, bByA] };
        },
      },
    ]);
    refuses("CHAIN_TOO_COMPLEX", [
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
            authority.issue({ name: "hydra", extensions: bare, ...(by && { by }) });
          const untrusted: Identity[] = [];
          for (let i = 0; i < 24; i++) untrusted.push(one(untrusted.at(-1)));
          const leaf = authority.issue({
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
