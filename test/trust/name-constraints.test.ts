/** What a CA may issue for (RFC 5280, 4.2.1.10), with real certificates; and what OpenSSL says of the same chain. */
import { afterAll, describe } from "vitest";
import { hasTool } from "../kit/tools.ts";
import { CA, ChainKit } from "./chain-kit.ts";

describe.skipIf(!hasTool("openssl"))("name constraints", () => {
  const kit = new ChainKit();
  afterAll(() => kit.authority.remove());

  const only = (...lines: readonly string[]) => [`nameConstraints=critical,${lines.join(",")}`];
  const san = (value: string) => [`subjectAltName=${value}`];
  kit.accepts([
    {
      why: "a DNS name that is permitted",
      build: () => kit.under(only("permitted;DNS:example.org"), san("DNS:a.example.org")),
    },
    {
      why: "the permitted domain itself",
      build: () => kit.under(only("permitted;DNS:example.org"), san("DNS:EXAMPLE.org")),
    },
    {
      why: "a wildcard below what is permitted",
      build: () => kit.under(only("permitted;DNS:example.org"), san("DNS:*.example.org")),
    },
    {
      why: "a name of a form that is not constrained",
      build: () => kit.under(only("permitted;DNS:example.org"), san("email:a@other.org")),
    },
    {
      why: "an address of a permitted host",
      build: () => kit.under(only("permitted;email:example.org"), san("email:a@example.org")),
    },
    {
      why: "a permitted address",
      build: () => kit.under(only("permitted;email:a@example.org"), san("email:a@EXAMPLE.org")),
    },
    {
      why: "an address below a permitted domain",
      build: () => kit.under(only("permitted;email:.example.org"), san("email:a@x.example.org")),
    },
    {
      why: "a URI of a permitted host",
      build: () => kit.under(only("permitted;URI:example.org"), san("URI:https://example.org:8443/x")),
    },
    {
      why: "a URI below a permitted domain",
      build: () => kit.under(only("permitted;URI:.example.org"), san("URI:https://x.example.org/")),
    },
    {
      why: "an IPv4 address in the network",
      build: () => kit.under(only("permitted;IP:10.1.0.0/255.255.0.0"), san("IP:10.1.2.3")),
    },
    {
      why: "an IPv6 address in the network",
      build: () =>
        kit.under(only("permitted;IP:2001:db8:0:0:0:0:0:0/ffff:ffff:0:0:0:0:0:0"), san("IP:2001:db8::1")),
    },
    {
      why: "an IPv4 address beside an excluded network of IPv6",
      build: () => kit.under(only("excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0"), san("IP:10.1.2.3")),
    },
    {
      why: "a permitted directory name, in other letters",
      build: () =>
        kit.under(["nameConstraints=critical,permitted;dirName:tree", "[tree]", "O=themis  TEST"], []),
    },
    {
      why: "a self-issued CA outside of the permitted names",
      build: () => {
        const first = kit.ca(
          kit.root,
          ["nameConstraints=critical,permitted;dirName:tree", "[tree]", "O=Permitted"],
          "first",
        );
        const renewed = kit.authority.issue({ name: "first", by: first, extensions: CA });
        return { leaf: kit.signer(renewed, [], "/O=Permitted/CN=x"), untrusted: [first, renewed] };
      },
    },
  ]);
  kit.refuses("CHAIN_NAME_CONSTRAINTS", [
    {
      why: "a DNS name of another domain",
      build: () => kit.under(only("permitted;DNS:example.org"), san("DNS:example.com")),
    },
    {
      why: "a DNS name that only ends alike",
      build: () => kit.under(only("permitted;DNS:example.org"), san("DNS:badexample.org")),
    },
    {
      why: "an excluded DNS name",
      build: () => kit.under(only("excluded;DNS:bad.example.org"), san("DNS:x.BAD.example.org")),
    },
    {
      why: "one bad name among good ones",
      build: () =>
        kit.under(only("permitted;DNS:example.org"), san("DNS:example.org,DNS:b.example.org,DNS:c.org")),
    },
    {
      why: "a name that is permitted and excluded",
      build: () =>
        kit.under(
          only("permitted;DNS:example.org", "excluded;DNS:bad.example.org"),
          san("DNS:bad.example.org"),
        ),
    },
    {
      why: "a wildcard that stands for an excluded name",
      build: () => kit.under(only("excluded;DNS:bad.example.org"), san("DNS:*.example.org")),
      openssl: "it compares the asterisk as a letter",
    },
    {
      why: "a DNS name with a dot at its end",
      build: () => kit.under(only("excluded;DNS:example.org"), san("DNS:example.org.")),
      openssl: "to it the name is another one than the excluded",
    },
    {
      why: "an address of another host",
      build: () => kit.under(only("permitted;email:example.org"), san("email:a@x.example.org")),
    },
    {
      why: "an address of the domain's own host",
      build: () => kit.under(only("permitted;email:.example.org"), san("email:a@example.org")),
    },
    {
      why: "another address of the host",
      build: () => kit.under(only("permitted;email:a@example.org"), san("email:b@example.org")),
    },
    {
      why: "an excluded address in other letters",
      build: () => kit.under(only("excluded;email:root@example.org"), san("email:ROOT@example.org")),
      openssl: "RFC 5280, 7.5, tells the cases of local parts apart, hosts do not",
    },
    {
      why: "an address in the subject",
      build: () =>
        kit.under(only("permitted;email:example.org"), [], "/O=Themis Test/CN=x/emailAddress=a@other.org"),
    },
    {
      why: "an address in the subject beside an alternative name",
      build: () =>
        kit.under(
          only("permitted;email:example.org"),
          san("DNS:example.org"),
          "/O=Themis Test/CN=x/emailAddress=a@other.org",
        ),
    },
    {
      why: "a URI of another host",
      build: () => kit.under(only("permitted;URI:example.org"), san("URI:https://example.com/")),
    },
    {
      why: "a URI whose user looks like the host",
      build: () => kit.under(only("permitted;URI:example.org"), san("URI:https://example.org@evil.com/")),
    },
    {
      why: "a URI of an address",
      build: () => kit.under(only("excluded;URI:example.org"), san("URI:https://10.0.0.1/")),
      openssl: "it compares the address as a name",
    },
    {
      why: "a URI without a host",
      build: () => kit.under(only("permitted;URI:example.org"), san("URI:urn:a:b")),
    },
    {
      why: "an address outside of the network",
      build: () => kit.under(only("permitted;IP:10.1.0.0/255.255.0.0"), san("IP:10.2.0.1")),
    },
    {
      why: "an excluded network",
      build: () => kit.under(only("excluded;IP:10.1.0.0/255.255.0.0"), san("IP:10.1.9.9")),
    },
    {
      why: "a mask with holes",
      build: () => kit.under(only("permitted;IP:10.0.1.0/255.0.255.0"), san("IP:10.9.1.1")),
      openssl: "it takes any mask; RFC 5280 asks for those of RFC 4632",
    },
    {
      why: "a directory name outside of the tree",
      build: () => kit.under(["nameConstraints=critical,permitted;dirName:tree", "[tree]", "O=Other"], []),
    },
    {
      why: "an excluded directory name, in other letters",
      build: () =>
        kit.under(["nameConstraints=critical,excluded;dirName:tree", "[tree]", "O=THEMIS TEST"], []),
    },
    {
      why: "a form without rules that is constrained",
      build: () => kit.under(only("excluded;RID:1.2.3"), san("RID:1.2.3.4")),
    },
    {
      why: "a permission that a CA below tries to widen",
      build: () => {
        const first = kit.ca(kit.root, only("permitted;DNS:example.org"), "first");
        const second = kit.ca(first, only("permitted;DNS:example.com"), "second");
        return { leaf: kit.signer(second, san("DNS:example.com")), untrusted: [first, second] };
      },
    },
    {
      why: "a name that the anchor does not permit",
      build: () => {
        const anchor = kit.authority.issue({
          name: "narrow",
          extensions: [...CA, ...only("permitted;DNS:example.org")],
        });
        return { leaf: kit.signer(anchor, san("DNS:example.com")), untrusted: [], anchor };
      },
    },
  ]);
});
