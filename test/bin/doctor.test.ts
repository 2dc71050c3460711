/** The publisher's doctor and check: every fault that is planted is found, by its code, and the rest is good. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lookAtClock } from "../../src/publish/doctor.ts";
import type { Finding } from "../../src/publish/finding.ts";
import { Authority } from "../kit/authority.ts";
import type { Identity } from "../kit/pki.ts";
import { createToken, type TestToken, TOKEN_PIN } from "../kit/softhsm.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, ok, run, type World } from "../kit/world.ts";
import { makePage, type Page } from "../publish/upload/github/kit.ts";

const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];
const CA = ["basicConstraints=critical,CA:TRUE", "subjectKeyIdentifier=hash"];
const soon = (days: number): string =>
  new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-T:]|\.\d+/g, "");

describe.skipIf(!hasTool("openssl"))("the publisher's", () => {
  const authority = new Authority();
  let world: World;
  let root: Identity;
  let signer: Identity;
  let ending: Identity;
  let over: Identity;
  beforeAll(async () => {
    world = await makeWorld();
    root = authority.issue({ name: "root", extensions: CA });
    signer = authority.issue({ name: "signer", by: root, extensions: SIGNER });
    ending = authority.issue({ name: "ending", by: root, extensions: SIGNER, to: soon(9) });
    over = authority.issue({ name: "over", by: root, extensions: SIGNER, to: "20210101000000Z" });
  });
  afterAll(() => {
    world?.remove();
    authority.remove();
  });

  async function asked(
    ...words: string[]
  ): Promise<{ status: number | null; of: (question: string) => Finding }> {
    const { status, stdout } = await run("themis-bundle", ...words, "--json");
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    return { status, of: (question) => findings.find((each) => each.question === question)! };
  }
  const by = ({ certificatePath }: Identity): string[] => ["--certificates", certificatePath];

  describe("check", () => {
    it("is content with a good bundle, certificate and themis.yml", async () => {
      const bundle = world.at("bundle-1.1.0");
      writeFileSync(world.at("themis.yml"), "checker: { source: github:acme/app }\n");
      const words = [bundle, "--trust-anchor", world.anchor, "--certificates", world.at("pki/signer.pem")];
      const { status, of } = await asked("check", ...words, "--config", world.at("themis.yml"));
      expect(status).toBe(0);
      for (const question of ["themis.yml", "certificates", "bundle", "manifest", "signature"])
        expect(of(question)).toMatchObject({ outcome: "good", code: "" });
    });

    it("says what will be over soon", async () => {
      const out = world.at("ends-soon");
      const expires = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
      const facts = ["--product", "app", "--version", "3.0.0", "--expires", expires, "--out", out];
      await ok("themis-bundle", "build", world.old, ...facts);
      await ok("themis-bundle", "sign", out, "--key", ending.keyPath, ...by(ending));
      const { status, of } = await asked("check", out, ...by(ending), "--trust-anchor", root.certificatePath);
      expect(status).toBe(0);
      expect(of("certificates")).toMatchObject({ outcome: "poor", seen: expect.stringMatching(/, 8 days$/) });
      expect(of("signature")).toMatchObject({ outcome: "poor", advice: expect.stringContaining("resign") });
      expect(of("manifest")).toMatchObject({ outcome: "poor" });
    });

    it.each([
      {
        fault: "a changed pack",
        question: "bundle",
        code: "BUNDLE_INCOMPLETE",
        plant: (bundle: string) => rmSync(join(bundle, "targets-0.pack")),
      },
      {
        fault: "the signature of another release",
        question: "signature",
        code: "DIGEST_MISMATCH",
        plant: (bundle: string) =>
          cpSync(join(world.at("bundle-1.0.0"), "manifest.json.p7s"), join(bundle, "manifest.json.p7s")),
      },
    ])("finds $fault", async ({ question, code, plant }) => {
      const bundle = world.at(`fault-${code}`);
      cpSync(world.at("bundle-1.1.0"), bundle, { recursive: true });
      plant(bundle);
      const { status, of } = await asked("check", bundle);
      expect(status).toBe(1);
      expect(of(question)).toMatchObject({ outcome: "bad", code });
    });

    it("finds a signer whom devices do not trust, an expired certificate and a misspelt key", async () => {
      writeFileSync(world.at("bad.yml"), "checker: { soruce: github:acme/app }\n");
      const pins = ["--trust-anchor", root.certificatePath, ...by(over), "--config", world.at("bad.yml")];
      const { status, of } = await asked("check", world.at("bundle-1.1.0"), ...pins);
      expect(status).toBe(1);
      expect(of("signature")).toMatchObject({ outcome: "bad", code: "CHAIN_UNTRUSTED" });
      expect(of("certificates")).toMatchObject({ outcome: "bad", code: "CERTIFICATE_EXPIRED" });
      expect(of("themis.yml")).toMatchObject({ outcome: "bad", code: "CONFIG_INVALID" });
      expect(JSON.stringify(of("themis.yml"))).toContain("source");
    });

    it("has nothing to say of nothing", async () => {
      const { status, stdout } = await run("themis-bundle", "check", "--json");
      expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 2, code: "USAGE" });
    });
  });

  describe("doctor", () => {
    it("opens the key, compares it with the certificate, looks at the disk, and signs nothing", async () => {
      const { status, of } = await asked(
        "doctor",
        "--key",
        signer.keyPath,
        ...by(signer),
        "--disk",
        world.folder,
      );
      expect(status).toBe(0);
      expect(of("key")).toMatchObject({
        outcome: "good",
        seen: expect.stringContaining("the certificate's"),
      });
      expect(of("certificates")).toMatchObject({ outcome: "good" });
      expect(of("disk").seen).toContain(`free in ${world.folder}`);
    });

    it.each([
      {
        fault: "another certificate",
        words: () => ["--key", signer.keyPath, ...by(ending)],
        question: "key",
        code: "CERTIFICATE_MISMATCH",
      },
      {
        fault: "no key",
        words: () => ["--key", world.at("none.pem")],
        question: "key",
        code: "KEY_UNREADABLE",
      },
      {
        fault: "no module",
        words: () => ["--key", "pkcs11:token=x?module-path=/no/such.so"],
        question: "token",
        code: "TOKEN_MODULE",
      },
      {
        fault: "no such folder",
        words: () => ["--disk", world.at("nowhere")],
        question: "disk",
        code: "ENOENT",
      },
    ])("finds $fault, and goes on", async ({ words, question, code }) => {
      const { status, of } = await asked("doctor", ...words());
      expect(status).toBe(1);
      expect(of(question)).toMatchObject({ outcome: "bad", code });
      expect(of("disk")).toBeDefined();
    });

    describe.skipIf(!hasTool("softhsm2-util") || !hasTool("pkcs11-tool"))("with a token", () => {
      let token: TestToken;
      beforeAll(() => {
        token = createToken();
        token.importKey("ecdsa-p256", readFileSync(signer.keyPath, "latin1"));
      });
      afterAll(() => token?.remove());

      it("logs in, and shows no PIN", async () => {
        const { status, stdout, stderr } = await run(
          ...([
            "themis-bundle",
            "doctor",
            "--key",
            token.uri("ecdsa-p256"),
            ...by(signer),
            "--json",
          ] as const),
        );
        expect(status).toBe(0);
        const { findings } = JSON.parse(stdout) as { findings: Finding[] };
        expect(findings.find(({ question }) => question === "token")).toMatchObject({ outcome: "good" });
        expect(stdout + stderr).not.toContain(TOKEN_PIN);
      });
    });

    describe("of GitHub", () => {
      let page: Page;
      beforeAll(async () => {
        page = await makePage();
      });
      afterAll(() => page?.github.close());
      const findings = async (environment = {}) => {
        const before = page.github.heard.length;
        const { done } = page.run(["doctor", "--to", "github:acme/app", "--json"], environment);
        const { status, stdout } = await done;
        const changes = page.github.heard
          .slice(before)
          .filter(({ operation }) => !operation.startsWith("GET"));
        expect(changes).toEqual([]);
        const list = (JSON.parse(stdout) as { findings: Finding[] }).findings;
        return { status, of: (question: string) => list.find((each) => each.question === question)! };
      };

      it("asks for the repository, the token's rights and the time, and changes nothing", async () => {
        const { status, of } = await findings();
        expect(status).toBe(0);
        expect(of("GitHub")).toMatchObject({ outcome: "good" });
        expect(of("clock")).toMatchObject({ outcome: "good" });
      });

      it.each([
        { fault: "no token", environment: { GH_TOKEN: "" }, code: "TOKEN_MISSING" },
        { fault: "a token that nobody knows", environment: { GH_TOKEN: "ghp_other" }, code: "TOKEN_REFUSED" },
      ])("finds $fault", async ({ environment, code }) => {
        const { status, of } = await findings(environment);
        expect(status).toBe(1);
        expect(of("GitHub")).toMatchObject({ outcome: "bad", code });
      });
    });

    it("knows a clock that is wrong by a minute and more", () => {
      const now = new Date("2026-06-01T12:00:00Z");
      expect(lookAtClock("Mon, 01 Jun 2026 11:59:30 GMT", now)).toMatchObject({ outcome: "good" });
      expect(lookAtClock("Mon, 01 Jun 2026 11:58:00 GMT", now)).toMatchObject({
        outcome: "bad",
        seen: expect.stringContaining("120 s"),
      });
      expect(lookAtClock("soon", now)).toMatchObject({ outcome: "poor" });
    });
  });
});
