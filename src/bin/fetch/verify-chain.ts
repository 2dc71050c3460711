import type { Command } from "commander";
import { sha256 } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import { type Certificate, decodeCertificateFile } from "../../format/cms/certificate.ts";
import { ANY_POLICY } from "../../format/cms/certificate-extensions.ts";
import { type VerifiedPath, verifyCertificatePath } from "../../trust/certification-path.ts";
import { readPublicKey } from "../../trust/signature.ts";
import { compiledIn, refuseAnotherAnchor } from "../client/compiled-in.ts";
import { command, repeated, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";
import { type CrlOptions, loadCrls, withCrlOptions } from "../trust-options.ts";

type Options = CrlOptions & {
  readonly trustAnchor: readonly string[];
  readonly untrusted: readonly string[];
  readonly time?: string;
  readonly policy: readonly string[];
  readonly explicitPolicy?: boolean;
  readonly inhibitAnyPolicy?: boolean;
  readonly inhibitPolicyMapping?: boolean;
  readonly purpose: string;
};

export function verifyChainCommand({ say }: Tools): Command {
  return withCrlOptions(
    command(
      "verify-chain",
      "prove one certificate by RFC 5280, section 6; for audits and conformance suites",
      [
        "themis-fetch verify-chain signer.pem --trust-anchor root.pem --untrusted ca.pem",
        "themis-fetch verify-chain signer.pem --trust-anchor root.pem --untrusted ca.pem --crl root.crl --crl ca.crl --require-crl",
      ],
    )
      .argument("<leaf>", "the certificate in question, PEM or DER")
      .option("--trust-anchor <file>", "a pinned certificate, PEM or DER; repeat for more", repeated, [])
      .option(
        "--untrusted <file>",
        "certificates that may lie between, in any order; repeat for more",
        repeated,
        [],
      )
      .option("--time <time>", "prove it as of then, such as 2026-06-01T00:00:00Z (default: now)")
      .option(
        "--policy <oid>",
        "an acceptable certificate policy; repeat for more; none means any",
        repeated,
        [],
      )
      .option("--explicit-policy", "an acceptable policy must hold")
      .option("--inhibit-any-policy", "anyPolicy in a certificate counts for nothing")
      .option("--inhibit-policy-mapping", "a CA may not rename policies")
      .option("--purpose <name>", "codesigning as devices ask, or any", "codesigning"),
  ).action(async (leaf: string, options: Options) => {
    const path = await verifyChain(leaf, options);
    say.result(toJson(path), toText(path));
  });
}

/** @throws ThemisError USAGE, ANCHOR_COMPILED_IN, FILE_UNREADABLE; CmsError, TrustError */
async function verifyChain(leaf: string, options: Options): Promise<VerifiedPath> {
  const own = compiledIn();
  if (own) refuseAnotherAnchor(options.trustAnchor[0], own);
  else if (options.trustAnchor.length === 0)
    throw usage("--trust-anchor is needed: only a pinned certificate can vouch");
  const { purpose } = options;
  if (purpose !== "codesigning" && purpose !== "any") {
    throw usage(`--purpose takes codesigning or any, not ${JSON.stringify(purpose)}`);
  }
  const [signer, more] = await readCertificates(leaf);
  if (more !== undefined) throw usage(`${leaf} holds several certificates; give the others with --untrusted`);
  // Nobody signs with it here, and a key that could sign nothing is no answer.
  readPublicKey(signer!.spki);
  return verifyCertificatePath({
    signer: signer!,
    intermediates: (await Promise.all(options.untrusted.map(readCertificates))).flat(),
    anchors: own?.trustAnchors ?? (await Promise.all(options.trustAnchor.map(loadTrustAnchors))).flat(),
    now: parseTime(options.time),
    purpose,
    policies: {
      acceptable: new Set(options.policy.length === 0 ? [ANY_POLICY] : options.policy.map(parsePolicy)),
      requireExplicitPolicy: options.explicitPolicy ?? false,
      inhibitPolicyMapping: options.inhibitPolicyMapping ?? false,
      inhibitAnyPolicy: options.inhibitAnyPolicy ?? false,
    },
    ...(await loadCrls(options)),
  });
}

async function readCertificates(path: string): Promise<Certificate[]> {
  return decodeCertificateFile(await readInput(path));
}

/** RFC 3339 in UTC. */
function parseTime(text: string | undefined): Date {
  if (text === undefined) return new Date();
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw usage(`--time takes a time such as 2026-06-01T00:00:00Z, not ${JSON.stringify(text)}`);
}

function parsePolicy(text: string): string {
  if (text === "anyPolicy") return ANY_POLICY;
  if (/^[012](\.(0|[1-9]\d*))+$/.test(text) && text.length <= 128) return text;
  throw usage(`--policy takes an object identifier such as 1.3.6.1.4.1.55555.1, not ${JSON.stringify(text)}`);
}

function toJson({ certificates, anchor, policies, notRevoked }: VerifiedPath) {
  return {
    schema: "themis-fetch/verify-chain/1",
    path: [...certificates, anchor.certificate].map((each) => ({
      subject: each.subject.text,
      issuer: each.issuer.text,
      serial: each.serial,
      notAfter: each.notAfter,
      fingerprintSha256: sha256(each.der),
    })),
    policies,
    notRevoked,
  };
}

function toText({ certificates, anchor, policies, notRevoked }: VerifiedPath): string {
  const names = [...certificates, anchor.certificate].map(({ subject }) => subject.text);
  return [
    `valid: ${names.join(" <- ")}`,
    `policies: ${policies.user.join(", ") || "none"}`,
    notRevoked ? "fresh revocation lists vouch for each" : "revocation was not proven for all of them",
  ].join("\n");
}

function usage(message: string): ThemisError {
  return new ThemisError("USAGE", "usage", message);
}
