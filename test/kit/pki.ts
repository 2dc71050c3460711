/**
 * A real certification authority in a temp folder, made with the `openssl` command.
 *
 *   root  ->  intermediate 1  ->  intermediate 2  ->  signer     and another root of the same making
 *
 * A `defect` makes exactly one thing wrong, so that a test can say which rule refused it.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type KeyKind = "rsa-3072" | "p-256" | "p-384" | "ed25519";

export type PkiDefect = "expired-signer" | "no-code-signing" | "root-not-ca";

export type PkiRequest = {
  /** The signer's key. */
  readonly key?: KeyKind;
  /** The keys of all CAs. */
  readonly caKey?: KeyKind;
  readonly intermediates?: number;
  readonly defect?: PkiDefect;
};

/** A certificate with its key, as files and bytes. */
export type Identity = {
  readonly name: string;
  readonly keyPath: string;
  readonly certificatePath: string;
  readonly pem: Buffer;
  readonly der: Buffer;
};

export type Pki = {
  readonly folder: string;
  readonly root: Identity;
  /** Same make, other key, other name: issued nothing. */
  readonly otherRoot: Identity;
  /** From the root downwards. */
  readonly intermediates: readonly Identity[];
  readonly signer: Identity;
  /** PEM of the intermediates, the issuing one first; empty when there are none. */
  readonly chainPath: string;
  /** Another signer of the same issuing CA. */
  issueSigner(name: string, key?: KeyKind): Identity;
  /** A TLS server's certificate from the same CA, for `IP:127.0.0.1` or `DNS:other.invalid`. */
  issueServer(name: string, subject: string, validity?: "now" | "expired"): Identity;
  remove(): void;
};

const VALID = { from: "20200101000000Z", to: "20491231235959Z" };
const PAST = { from: "20200101000000Z", to: "20210101000000Z" };

const INTERMEDIATE = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];

export function makePki({
  key = "p-256",
  caKey = "p-256",
  intermediates: count = 1,
  defect,
}: PkiRequest = {}): Pki {
  const folder = mkdtempSync(join(tmpdir(), "themis-pki-"));
  writeFileSync(
    join(folder, "ca.cnf"),
    "[ca]\ndefault_ca=d\n[d]\nrand_serial=yes\npolicy=p\ndatabase=$ENV::CA_FOLDER/index.txt\nnew_certs_dir=$ENV::CA_FOLDER\nunique_subject=no\ndefault_md=sha256\nemail_in_dn=no\nstring_mask=utf8only\n[p]\norganizationName=supplied\ncommonName=supplied\n[req]\ndistinguished_name=dn\nstring_mask=utf8only\n[dn]\n",
  );
  const rootLines = [
    `basicConstraints=critical,CA:${defect === "root-not-ca" ? "FALSE" : "TRUE"}`,
    "keyUsage=critical,keyCertSign,cRLSign",
  ];
  const root = issue(folder, "root", caKey, undefined, rootLines, VALID);
  const otherRoot = issue(folder, "other-root", caKey, undefined, rootLines, VALID);
  const intermediates: Identity[] = [];
  for (let i = 1; i <= count; i++) {
    const issuer = intermediates.at(-1) ?? root;
    intermediates.push(issue(folder, `intermediate-${i}`, caKey, issuer, INTERMEDIATE, VALID));
  }
  const issuer = intermediates.at(-1) ?? root;
  const validity = defect === "expired-signer" ? PAST : VALID;
  const signer = issue(folder, "signer", key, issuer, signerLines(defect), validity);
  const chainPath = join(folder, "chain.pem");
  writeFileSync(chainPath, Buffer.concat(intermediates.toReversed().map(({ pem }) => pem)));
  return {
    folder,
    root,
    otherRoot,
    intermediates,
    signer,
    chainPath,
    issueSigner: (name, kind = "p-256") => issue(folder, name, kind, issuer, signerLines(undefined), VALID),
    issueServer: (name, subject, state = "now") =>
      issue(folder, name, "p-256", issuer, serverLines(subject), state === "now" ? VALID : PAST),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export type OpensslSignRequest = {
  readonly content: Uint8Array;
  readonly signers: readonly Identity[];
  /** PEM file with intermediates. */
  readonly chainPath?: string;
  readonly digest?: "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" | "sha3-256";
  readonly pss?: boolean;
  /** More words for `openssl cms -sign`: "-keyid", "-noattr", "-cades", "-nodetach" ... */
  readonly extra?: readonly string[];
};

/** A detached CMS signature in DER, as `openssl cms -sign` makes it. */
export function opensslSign({
  content,
  signers,
  chainPath,
  digest = "sha256",
  pss = false,
  extra = [],
}: OpensslSignRequest): Buffer {
  const work = mkdtempSync(join(tmpdir(), "themis-cms-"));
  try {
    writeFileSync(join(work, "content"), content);
    const words = ["cms", "-sign", "-binary", "-outform", "DER", "-md", digest, "-in", join(work, "content")];
    for (const { certificatePath, keyPath } of signers) {
      words.push("-signer", certificatePath, "-inkey", keyPath);
      if (pss) words.push("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:-1");
    }
    if (chainPath !== undefined && readFileSync(chainPath).length > 0) words.push("-certfile", chainPath);
    openssl([...words, ...extra, "-out", join(work, "signature")]);
    return readFileSync(join(work, "signature"));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Whether `openssl cms -verify` accepts a detached signature: a second opinion. */
export function opensslVerifies(root: Identity, content: Uint8Array, signature: Uint8Array): boolean {
  const work = mkdtempSync(join(tmpdir(), "themis-cms-"));
  try {
    writeFileSync(join(work, "content"), content);
    writeFileSync(join(work, "signature"), signature);
    const words = [
      "-content",
      join(work, "content"),
      "-in",
      join(work, "signature"),
      "-CAfile",
      root.certificatePath,
    ];
    openssl([
      "cms",
      "-verify",
      "-binary",
      "-inform",
      "DER",
      "-purpose",
      "any",
      ...words,
      "-out",
      join(work, "out"),
    ]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function signerLines(defect: PkiDefect | undefined): string[] {
  return [
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    `extendedKeyUsage=${defect === "no-code-signing" ? "emailProtection" : "codeSigning"}`,
  ];
}

function serverLines(subject: string): string[] {
  return [
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=serverAuth",
    `subjectAltName=${subject}`,
  ];
}

/** `openssl ca` and not `openssl x509`, because only it can set both dates in OpenSSL 3.0. */
function issue(
  folder: string,
  name: string,
  key: KeyKind,
  issuer: Identity | undefined,
  extensions: readonly string[],
  validity: { readonly from: string; readonly to: string },
): Identity {
  const own = join(folder, name);
  mkdirSync(own);
  writeFileSync(join(own, "index.txt"), "");
  const path = (file: string): string => join(own, file);
  const config = join(folder, "ca.cnf");
  const environment = { CA_FOLDER: own };
  openssl(["genpkey", ...keyWords(key), "-out", path("key.pem")]);
  const subject = `/O=Themis Test/CN=${name}`;
  openssl(
    ["req", "-new", "-config", config, "-key", path("key.pem"), "-subj", subject, "-out", path("csr.pem")],
    environment,
  );
  const lines = [...extensions, "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"];
  writeFileSync(path("extensions.cnf"), `[e]\n${lines.join("\n")}\n`);
  const by = issuer === undefined ? ["-selfsign"] : ["-cert", issuer.certificatePath];
  openssl(
    [
      ...["ca", "-batch", "-notext", "-config", config, ...by],
      ...["-keyfile", issuer?.keyPath ?? path("key.pem"), "-md", "sha256"],
      ...["-startdate", validity.from, "-enddate", validity.to, "-extfile", path("extensions.cnf")],
      ...["-extensions", "e", "-in", path("csr.pem"), "-out", path("cert.pem")],
    ],
    environment,
  );
  const pem = readFileSync(path("cert.pem"));
  const der = Buffer.from(pem.toString("latin1").replace(/-----[^-]+-----|\s/g, ""), "base64");
  return { name, keyPath: path("key.pem"), certificatePath: path("cert.pem"), pem, der };
}

function keyWords(key: KeyKind): string[] {
  switch (key) {
    case "rsa-3072":
      return ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"];
    case "p-256":
      return ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    case "p-384":
      return ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
    case "ed25519":
      return ["-algorithm", "ED25519"];
  }
}

function openssl(words: readonly string[], environment: Readonly<Record<string, string>> = {}): void {
  execFileSync("openssl", words, { stdio: "pipe", env: { ...process.env, CA_FOLDER: "", ...environment } });
}
