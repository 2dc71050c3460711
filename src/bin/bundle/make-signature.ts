/**
 * The options by which a bundle's signature is made, and the three ways of making it.
 *
 *   --key KEY                                  signs here
 *   --digest-only --out TBS                    hands out what a key elsewhere must sign
 *   --attach SIGNATURE --tbs TBS               takes its signature back
 */
import { join } from "node:path";
import type { Command } from "commander";
import { checkOutput, writeFileAtomically } from "../../base/atomic-file.ts";
import { ThemisError } from "../../base/error.ts";
import { signingRequestKind } from "../../format/manifest/signing-request.ts";
import type { OpenBundle } from "../../publish/bundle.ts";
import { type Asked, askForSignature, attachSignature, type Subject } from "../../publish/sign/elsewhere.ts";
import { openSigner, signManifest } from "../../publish/sign/sign.ts";
import type { RsaPadding, SignatureAlgorithm } from "../../publish/sign/signer.ts";
import { readInput } from "../read-input.ts";
import { secretSources } from "./secrets.ts";

export type MakingOptions = {
  readonly certificates: string;
  readonly key?: string;
  readonly rsaPadding?: string;
  readonly passphraseFile?: string;
  readonly pinFile?: string;
  readonly digestOnly?: boolean;
  readonly out?: string;
  readonly attach?: string;
  readonly tbs?: string;
};

export type Way =
  | { readonly kind: "here"; readonly key: string; readonly rsaPadding: RsaPadding }
  | { readonly kind: "ask"; readonly out: string; readonly rsaPadding: RsaPadding }
  | { readonly kind: "attach"; readonly signature: string; readonly tbs: string };

export type Made = { readonly signature: Uint8Array; readonly algorithm: SignatureAlgorithm };

/** An RSA key of 16384 bits signs with 2048 bytes; base64 and line ends make them more. */
const MAX_BROUGHT_BYTES = 4096;

export function withMakingOptions(made: Command): Command {
  return made
    .requiredOption("--certificates <file>", "the signer's certificate, then its chain, PEM")
    .option("--key <key>", "a PKCS#8 PEM file, or a pkcs11: URI (RFC 7512)")
    .option("--rsa-padding <name>", "pkcs1 or pss, for RSA keys (default: pkcs1)")
    .option("--passphrase-file <file>", "for an encrypted key; or THEMIS_KEY_PASSPHRASE")
    .option("--pin-file <file>", "for a token; or pin-source in the URI, THEMIS_PIN, a prompt; tried once")
    .option("--digest-only", "sign nothing: write to --out what a key elsewhere must sign")
    .option(
      "--out <tbs>",
      "of --digest-only: the request; beside it .der, which is to be signed, and .digest",
    )
    .option("--attach <signature>", "the signature that a key elsewhere made, raw or base64; needs --tbs")
    .option("--tbs <file>", "of --attach: the request that the signature answers");
}

/** @throws ThemisError USAGE */
export function wayOf(options: MakingOptions): Way {
  const { key, digestOnly, out, attach, tbs } = options;
  const [way, ...others] = [
    key !== undefined && "--key",
    digestOnly && "--digest-only",
    attach !== undefined && "--attach",
  ].filter((each) => typeof each === "string");
  if (way === undefined) {
    throw usage("a key is needed to sign", "give --key; or --digest-only, and --attach, for a key elsewhere");
  }
  if (others.length > 0) throw usage(`${way} and ${others.join(" and ")} exclude each other`);
  refuseStray(options, way);
  if (key !== undefined) return { kind: "here", key, rsaPadding: parsePadding(options.rsaPadding) };
  if (attach !== undefined) {
    if (tbs === undefined) throw usage("--attach needs --tbs, the request that the signature answers");
    return { kind: "attach", signature: attach, tbs };
  }
  if (out === undefined) throw usage("--digest-only needs --out, a file for the request");
  return { kind: "ask", out, rsaPadding: parsePadding(options.rsaPadding) };
}

/** What is said for another way would be forgotten in silence. */
function refuseStray(options: MakingOptions, way: string): void {
  const belongs: Readonly<Record<string, readonly string[]>> = {
    out: ["--digest-only"],
    tbs: ["--attach"],
    pinFile: ["--key"],
    passphraseFile: ["--key"],
    // What is attached is padded as was asked for.
    rsaPadding: ["--key", "--digest-only"],
  };
  for (const [name, ways] of Object.entries(belongs)) {
    if (options[name as keyof MakingOptions] === undefined || ways.includes(way)) continue;
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw usage(`${flag} belongs to ${ways.join(" or ")}, and ${way} is given`, `leave ${flag} out`);
  }
}

/** @throws SignError, TrustError; InputError, ThemisError FILE_UNREADABLE; JsonError, DocumentError */
export async function makeSignature(
  subject: Subject,
  way: Exclude<Way, { kind: "ask" }>,
  options: MakingOptions,
): Promise<Made> {
  if (way.kind === "attach") {
    const request = await readInput(way.tbs, signingRequestKind.maxBytes);
    const signature = await readInput(way.signature, MAX_BROUGHT_BYTES);
    return attachSignature(subject, { request, signature });
  }
  const { key, rsaPadding } = way;
  const { certificatesPem } = subject;
  const signer = await openSigner({ key, secrets: secretSources(options), rsaPadding, certificatesPem });
  try {
    return { signature: await signManifest({ ...subject, signer }), algorithm: signer.algorithm };
  } finally {
    await signer.close();
  }
}

/** The request last: where it is, the two beside it are of it. @throws as askForSignature; ThemisError OUTPUT_INVALID */
export async function writeAsked(
  subject: Subject,
  { out, rsaPadding }: Way & { kind: "ask" },
): Promise<Asked & { readonly files: readonly string[] }> {
  const files = [out, `${out}.der`, `${out}.digest`];
  for (const file of files) checkOutput(file);
  const asked = askForSignature(subject, rsaPadding);
  await writeFileAtomically(files[1]!, asked.signedAttributes);
  await writeFileAtomically(files[2]!, asked.digest);
  await writeFileAtomically(out, asked.bytes);
  return { ...asked, files };
}

/** Why it is written, for a person and for a program. */
export function askedResult({ request, files }: Awaited<ReturnType<typeof writeAsked>>): {
  readonly value: object;
  readonly text: string;
} {
  const { product, version, algorithm, digest, digest_algorithm, signing_time } = request;
  const [tbs, der, digestFile] = files;
  return {
    value: {
      ...{ schema: "themis-bundle/signing-request/1", product, version, algorithm },
      ...{ digestAlgorithm: digest_algorithm, digest, signingTime: signing_time, tbs, der, digestFile },
    },
    text: [
      `to be signed for ${product} ${version} (${algorithm}): ${der}, or its digest ${digestFile}`,
      `${digest_algorithm} ${digest}`,
      `take the signature back with --attach SIGNATURE --tbs ${tbs}`,
    ].join("\n"),
  };
}

export async function subjectOf(
  { manifest: { product, version }, manifestBytes: manifest }: OpenBundle,
  { certificates, trustAnchor }: MakingOptions & { readonly trustAnchor?: string },
): Promise<Subject> {
  const text = async (path: string): Promise<string> => (await readInput(path)).toString("latin1");
  const anchorsPem = trustAnchor === undefined ? undefined : await text(trustAnchor);
  const certificatesPem = await text(certificates);
  return { manifest, product, version, certificatesPem, anchorsPem, now: new Date() };
}

export async function writeSignature(folder: string, signature: Uint8Array): Promise<void> {
  await writeFileAtomically(join(folder, "manifest.json.p7s"), signature);
}

/** @throws ThemisError USAGE */
export function parsePadding(name = "pkcs1"): RsaPadding {
  if (name === "pkcs1" || name === "pss") return name;
  throw usage(`--rsa-padding takes pkcs1 or pss, not ${JSON.stringify(name)}`);
}

function usage(message: string, hint?: string): ThemisError {
  return new ThemisError("USAGE", "usage", message, hint === undefined ? {} : { hint });
}
