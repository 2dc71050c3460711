/**
 * Certificates and revocation lists of any shape, made with the `openssl` command: for rules that need more than
 * the one honest hierarchy of `pki.ts`.
 *
 *   authority.issue({ name: "ca", by: root, extensions: ["basicConstraints=critical,CA:TRUE"] })
 *   authority.list({ by: ca, revoked: [{ certificate: leaf, reason: "keyCompromise" }] })
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Identity } from "./pki.ts";

export type IssueRequest = {
  readonly name: string;
  /** Who signs; itself when nobody does. */
  readonly by?: Identity | undefined;
  /** "/O=Themis Test/CN=<name>" unless given. */
  readonly subject?: string;
  /** Lines of an `openssl` extension section. */
  readonly extensions: readonly string[];
  /** Has the key of this one. */
  readonly keyOf?: Identity;
  /** Words behind `-newkey`; a key on P-256 unless given. */
  readonly newKey?: readonly string[];
  /** What the issuer signs with. */
  readonly digest?: string;
  readonly from?: string;
  readonly to?: string;
  /** Hex; random unless given. */
  readonly serial?: string;
};

export type ListRequest = {
  readonly by: Identity;
  readonly revoked?: readonly Revocation[];
  readonly from?: string;
  readonly to?: string;
  readonly number?: number;
  /** Lines besides number and key identifier. */
  readonly extensions?: readonly string[];
  /** A list of version 1 has no extensions at all. */
  readonly version1?: boolean;
};

export type Revocation = { readonly certificate: Identity; readonly reason?: string };

export type List = { readonly path: string; readonly der: Buffer };

const CONFIG = `[ca]
default_ca=d
[d]
rand_serial=yes
policy=p
database=$ENV::CA_FOLDER/index.txt
new_certs_dir=$ENV::CA_FOLDER
crlnumber=$ENV::CA_FOLDER/crlnumber
unique_subject=no
default_md=sha256
email_in_dn=yes
string_mask=utf8only
[p]
countryName=optional
organizationName=optional
organizationalUnitName=optional
commonName=optional
emailAddress=optional
[req]
distinguished_name=dn
string_mask=utf8only
[dn]
`;

export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), "themis-authority-"));
  #made = 0;

  constructor() {
    writeFileSync(this.#at("ca.cnf"), CONFIG);
  }

  /** `openssl ca` and not `openssl x509`, because only it can set both dates in OpenSSL 3.0. */
  issue({
    name,
    by,
    subject = `/O=Themis Test/CN=${name}`,
    extensions,
    keyOf,
    ...odd
  }: IssueRequest): Identity {
    const own = this.#at(`${++this.#made}-${name}`);
    mkdirSync(own);
    writeFileSync(join(own, "index.txt"), "");
    writeFileSync(join(own, "extensions.cnf"), `[e]\n${extensions.join("\n")}\n`);
    const keyPath = keyOf?.keyPath ?? join(own, "key.pem");
    const request = join(own, "csr.pem");
    const dn = ["-subj", subject, "-utf8"];
    const { newKey = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], digest = "sha256" } = odd;
    const fresh = ["-newkey", ...newKey, "-nodes", "-keyout", keyPath];
    const key = keyOf === undefined ? fresh : ["-key", keyPath];
    this.#openssl(own, ["req", "-new", "-config", this.#at("ca.cnf"), ...key, ...dn, "-out", request]);
    const signer =
      by === undefined
        ? ["-selfsign", "-keyfile", keyPath]
        : ["-cert", by.certificatePath, "-keyfile", by.keyPath];
    const dates = ["-startdate", odd.from ?? "20200101000000Z", "-enddate", odd.to ?? "20491231235959Z"];
    const out = join(own, "cert.pem");
    if (odd.serial !== undefined) {
      writeFileSync(join(own, "serial"), `${odd.serial}\n`);
      const fixed = CONFIG.replace("rand_serial=yes", `serial=${join(own, "serial")}`);
      writeFileSync(join(own, "ca.cnf"), fixed);
    }
    const config = odd.serial === undefined ? this.#at("ca.cnf") : join(own, "ca.cnf");
    this.#openssl(own, [
      ...["ca", "-batch", "-notext", "-preserveDN", "-config", config, ...signer, ...dates, "-in", request],
      ...["-extfile", join(own, "extensions.cnf"), "-extensions", "e", "-md", digest, "-out", out],
    ]);
    const pem = readFileSync(out);
    return { name, keyPath, certificatePath: out, pem, der: derOf(pem) };
  }

  list({ by, revoked = [], from, to, number = 1, extensions = [], version1 = false }: ListRequest): List {
    const own = this.#at(`${++this.#made}-list`);
    mkdirSync(own);
    const lines = revoked.map(({ certificate, reason }) => {
      const serial = this.#openssl(own, ["x509", "-noout", "-serial", "-in", certificate.certificatePath]);
      const when = `260101000000Z${reason === undefined ? "" : `,${reason}`}`;
      return ["R", "491231235959Z", when, serial.trim().replace("serial=", ""), "unknown", "/CN=x"].join(
        "\t",
      );
    });
    writeFileSync(join(own, "index.txt"), lines.map((line) => `${line}\n`).join(""));
    const digits = number.toString(16).toUpperCase();
    writeFileSync(join(own, "crlnumber"), `${digits.length % 2 === 0 ? "" : "0"}${digits}\n`);
    const section = ["authorityKeyIdentifier=keyid", ...extensions].join("\n");
    const config = join(own, "ca.cnf");
    writeFileSync(config, version1 ? CONFIG.replace(/^crlnumber.*\n/m, "") : `${CONFIG}[x]\n${section}\n`);
    const path = join(own, "list.pem");
    this.#openssl(own, [
      ...["ca", "-gencrl", "-config", config, "-cert", by.certificatePath, "-keyfile", by.keyPath],
      ...["-crl_lastupdate", from ?? "20260101000000Z", "-crl_nextupdate", to ?? "20491231235959Z"],
      ...[...(version1 ? [] : ["-crlexts", "x"]), "-out", path],
    ]);
    return { path, der: derOf(readFileSync(path)) };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #at(name: string): string {
    return join(this.folder, name);
  }

  #openssl(own: string, words: readonly string[]): string {
    return execFileSync("openssl", words, {
      stdio: "pipe",
      encoding: "utf8",
      env: { ...process.env, CA_FOLDER: own },
    });
  }
}

function derOf(pem: Buffer): Buffer {
  return Buffer.from(pem.toString("latin1").replace(/-----[^-]+-----|\s/g, ""), "base64");
}

export function pemOf(label: "CERTIFICATE" | "X509 CRL", der: Uint8Array): Buffer {
  const lines = Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g)!;
  return Buffer.from([`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n"));
}

export type OpensslVerifyRequest = {
  readonly leaf: Identity;
  readonly root: Identity;
  readonly untrusted?: readonly Identity[];
  readonly lists?: readonly List[];
  /** "-policy_check", "-explicit_policy" ... */
  readonly words?: readonly string[];
  readonly now: Date;
};

/** Whether `openssl verify` accepts a chain: a second opinion. */
export function opensslAccepts({
  leaf,
  root,
  untrusted = [],
  lists,
  words = [],
  now,
}: OpensslVerifyRequest): boolean {
  const files = untrusted.flatMap(({ certificatePath }) => ["-untrusted", certificatePath]);
  const crls = lists?.flatMap(({ path }) => ["-CRLfile", path]) ?? [];
  const revocation = lists === undefined ? [] : ["-crl_check_all", "-extended_crl", "-use_deltas"];
  const time = ["-attime", String(now.getTime() / 1000)];
  try {
    execFileSync(
      "openssl",
      [
        "verify",
        "-CAfile",
        root.certificatePath,
        ...time,
        ...revocation,
        ...words,
        ...files,
        ...crls,
        leaf.certificatePath,
      ],
      { stdio: "pipe" },
    );
    return true;
  } catch {
    return false;
  }
}
