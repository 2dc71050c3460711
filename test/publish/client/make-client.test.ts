/** The file that `themis-bundle client` makes: its bytes, its bound, and what it refuses to be made from. */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../../src/base/digest.ts";
import type { CompiledIn } from "../../../src/format/client/compiled-in.ts";
import { describeClient, doubtsAbout } from "../../../src/publish/client/describe-client.ts";
import { MAX_CLIENT_BYTES, makeClient } from "../../../src/publish/client/make-client.ts";
import { SLOTS } from "../../../src/publish/client/template.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { ok, run } from "../../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-client-"));
const at = (...names: string[]): string => join(folder, ...names);
const SOURCE = "https://example.org/app";

beforeAll(async () => {
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  await ok("themis-bundle", "keygen", "--out", at("other"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const words = (out: string, ...more: string[]): string[] => [
  ...["client", "--trust-anchor", at("pki/root.pem"), "--product", "app", "--source", SOURCE, "--out", out],
  ...more,
];

describe("the file", () => {
  it("is the same bytes each time, in any folder, and by any clock", async () => {
    await ok("themis-bundle", ...words(at("one.mjs")));
    mkdirSync(at("elsewhere"));
    cpSync(at("pki/root.pem"), at("elsewhere/anchor.pem"));
    const script = join(import.meta.dirname, "../../../src/bin/themis-bundle.ts");
    const again = words("two.mjs").map((word) => (word === at("pki/root.pem") ? "anchor.pem" : word));
    execFileSync(process.execPath, [script, ...again], {
      cwd: at("elsewhere"),
      env: { ...process.env, TZ: "Pacific/Auckland", LANG: "de_DE.UTF-8", SOURCE_DATE_EPOCH: "1" },
    });
    expect(readFileSync(at("one.mjs")).equals(readFileSync(at("elsewhere/two.mjs")))).toBe(true);
  });

  it("is the same bytes from an anchor with other line breaks and words around it", async () => {
    const pem = readFileSync(at("pki/root.pem"), "utf8");
    writeFileSync(at("words.pem"), `a word before\r\n${pem.replaceAll("\n", "\r\n")}`);
    await ok("themis-bundle", ...words(at("three.mjs"), "--trust-anchor", at("words.pem")).toSpliced(1, 2));
    expect(readFileSync(at("one.mjs")).equals(readFileSync(at("three.mjs")))).toBe(true);
  });

  it(`has fewer than ${MAX_CLIENT_BYTES} bytes, is ASCII, and may be run`, () => {
    const bytes = readFileSync(at("one.mjs"));
    expect(bytes.length).toBeLessThan(MAX_CLIENT_BYTES);
    expect(bytes.every((byte) => byte < 128)).toBe(true);
    expect(statSync(at("one.mjs")).mode & 0o111).toBe(0o111);
  });

  it("says on top what it is, and its digest is that of what follows", () => {
    const text = readFileSync(at("one.mjs"), "latin1");
    const [, claimed] = /^\/\/ sha256 ([0-9a-f]{64}) of everything below this line$/m.exec(text)!;
    const below = text.slice(text.indexOf("\n", text.indexOf(claimed!)) + 1);
    expect(sha256(Buffer.from(below, "latin1"))).toBe(claimed);
    const [anchor] = readTrustAnchors(readFileSync(at("pki/root.pem")));
    expect(text).toContain(`// anchor ${anchor!.fingerprintSha256}\n`);
    expect(text.startsWith("#!/usr/bin/env node\n// themis-fetch ")).toBe(true);
  });
});

describe("the slot", () => {
  const template = `#!/usr/bin/env node\n${SLOTS.words}\nglobalThis.found = ${SLOTS.compiledIn};\n`;
  const known: CompiledIn = {
    schema_version: 1,
    ...{ product: "app", channel: "", threshold: 1, anchors: ["AAAA"] },
    ...{ source: SOURCE, client_product: "app-client", client_source: "", client_path: "themis-fetch.mjs" },
  };

  it.each([
    { what: "quotes", source: `/a"'\`\\b` },
    { what: "the end of a script", source: "/</script><!--" },
    { what: "ends of comments", source: "/*/ //" },
    { what: "line and paragraph separators", source: "/\u2028\u2029" },
    { what: "patterns of replacement", source: "/$&$`$'$1" },
    { what: "a template's holes", source: "/$" + "{process.exit(1)}" },
    { what: "letters beyond ASCII", source: "/Größe-🚀" },
  ])("keeps $what as they are", ({ source }) => {
    const text = Buffer.from(makeClient(template, "1.0.0", { ...known, source })).toString("utf8");
    expect(/^[\x20-\x7e\n]*$/.test(text)).toBe(true);
    expect(text).not.toContain("</script");
    expect(text.split("\n")).toHaveLength(6);
    const literal = /found = (.*);\n$/.exec(text)![1]!;
    expect(JSON.parse(JSON.parse(literal) as string)).toEqual({ ...known, source });
  });

  it("is there once, or nothing is made", () => {
    for (const wrong of ["", SLOTS.words, template + SLOTS.compiledIn]) {
      expect(() => makeClient(wrong, "1.0.0", known)).toThrow(
        expect.objectContaining({ code: "CLIENT_TEMPLATE" }),
      );
    }
    const large = `${template}${"x".repeat(MAX_CLIENT_BYTES)}`;
    expect(() => makeClient(large, "1.0.0", known)).toThrow(
      expect.objectContaining({ code: "CLIENT_TOO_LARGE" }),
    );
  });
});

describe("what it is made from", () => {
  it.each([
    {
      why: "a file without a certificate",
      more: ["--trust-anchor", "signer-key.pem"],
      code: "ANCHOR_MALFORMED",
    },
    { why: "a signer in place of a CA", more: ["--trust-anchor", "signer.pem"], code: "ANCHOR_MALFORMED" },
    { why: "an anchor that is not there", more: ["--trust-anchor", "none.pem"], code: "FILE_UNREADABLE" },
    { why: "a product with quotes", more: ["--product", `a"b'`], code: "CLIENT_INVALID" },
    { why: "a product that ends a script", more: ["--product", "</script>"], code: "CLIENT_INVALID" },
    { why: "a product with a line separator", more: ["--product", "a\u2028b"], code: "CLIENT_INVALID" },
    { why: "a channel of two words", more: ["--channel", "a b"], code: "CLIENT_INVALID" },
    { why: "a folder that depends on where one stands", more: ["--source", "page"], code: "CLIENT_INVALID" },
    {
      why: "a source with a password",
      more: ["--source", "https://u:p@example.org/"],
      code: "CLIENT_INVALID",
    },
    { why: "a source with a line break", more: ["--source", "/a\nb"], code: "CLIENT_INVALID" },
    { why: "a source of another kind", more: ["--source", "ftp://example.org/"], code: "CLIENT_INVALID" },
    { why: "a client that is its own product", more: ["--client-product", "app"], code: "CLIENT_INVALID" },
    { why: "an output that is a folder", more: ["--out", "."], code: "OUTPUT_INVALID" },
    { why: "an output in no folder", more: ["--out", "no/where.mjs"], code: "OUTPUT_INVALID" },
    { why: "an output that is the anchor", more: ["--out", "root.pem"], code: "OUTPUT_INVALID" },
  ])("$why is refused", async ({ more: [option, value], code }) => {
    const files = ["--trust-anchor", "--out"];
    const given = files.includes(option!) ? at("pki", value!) : value!;
    const all = words(at("never.mjs"));
    const index = all.indexOf(option!);
    const args = index === -1 ? [...all, option!, given] : all.with(index + 1, given);
    const before = readFileSync(at("pki/root.pem"));
    const { status, stdout } = await run("themis-bundle", ...args, "--json");
    expect(JSON.parse(stdout).error.code).toBe(code);
    expect(status).toBe(code === "ANCHOR_MALFORMED" ? 4 : 2);
    expect(() => statSync(at("never.mjs"))).toThrow();
    expect(readFileSync(at("pki/root.pem")).equals(before)).toBe(true);
  });

  it("several anchors are all believed, each once", async () => {
    const both = ["pki", "other"].map((name) => readFileSync(at(name, "root.pem"), "utf8"));
    writeFileSync(at("both.pem"), [...both, both[0]].join(""));
    const args = words(at("both.mjs"));
    const made = await ok("themis-bundle", ...args.with(2, at("both.pem")));
    expect(made.anchors).toHaveLength(2);
  });

  it("a file that is there is replaced, and a link is, too, not what it leads to", async () => {
    writeFileSync(at("kept"), "kept");
    symlinkSync("kept", at("link.mjs"));
    await ok("themis-bundle", ...words(at("link.mjs")));
    expect(readFileSync(at("kept"), "utf8")).toBe("kept");
    expect(readFileSync(at("link.mjs")).equals(readFileSync(at("one.mjs")))).toBe(true);
  });

  it("an anchor that is over, not yet or soon over is said to be", () => {
    const anchors = readTrustAnchors(readFileSync(at("pki/root.pem")));
    const [{ certificate }] = anchors as [(typeof anchors)[0]];
    const around = (time: Date, days: number): Date => new Date(time.getTime() + days * 86_400_000);
    expect(doubtsAbout(anchors, new Date())).toEqual([]);
    expect(doubtsAbout(anchors, around(certificate.notAfter, 1))[0]).toMatch(/expired on/);
    expect(doubtsAbout(anchors, around(certificate.notAfter, -30))[0]).toMatch(/expires on/);
    expect(doubtsAbout(anchors, around(certificate.notBefore, -1))[0]).toMatch(/not valid before/);
  });

  it("more anchors than fit are refused", () => {
    const [anchor] = readTrustAnchors(readFileSync(at("pki/root.pem")));
    const many = {
      ...{ product: "app", source: SOURCE, channel: "", threshold: 1, isExecutable: false, clientSource: "" },
    };
    expect(() => describeClient({ ...many, anchors: Array(17).fill(anchor) })).toThrow(
      expect.objectContaining({ code: "CLIENT_INVALID" }),
    );
  });
});
