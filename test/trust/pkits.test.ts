/**
 * NIST's suite for path validation, all of its sections, each test by its name (test/vectors/pkits/README.md):
 * what we say, and what OpenSSL says of the same path.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCertificate } from "../../src/format/cms/certificate.ts";
import { ANY_POLICY } from "../../src/format/cms/certificate-extensions.ts";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../src/trust/certification-path.ts";
import { hasTool } from "../kit/tools.ts";

type Row = {
  readonly id: string;
  readonly title: string;
  readonly valid: boolean;
  readonly code?: string;
  readonly holds?: readonly string[];
  readonly leaf: string;
  readonly untrusted: readonly string[];
  readonly crls: readonly string[];
  readonly policies?: readonly string[];
  readonly flags?: readonly string[];
};

type Data = { readonly certificates: Record<string, string>; readonly crls: Record<string, string> };

const folder = resolve(import.meta.dirname, "../vectors/pkits");
const rows: readonly Row[] = JSON.parse(readFileSync(join(folder, "tests.json"), "utf8"));
const data: Data = JSON.parse(gunzipSync(readFileSync(join(folder, "data.json.gz"))).toString());

/** Every certificate and list of the suite is current then, unless a test is about one that is not. */
const now = new Date("2026-06-01T00:00:00Z");

/** DSA is not in the profile: refused as an algorithm, whatever the signature is worth. */
const NOT_APPLYING = ["4.1.4", "4.1.5", "4.1.6"];

const root = Buffer.from(data.certificates["TrustAnchorRootCertificate.crt"]!, "base64");
const certificate = (name: string): Buffer => Buffer.from(data.certificates[name]!, "base64");
const list = (name: string): Buffer => Buffer.from(data.crls[name]!, "base64");

function verify({ leaf, untrusted, crls, policies = [], flags = [] }: Row) {
  return verifyCertificatePath({
    signer: decodeCertificate(certificate(leaf)),
    intermediates: untrusted.map((name) => decodeCertificate(certificate(name))),
    anchors: readTrustAnchors(root),
    crls: crls.map((name) => decodeCrl(list(name))),
    requireCrl: true,
    now,
    purpose: "any",
    policies: {
      acceptable: new Set(policies.length === 0 ? [ANY_POLICY] : policies),
      requireExplicitPolicy: flags.includes("explicit-policy"),
      inhibitPolicyMapping: flags.includes("inhibit-policy-mapping"),
      inhibitAnyPolicy: flags.includes("inhibit-any-policy"),
    },
  });
}

it("has every section of the suite", () => {
  const sections = new Set(rows.map(({ id }) => id.split(".").slice(0, 2).join(".")));
  expect([...sections]).toEqual(Array.from({ length: 16 }, (_, index) => `4.${index + 1}`));
  expect(new Set(rows.map(({ id }) => id)).size).toBe(247);
});

describe("valid paths are accepted", () => {
  it.each(rows.filter(({ id, valid }) => valid && !NOT_APPLYING.includes(id)))("$id $title", (row) => {
    const { policies } = verify(row);
    if (row.holds !== undefined) expect(policies.user).toEqual(row.holds);
  });
});

describe("invalid paths are refused", () => {
  it.each(rows.filter(({ valid }) => !valid))("$id $title: $code", (row) => {
    expect(() => verify(row)).toThrow(expect.objectContaining({ code: row.code, kind: "refused" }));
  });
});

describe("does not apply, because of DSA:", () => {
  it.each(rows.filter(({ id }) => NOT_APPLYING.includes(id)))("$id $title", (row) => {
    expect(() => verify(row)).toThrow(expect.objectContaining({ code: row.code, kind: "refused" }));
  });
});

/** Where `openssl verify` 3 and we differ from each other, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  "4.14.30": "the signer of the list vouches for itself; OpenSSL gives up, the suite calls the path valid",
};

describe.skipIf(!hasTool("openssl"))("openssl verify", () => {
  let work: string;
  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), "themis-pkits-"));
    for (const name of Object.keys(data.certificates)) writePem(name, "CERTIFICATE", certificate(name));
    for (const name of Object.keys(data.crls)) writePem(name, "X509 CRL", list(name));
  });
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  function writePem(name: string, label: string, der: Buffer): void {
    const lines = der.toString("base64").match(/.{1,64}/g)!;
    writeFileSync(
      join(work, name),
      [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n"),
    );
  }

  async function accepts({ leaf, untrusted, crls, policies = [], flags = [] }: Row): Promise<boolean> {
    const words = ["verify", "-CAfile", join(work, "TrustAnchorRootCertificate.crt")];
    words.push("-attime", String(now.getTime() / 1000), "-crl_check_all", "-extended_crl", "-use_deltas");
    words.push("-policy_check", "-auth_level", "1");
    for (const policy of policies.length === 0 ? ["anyPolicy"] : policies) words.push("-policy", policy);
    if (flags.includes("explicit-policy")) words.push("-explicit_policy");
    if (flags.includes("inhibit-policy-mapping")) words.push("-inhibit_map");
    if (flags.includes("inhibit-any-policy")) words.push("-inhibit_any");
    for (const name of untrusted) words.push("-untrusted", join(work, name));
    for (const name of crls) words.push("-CRLfile", join(work, name));
    const child = spawn("openssl", [...words, join(work, leaf)], { stdio: "ignore" });
    return (await new Promise((done) => child.on("close", done))) === 0;
  }

  it("agrees on every test but those with a reason", async () => {
    const differing: string[] = [];
    for (const row of rows) {
      const ours = row.code === undefined;
      if ((await accepts(row)) !== ours) differing.push(row.id);
    }
    expect(differing).toEqual(Object.keys(DIFFERENCES));
  });
});
