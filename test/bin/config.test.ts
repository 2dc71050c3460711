/** themis.yml and the programs: each layer, as processes; what is said, and what is never said. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeWorld, snapshot, type World } from "../kit/world.ts";

let world: World;
let here: string;

beforeAll(async () => {
  world = await makeWorld();
  here = world.at("here");
  mkdirSync(here);
});
afterAll(() => world.remove());

const PROGRAM = resolve(import.meta.dirname, "../../src/bin/themis-fetch.ts");

type Surroundings = { readonly environment?: Readonly<Record<string, string>>; readonly cwd?: string };

function fetch(args: readonly string[], { environment = {}, cwd = here }: Surroundings = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...environment },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

type Setting = {
  readonly name: string;
  readonly value: unknown;
  readonly origin: Readonly<Record<string, unknown>>;
};

function settings(args: readonly string[], surroundings: Surroundings = {}): Map<string, Setting> {
  const { status, stdout, stderr } = fetch(["config", "--show-origin", "--json", ...args], surroundings);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const answer = JSON.parse(stdout) as { schema: string; settings: Setting[] };
  expect(answer.schema).toBe("themis-fetch/config/1");
  return new Map(answer.settings.map((each) => [each.name, each]));
}

describe("an update takes what no flag says from the configuration", () => {
  it("from ./themis.yml, whose names are relative to it", () => {
    const cwd = world.device("by-file");
    writeFileSync(
      join(cwd, "themis.yml"),
      "checker: { source: ../page, trustAnchor: ../pki/root.pem }\nhotReload: { root: app }\n",
    );
    mkdirSync(join(cwd, "app"));
    expect(fetch(["check", "--exit-code"], { cwd }).status).toBe(0);
    expect(fetch(["update"], { cwd })).toMatchObject({ status: 0, stdout: expect.stringContaining("1.1.0") });
    expect(snapshot(join(cwd, "app"))).toEqual(snapshot(world.new));
    for (const name of ["status", "history", "restore-points", "plan", "rollback"])
      expect(fetch([name], { cwd })).toMatchObject({ status: 0 });
  });

  it("from the environment", () => {
    const environment = {
      THEMIS_CHECKER_SOURCE: world.page,
      THEMIS_CHECKER_TRUST_ANCHOR: world.anchor,
      THEMIS_CHECKER_VERSION: "1.0.0",
      THEMIS_HOT_RELOAD_ROOT: world.device("by-environment"),
    };
    expect(fetch(["update"], { environment })).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("nothing -> 1.0.0"),
    });
  });

  it("and says how to give what is missing, in each of the ways", () => {
    const { status, stderr } = fetch(["update", "--source", world.page]);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^themis-fetch: CONFIG_MISSING: --root is not given, and nothing else says hotReload\.root\n/,
    );
    expect(stderr).toContain("THEMIS_HOT_RELOAD_ROOT");
  });

  it("logLevel quiet is as --quiet, and a flag is before it", () => {
    const file = world.at("quiet.yml");
    writeFileSync(file, "advanced: { logLevel: quiet }\n");
    const update = (name: string, ...more: string[]) => {
      const place = ["--source", world.page, "--root", world.device(name), "--trust-anchor", world.anchor];
      return fetch(["update", "--config", file, ...place, ...more]);
    };
    expect(update("quiet-file")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(update("quiet-flag", "--debug").stdout).toContain("1.1.0");
  });

  it("a token for GitHub in the file does not trouble a folder", () => {
    const file = world.at("token.yml");
    writeFileSync(
      file,
      `checker: { source: page, trustAnchor: pki/root.pem, tokenFile: nowhere, api: true }\n`,
    );
    expect(fetch(["check", "--config", file, "--root", world.device("token")]).status).toBe(0);
    const named = fetch(["check", "--config", file, "--root", world.device("token2"), "--api"]);
    expect(named).toMatchObject({ status: 2, stderr: expect.stringContaining("github:OWNER/REPO") });
  });
});

describe("config --show-origin", () => {
  it("flag before environment before file before default", () => {
    const file = world.at("layers.yml");
    writeFileSync(file, "checker:\n  source: file\n  version: file\n  channel: file\n");
    const environment = { THEMIS_CHECKER_SOURCE: "environment", THEMIS_CHECKER_VERSION: "environment" };
    const found = settings(["--config", file, "--source", "flag"], { environment });
    expect(found.get("checker.source")).toMatchObject({
      value: "flag",
      origin: { kind: "flag", flag: "--source" },
    });
    expect(found.get("checker.version")).toMatchObject({
      value: "environment",
      origin: { kind: "environment", variable: "THEMIS_CHECKER_VERSION" },
    });
    expect(found.get("checker.channel")).toMatchObject({
      value: "file",
      origin: { kind: "file", file, line: 4, column: 12 },
    });
    expect(found.get("checker.interval")).toMatchObject({ value: "6h", origin: { kind: "default" } });
  });

  it("--config before THEMIS_CONFIG before ./themis.yml", () => {
    const cwd = world.device("three-files");
    const write = (name: string) => {
      writeFileSync(join(cwd, name), `checker: { channel: ${name} }\n`);
      return join(cwd, name);
    };
    write("themis.yml");
    const environment = { THEMIS_CONFIG: write("by-variable.yml") };
    const channel = (args: string[], surroundings: Surroundings) =>
      settings(args, { cwd, ...surroundings }).get("checker.channel")?.value;
    expect(channel([], {})).toBe("themis.yml");
    expect(channel([], { environment })).toBe("by-variable.yml");
    expect(channel(["--config", write("by-flag.yml")], { environment })).toBe("by-flag.yml");
  });

  it("is a table for people, and shows no password, signature or control character", () => {
    const file = world.at("masked.yml");
    writeFileSync(
      file,
      `checker:
  source: https://user:SECRET@example.org/app
  mirrors: ["https://mirror.example.org/app?sig=SECRET"]
hotReload:
  root: "/opt/\\e[31mred"
notifications:
  webhook: { url: "https://example.org/hook?key=SECRET", secretFile: key }
`,
    );
    const { stdout } = fetch(["config", "--show-origin", "--config", file]);
    expect(stdout).toMatch(/^checker\.source +\S+masked\.yml:2:11 +https:\/\/\*\*\*@example\.org\/app$/m);
    expect(stdout).toMatch(/^checker\.channel +default +-$/m);
    expect(stdout).toContain("https://mirror.example.org/app?***");
    const { stdout: json } = fetch(["config", "--json", "--config", file]);
    expect(stdout + json).not.toMatch(/SECRET|\u001b/);
    expect(json).not.toContain("origin");
  });

  it("faults are usage errors on stderr, or one JSON document", () => {
    const file = world.at("faulty.yml");
    writeFileSync(file, "checker:\n  intervall: 6h\n  api: 1\n");
    const { status, stdout, stderr } = fetch(["config", "--config", file]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr.split("\n").slice(0, 2)).toEqual([
      `themis-fetch: CONFIG_INVALID: ${file}:2:3: checker.intervall is not known; did you mean interval?`,
      `${file}:3:8: checker.api takes true or false, not 1`,
    ]);
    const answer = fetch(["update", "--config", file, "--json"]);
    expect(answer).toMatchObject({ status: 2, stderr: "" });
    expect(JSON.parse(answer.stdout).error.facts.problems).toEqual([
      expect.objectContaining({ file, line: 2, column: 3, nearest: "interval" }),
      expect.objectContaining({ file, line: 3, column: 8, expected: "true or false", found: "1" }),
    ]);
  });

  it("a faulty file stops an update before anything is touched", () => {
    const file = world.at("stops.yml");
    writeFileSync(file, "hotReload: { checks: [{ name: a }] }\n");
    const root = world.device("untouched");
    const place = ["--source", world.page, "--root", root, "--trust-anchor", world.anchor];
    expect(fetch(["update", "--config", file, ...place]).status).toBe(2);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe("migrate-config", () => {
  const OLD = `updates:
  checker: { check_interval_seconds: 3600, github_owner: acme, github_repo: app, github_api_token: ghp_SECRET }
  hot_reload: { install_directory: /opt/app, max_retries: 3 }
`;

  it("writes a file that config accepts, says what is left, and never writes over another", () => {
    writeFileSync(join(here, "updates.yaml"), OLD);
    const { status, stderr } = fetch(["migrate-config", "updates.yaml", "--out", "new.yml"]);
    expect(status).toBe(0);
    expect(stderr).toContain("updates.yaml:3:46: updates.hot_reload.max_retries: ");
    const found = settings(["--config", "new.yml"]);
    expect(found.get("checker.source")?.value).toBe("github:acme/app");
    expect(found.get("hotReload.root")?.value).toBe("/opt/app");
    const text = readFileSync(join(here, "new.yml"), "utf8");
    expect(text + stderr).not.toContain("SECRET");
    const again = fetch(["migrate-config", "updates.yaml", "--out", "new.yml"]);
    expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining("OUTPUT_INVALID") });
    expect(readFileSync(join(here, "new.yml"), "utf8")).toBe(text);
  });

  it("prints the same to stdout, or with --json in one document", () => {
    writeFileSync(join(here, "updates.yaml"), OLD);
    const { stdout } = fetch(["migrate-config", "updates.yaml", "--quiet"]);
    const answer = JSON.parse(fetch(["migrate-config", "updates.yaml", "--json"]).stdout);
    expect(answer).toMatchObject({ schema: "themis-fetch/migrate-config/1", out: "", text: stdout });
    expect(answer.notes.map(({ key }: { key: string }) => key)).toContain("updates.hot_reload.max_retries");
  });

  it.each([
    ["a file that is not there", "nowhere.yaml", "FILE_UNREADABLE"],
    ["a device", "/dev/zero", "FILE_NOT_REGULAR"],
    ["another file", PROGRAM, "CONFIG_MALFORMED"],
  ])("refuses %s", (_, old, code) => {
    const { status, stderr } = fetch(["migrate-config", old, "--out", "none.yml"]);
    expect({ status, code: /^themis-fetch: (\w+):/.exec(stderr)?.[1] }).toEqual({ status: 2, code });
    expect(existsSync(join(here, "none.yml"))).toBe(false);
  });
});
