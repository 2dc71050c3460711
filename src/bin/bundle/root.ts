import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { ThemisError } from "../../base/error.ts";
import { decodeSignedData } from "../../format/cms/signed-data.ts";
import { ROLE_NAMES, type RoleName, trustRootKind } from "../../format/trust-root/trust-root.ts";
import { openSigner, signManifest } from "../../publish/sign/sign.ts";
import { proveChain, readFileOf, readTrustRootFiles, signaturePath } from "../../publish/trust-root/chain.ts";
import { createTrustRoot, type RoleWish, roleName } from "../../publish/trust-root/create.ts";
import { publishTrustRoots } from "../../publish/trust-root/trust-root-page.ts";
import { MAX_THRESHOLD } from "../../trust/threshold.ts";
import { TrustError } from "../../trust/trust-error.ts";
import {
  checkNotExpired,
  checkOwnRole,
  readTrustRoot,
  type TrustRoot,
  type TrustRootFiles,
} from "../../trust/trust-root.ts";
import { MAX_SIGNATURE_BYTES } from "../../trust/verify-signature.ts";
import { command, repeated, type Tools, wholeNumber } from "../program.ts";
import { readInput } from "../read-input.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";
import { loadTrustPolicy, type TrustOptions, withTrustOptions } from "../trust-options.ts";
import { parsePadding } from "./make-signature.ts";
import { parsePage } from "./publish.ts";
import { secretSources } from "./secrets.ts";

export function rootCommand(tools: Tools): Command {
  const root = command("root", "the trust root: which anchors may vouch for what, and how they are replaced");
  for (const make of [createCommand, signCommand, verifyCommand, publishCommand])
    root.addCommand(make(tools));
  return root;
}

type CreateOptions = {
  readonly out: string;
  readonly expires: string;
  readonly issued?: string;
  readonly product?: string;
  readonly previous?: string;
  readonly minSequence?: number;
} & Readonly<
  Record<"anchor" | "threshold" | "anchorThreshold" | "usage" | "policy" | "revoke", readonly string[]>
>;

function createCommand({ say }: Tools): Command {
  return command(
    "create",
    "write the next trust root document, unsigned; what is not mentioned stays as it is",
    [
      "themis-bundle root create --product app --expires 2027-12-31 --anchor root=a.pem --anchor root=b.pem --threshold root=2 --anchor release=ci.pem --out trust-root.1.json",
      "themis-bundle root create --previous trust-root.1.json --expires 2028-12-31 --revoke ci.pem --anchor release=ci2.pem --out trust-root.2.json",
    ],
  )
    .requiredOption("--out <file>", "the document to write")
    .requiredOption("--expires <date>", "after this moment devices believe nothing by it")
    .option("--previous <file>", "the document that this one follows")
    .option("--product <name>", "whose releases it is about; of the first one")
    .option("--issued <date>", "when its signers' certificates must be valid (default: now)")
    .addOption(
      byRole("--anchor <role=file>", "certificates of CAs, PEM, that serve root, release or channel"),
    )
    .addOption(byRole("--threshold <role=n>", "distinct signers that the role wants (default: 1)"))
    .addOption(
      byRole(
        "--anchor-threshold <role=n>",
        "distinct anchors among theirs (default: all of root's threshold, else 1)",
      ),
    )
    .addOption(byRole("--usage <role=oid>", "an extended key usage that its signers' certificates must have"))
    .addOption(byRole("--policy <role=oid>", "a certificate policy that must hold from anchor to signer"))
    .addOption(byRole("--revoke <file>", "CAs whose keys count for nothing any more, PEM"))
    .option(
      "--min-sequence <n>",
      "no release below is installed, whatever an operator says",
      wholeNumber("--min-sequence", 0, Number.MAX_SAFE_INTEGER),
    )
    .action(async (options: CreateOptions) => {
      const { previous, product, out, minSequence } = options;
      if (existsSync(out))
        throw new ThemisError("OUTPUT_INVALID", "usage", `${out} is there already; nothing was written`);
      const content = createTrustRoot({
        previous: previous === undefined ? undefined : (await readDocument(previous)).document,
        product,
        issued: parseDate("--issued", options.issued ?? new Date().toISOString()),
        expires: parseDate("--expires", options.expires),
        minSequence,
        roles: await wishesOf(options),
        revoke: (await Promise.all(options.revoke.map(loadTrustAnchors))).flat(),
      });
      await writeFileAtomically(out, content);
      const { document } = readTrustRoot(content);
      say.result(
        {
          schema: "themis-bundle/root-create/1",
          path: out,
          version: document.version,
          expires: document.expires,
        },
        `${out}: trust root ${document.version} of ${document.product}, until ${document.expires}; themis-bundle root sign ${out} signs it`,
      );
    });
}

/** As often as it is wanted. */
function byRole(flags: string, description: string): Option {
  return new Option(flags, `${description}; repeat for more`).argParser(repeated).default([], "none");
}

/** @throws ThemisError USAGE; PublishError TRUST_ROOT_INVALID; TrustError ANCHOR_MALFORMED */
async function wishesOf(options: CreateOptions): Promise<Readonly<Record<RoleName, RoleWish>>> {
  const of = (option: "anchor" | "threshold" | "anchorThreshold" | "usage" | "policy", flag: string) =>
    Map.groupBy(
      options[option].map((text) => splitRole(flag, text)),
      ({ role }) => role,
    );
  const anchors = of("anchor", "--anchor");
  const [thresholds, anchorThresholds] = [
    of("threshold", "--threshold"),
    of("anchorThreshold", "--anchor-threshold"),
  ];
  const [usages, policies] = [of("usage", "--usage"), of("policy", "--policy")];
  const wish = async (name: RoleName): Promise<RoleWish> => {
    const files = anchors.get(name)?.map(({ value }) => value);
    const count = (flag: string, all: typeof thresholds): number | undefined => {
      const text = onlyOne(flag, name, all);
      return text === undefined ? undefined : wholeNumber(flag, 1, MAX_THRESHOLD)(text);
    };
    return {
      anchors: files && (await Promise.all(files.map(loadTrustAnchors))).flat(),
      threshold: count("--threshold", thresholds),
      anchorThreshold: count("--anchor-threshold", anchorThresholds),
      usage: onlyOne("--usage", name, usages),
      policy: onlyOne("--policy", name, policies),
    };
  };
  const [root, release, channel] = await Promise.all(ROLE_NAMES.map(wish));
  return { root: root!, release: release!, channel: channel! };
}

type OfRole = { readonly role: RoleName; readonly value: string };

/** @throws ThemisError USAGE; PublishError TRUST_ROOT_INVALID */
function splitRole(flag: string, text: string): OfRole {
  const at = text.indexOf("=");
  if (at > 0) return { role: roleName(text.slice(0, at)), value: text.slice(at + 1) };
  throw new ThemisError("USAGE", "usage", `${flag} takes ROLE=VALUE, not ${JSON.stringify(text)}`, {
    hint: `the roles are ${ROLE_NAMES.join(", ")}`,
  });
}

function onlyOne(
  flag: string,
  name: RoleName,
  all: ReadonlyMap<RoleName, readonly OfRole[]>,
): string | undefined {
  const [first, more] = all.get(name) ?? [];
  if (more === undefined) return first?.value;
  throw new ThemisError("USAGE", "usage", `${flag} is given twice for ${name}, and only one can count`);
}

type SignOptions = {
  readonly key: string;
  readonly certificates: string;
  readonly rsaPadding: string;
  readonly passphraseFile?: string;
  readonly pinFile?: string;
};

function signCommand({ say }: Tools): Command {
  return command(
    "sign",
    "sign a trust root document; a signature that is there stays, and this one is added",
    ["themis-bundle root sign trust-root.1.json --key a-key.pem --certificates a.pem"],
  )
    .argument("<document>", "made by themis-bundle root create; its signature is DOCUMENT.p7s")
    .requiredOption("--key <key>", "a PKCS#8 PEM file, or a pkcs11: URI (RFC 7512)")
    .requiredOption("--certificates <file>", "the signer's certificate, then its chain, PEM")
    .option("--rsa-padding <name>", "pkcs1 or pss, for RSA keys", "pkcs1")
    .option("--passphrase-file <file>", "for an encrypted key; or THEMIS_KEY_PASSPHRASE")
    .option("--pin-file <file>", "for a token; or pin-source in the URI, THEMIS_PIN, a prompt; tried once")
    .action(async (path: string, options: SignOptions) => {
      const rsaPadding = parsePadding(options.rsaPadding);
      const certificatesPem = (await readInput(options.certificates)).toString("latin1");
      const { document, content } = await readDocument(path);
      const addTo = await readFileOf(signaturePath(path), MAX_SIGNATURE_BYTES);
      const secrets = secretSources(options);
      const signer = await openSigner({ key: options.key, secrets, rsaPadding, certificatesPem });
      try {
        // Devices ask whether the signer's certificate was valid then.
        const now = new Date(document.issued);
        const signature = await signManifest({ manifest: content, certificatesPem, signer, now, addTo });
        await writeFileAtomically(signaturePath(path), signature);
        const signers = decodeSignedData(signature).signers.length;
        const lacking = lackingOf({ content, signature });
        say.result(
          {
            schema: "themis-bundle/root-sign/1",
            version: document.version,
            algorithm: signer.algorithm,
            signers,
            ownRole: lacking === "",
          },
          `signed trust root ${document.version} (${signer.algorithm}); ${signers} have signed${lacking && `; its own root role is not satisfied yet: ${lacking}`}`,
        );
      } finally {
        await signer.close();
      }
    });
}

/** Why its own root role is not satisfied; "" when it is. */
function lackingOf(files: TrustRootFiles): string {
  try {
    checkOwnRole(files);
    return "";
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    return error.message;
  }
}

function verifyCommand({ say }: Tools): Command {
  const made = command("verify", "prove trust root documents, each by the one before it, as devices do", [
    "themis-bundle root verify trust-root.1.json trust-root.2.json --trust-anchor a.pem",
    "themis-bundle root verify trust-root.3.json --trust-root trust-root.2.json",
  ])
    .argument("<documents...>", "from version 1 on, or from the one after --trust-root; each beside its .p7s")
    .option("--trust-anchor <file>", "the certificates that devices pin, PEM");
  return withTrustOptions(made).action(
    async (paths: readonly string[], options: TrustOptions & { readonly trustAnchor?: string }) => {
      const policy = await loadTrustPolicy(options, options.trustAnchor);
      if (policy.trustRoot?.kind === "source")
        throw new ThemisError("USAGE", "usage", "--trust-root takes a file here: there is no source");
      const proven = proveChain(await readTrustRootFiles(paths), policy, new Date());
      checkNotExpired(proven.at(-1)!.root, Date.now());
      const roots = proven.map(({ root: { document, sha256 }, report }) => ({
        version: document.version,
        sha256,
        issued: document.issued,
        expires: document.expires,
        signers: report.signers.map(({ subject, anchor, algorithm }) => ({ subject, anchor, algorithm })),
      }));
      say.result(
        { schema: "themis-bundle/root-verify/1", product: proven[0]!.root.document.product, roots },
        roots
          .map(({ version, expires, signers }) => {
            const who = signers.map(({ subject }) => subject).join("; ");
            return `trust root ${version} is proven, until ${expires}: ${who}`;
          })
          .join("\n"),
      );
    },
  );
}

function publishCommand({ say }: Tools): Command {
  const made = command("publish", "put trust root documents onto a release page, where devices find them", [
    "themis-bundle root publish trust-root.1.json trust-root.2.json --to file:/srv/releases/app --trust-anchor a.pem",
  ])
    .argument("<documents...>", "those that are not there yet; each beside its .p7s")
    .requiredOption("--to <page>", "file:FOLDER, which any web server can serve")
    .option("--trust-anchor <file>", "also prove version 1 as devices do that pin these certificates");
  return made.action(
    async (paths: readonly string[], options: { readonly to: string; readonly trustAnchor?: string }) => {
      const page = parsePage(options.to);
      const { trustAnchor } = options;
      const policy = trustAnchor === undefined ? undefined : await loadTrustPolicy({ crl: [] }, trustAnchor);
      const files = await readTrustRootFiles(paths);
      const written = await publishTrustRoots({ files, page, policy, now: new Date() });
      say.result(
        { schema: "themis-bundle/root-publish/1", location: page, written, changed: written.length > 0 },
        written.length > 0
          ? `published in ${page}: ${written.join(", ")}`
          : `all of it is in ${page}; nothing to do`,
      );
    },
  );
}

/** @throws ThemisError FILE_UNREADABLE; TrustError TRUST_ROOT_MALFORMED */
async function readDocument(path: string): Promise<TrustRoot & { readonly content: Uint8Array }> {
  const content = await readInput(path, trustRootKind.maxBytes);
  return { ...readTrustRoot(content), content };
}

/** @throws ThemisError USAGE */
function parseDate(flag: string, text: string): Date {
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date;
  throw new ThemisError("USAGE", "usage", `${flag} ${JSON.stringify(text)} is not a date`, {
    hint: "write it as 2027-12-31 or 2027-12-31T12:00:00Z",
  });
}
