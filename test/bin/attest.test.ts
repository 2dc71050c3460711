/** What is said of a bundle, for others to sign: in-toto's form, every asset, and where it was built. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256OfFileSync } from "../../src/base/digest.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, run, type World } from "../kit/world.ts";

const program = resolve(import.meta.dirname, "../../src/bin/themis-bundle.ts");
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** As a run of a workflow has it. */
const RUN: Readonly<Record<string, string>> = {
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_REPOSITORY: "acme/app",
  GITHUB_WORKFLOW_REF: "acme/app/.github/workflows/release.yml@refs/tags/v1.1.0",
  GITHUB_REF: "refs/tags/v1.1.0",
  GITHUB_SHA: COMMIT,
  GITHUB_EVENT_NAME: "push",
  GITHUB_RUN_ID: "42",
  GITHUB_RUN_ATTEMPT: "2",
  GITHUB_REPOSITORY_ID: "123",
  GITHUB_REPOSITORY_OWNER_ID: "7",
  RUNNER_ENVIRONMENT: "github-hosted",
  GITHUB_TOKEN: "ghs_0123456789SECRET",
};

describe("attest", () => {
  let world: World;
  let bundle: string;
  beforeAll(async () => {
    world = await makeWorld();
    bundle = world.at("bundle-1.1.0");
  });
  afterAll(() => world?.remove());

  function attest(words: readonly string[], environment: Readonly<Record<string, string>> = RUN) {
    const clean = Object.entries(process.env).filter(([name]) => !/^(GITHUB|RUNNER)_/.test(name));
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [program, "attest", bundle, ...words, "--json"],
      { encoding: "utf8", env: { ...Object.fromEntries(clean), ...environment } },
    );
    expect(stdout + stderr).not.toContain("SECRET");
    return { status, answer: JSON.parse(stdout) };
  }
  const read = (name: string) => JSON.parse(readFileSync(world.at(name), "utf8"));

  it("names every asset by its digest, and where it was built", () => {
    const files = ["--out", world.at("s.json"), "--predicate-out", world.at("p.json")];
    expect(attest(files).status).toBe(0);
    const { subject, ...rest } = read("s.json");
    // The reports are for the publisher and no assets.
    const assets = readdirSync(bundle).filter((name) => !name.startsWith("report-"));
    expect(assets.length).toBeGreaterThan(4);
    const digests = assets.map((name) => ({
      name,
      digest: { sha256: sha256OfFileSync(join(bundle, name)) },
    }));
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    expect(subject.sort(byName)).toEqual(digests.sort(byName));
    expect(rest).toEqual({
      _type: "https://in-toto.io/Statement/v1",
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: {
        buildDefinition: {
          buildType: "https://actions.github.io/buildtypes/workflow/v1",
          externalParameters: {
            workflow: {
              ref: "refs/tags/v1.1.0",
              repository: "https://github.com/acme/app",
              path: ".github/workflows/release.yml",
            },
          },
          internalParameters: {
            github: {
              event_name: "push",
              repository_id: "123",
              repository_owner_id: "7",
              runner_environment: "github-hosted",
            },
          },
          resolvedDependencies: [
            { uri: "git+https://github.com/acme/app@refs/tags/v1.1.0", digest: { gitCommit: COMMIT } },
          ],
        },
        runDetails: {
          builder: { id: "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.1.0" },
          metadata: { invocationId: "https://github.com/acme/app/actions/runs/42/attempts/2" },
        },
      },
    });
    expect(read("p.json")).toEqual(rest.predicate);
    expect(readFileSync(world.at("s.json"), "utf8")).not.toContain("SECRET");
  });

  it.skipIf(!hasTool("sha256sum"))(
    "gives checksums that sha256sum accepts, and that a changed byte fails",
    () => {
      const sums = world.at("sums");
      expect(attest(["--out", world.at("s2.json"), "--checksums", sums]).status).toBe(0);
      const check = (): string =>
        execFileSync("sha256sum", ["--check", "--strict", "--quiet", sums], {
          cwd: bundle,
          encoding: "utf8",
        });
      expect(check()).toBe("");
      expect(readFileSync(sums, "utf8").split("\n")).toHaveLength(read("s2.json").subject.length + 1);
    },
  );

  it.each([
    { made: "SPDX", sbom: { spdxVersion: "SPDX-2.3" }, type: "https://spdx.dev/Document/v2.3" },
    {
      made: "CycloneDX",
      sbom: { bomFormat: "CycloneDX", specVersion: "1.6" },
      type: "https://cyclonedx.org/bom",
    },
  ])("binds a $made list of what the release is made of", ({ sbom, type }) => {
    writeFileSync(world.at("sbom.json"), JSON.stringify(sbom));
    expect(attest(["--out", world.at("s3.json"), "--sbom", world.at("sbom.json")], {}).status).toBe(0);
    expect(read("s3.json")).toMatchObject({ predicateType: type, predicate: sbom });
  });

  it("takes any predicate with its type", () => {
    writeFileSync(world.at("any.json"), '{ "tests": 12.5 }');
    const words = ["--predicate", world.at("any.json"), "--predicate-type", "https://example.org/tests/v1"];
    expect(attest(["--out", world.at("s4.json"), ...words], {}).status).toBe(0);
    expect(read("s4.json")).toMatchObject({
      predicateType: "https://example.org/tests/v1",
      predicate: { tests: 12.5 },
    });
  });

  it.each([
    { why: "no workflow", environment: {}, says: "GITHUB_SERVER_URL is not set" },
    { why: "no commit", environment: { ...RUN, GITHUB_SHA: "" }, says: "GITHUB_SHA is not set" },
    { why: "a commit that is none", environment: { ...RUN, GITHUB_SHA: "main" }, says: "GITHUB_SHA is not" },
    {
      why: "a server with a password in it",
      environment: { ...RUN, GITHUB_SERVER_URL: "https://me:SECRET@host" },
      says: "GITHUB_SERVER_URL is not",
    },
  ])("says nothing of where it was built with $why", ({ environment, says }) => {
    const { status, answer } = attest(["--out", world.at("never")], environment);
    expect({ status, ...answer.error }).toMatchObject({ status: 2, code: "PROVENANCE_UNKNOWN" });
    expect(answer.error.message).toContain(says);
    expect(readdirSync(world.folder)).not.toContain("never");
  });

  it.each([
    { why: "text", content: "no json", option: "--sbom" },
    { why: "a list", content: "[]", option: "--sbom" },
    { why: "an object of no known kind", content: "{}", option: "--sbom" },
    { why: "bytes that are no text", content: Buffer.of(0x22, 0xff, 0x22), option: "--sbom" },
    { why: "a type that is no URI", content: "{}", option: "--predicate", type: "tests" },
  ])("refuses a predicate that is $why", ({ content, option, type }) => {
    writeFileSync(world.at("bad"), content);
    const words = [option, world.at("bad"), ...(type ? ["--predicate-type", type] : [])];
    const { status, answer } = attest(["--out", world.at("never"), ...words]);
    expect({ status, code: answer.error.code }).toEqual({ status: 2, code: "PREDICATE_INVALID" });
  });

  it("speaks of no bundle that is not whole", async () => {
    const pack = join(bundle, readdirSync(bundle).find((name) => name.startsWith("targets-"))!);
    const before = readFileSync(pack);
    const changed = Buffer.from(before);
    changed[700]! ^= 1;
    writeFileSync(pack, changed);
    const words = ["--predicate", world.at("any.json"), "--predicate-type", "https://example.org/x"];
    const { status, stdout } = await run(
      "themis-bundle",
      "attest",
      bundle,
      "--out",
      world.at("never"),
      ...words,
      "--json",
    );
    writeFileSync(pack, before);
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 4, code: "BUNDLE_INCOMPLETE" });
    expect(readdirSync(world.folder)).not.toContain("never");
  });
});
