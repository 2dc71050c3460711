/** The commands as a person and a program meet them: help, words, streams, single patches. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePki, opensslSign } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, noise, ok, run, snapshot, start, type World } from "../kit/world.ts";

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

const LEVELS: readonly (readonly ["themis-bundle" | "themis-fetch", ...string[]])[] = [
  ["themis-bundle"],
  ...[
    "keygen",
    "build",
    "sign",
    "resign",
    "attest",
    "explain",
    "check",
    "doctor",
    "crl",
    "verify",
    "publish",
    "inspect",
    "keys",
    "delta",
  ].map((name) => ["themis-bundle", name] as const),
  ["themis-bundle", "keys", "list"],
  ["themis-bundle", "crl", "attach"],
  ...["create", "apply", "verify", "info"].map((name) => ["themis-bundle", "delta", name] as const),
  ["themis-fetch"],
  ...[
    "verify",
    "verify-chain",
    "check",
    "plan",
    "download",
    "update",
    "watch",
    "supervise",
    "bundle",
    "config",
    "migrate-config",
    "doctor",
    "status",
    "history",
    "restore-points",
    "confirm",
    "rollback",
  ].map((name) => ["themis-fetch", name] as const),
];

describe("help", () => {
  it.each(LEVELS.map((words) => ({ words, name: words.join(" ") })))(
    "of $name fits 80 columns, and shows an example",
    async ({ words }) => {
      const [program, ...rest] = words;
      const { status, stdout, stderr } = await run(program, ...rest, "--help");
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(stdout).toMatch(/Examples:|Commands:/);
    },
  );

  it("comes with exit 2 when no command is given", async () => {
    expect((await run("themis-bundle")).status).toBe(2);
  });

  it("--version says one line", async () => {
    expect((await run("themis-fetch", "--version")).stdout).toMatch(/^themis-fetch \d+\.\d+\.\d+\n$/);
  });
});

describe("words", () => {
  it.each([
    { words: ["bild"], said: "build" },
    { words: ["build", "--produkt", "x"], said: "--product" },
  ])("near $said get a hint, exit 2 and nothing on stdout", async ({ words, said }) => {
    const { status, stdout, stderr } = await run("themis-bundle", ...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(said);
  });

  it.each([
    { named: "--root", words: ["rollback", "--root", ""] },
    { named: "--root", words: ["status", "--root="] },
    { named: "--store", words: ["store", "gc", "--store", ""] },
    { named: "--connections", words: ["check", "--connections", ""] },
    { named: "--mirror", words: ["check", "--mirror", "page", ""] },
    { named: "--listen", words: ["supervise", "--listen", "", "--", "true"] },
    { named: "<old>", words: ["migrate-config", "", "--out", "x"] },
    {
      program: "themis-bundle",
      named: "<tree>",
      words: ["build", "", "--product", "p", "--version", "1.0.0", "--out", "x"],
    },
    { program: "themis-bundle", named: "--expires", words: ["build", "tree", "--expires", ""] },
    { program: "themis-bundle", named: "<target>", words: ["delta", "apply", "source", "patch", ""] },
  ] as const)(
    "refuse an empty text for $named, as an unset variable gives it: $words",
    async ({ named, words, ...of }) => {
      const program = "program" in of ? of.program : "themis-fetch";
      const { status, stdout } = await run(program, "--json", ...words);
      expect(status).toBe(2);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: "USAGE",
        message: `${named} is given an empty text`,
        hint: expect.stringContaining("unset"),
      });
    },
  );

  it("may be empty where that says something: a release without notes, and what another program is given", async () => {
    const notes = ["--version", "1.0.0", "--out", world.at("no-notes"), "--release-notes", ""];
    await ok("themis-bundle", "build", world.old, "--product", "app", ...notes);
    const given = ["--root", world.at("nowhere"), "--", "true", ""];
    const { stderr } = await run("themis-fetch", "supervise", ...given);
    expect(stderr).toContain("ROOT_MISSING");
  });

  it("take several mirrors at once, and one by one", async () => {
    const device = ["--root", world.device("several-mirrors"), "--trust-anchor", world.anchor];
    const nowhere = ["--source", world.at("nowhere")];
    await ok("themis-fetch", "check", ...nowhere, "--mirror", world.at("nor-here"), world.page, ...device);
    const singly = ["--mirror", world.at("nor-here"), "--mirror", world.page];
    await ok("themis-fetch", "check", ...nowhere, ...singly, ...device);
  });

  it("--json says failures as one document on stdout, usage errors too", async () => {
    for (const args of [
      ["build", "--json"],
      ["bild", "--json"],
      ["verify", world.at("nowhere"), "--trust-anchor", world.anchor, "--json"],
    ]) {
      const { status, stdout, stderr } = await run("themis-bundle", ...args);
      expect({ status, stderr }).toEqual({ status: 2, stderr: "" });
      expect(JSON.parse(stdout).error).toMatchObject({
        code: expect.any(String),
        kind: "usage",
        message: expect.any(String),
      });
    }
  });

  it("a failure without --json names its code on stderr, without a stack and without colour", async () => {
    const { stdout, stderr } = await run("themis-bundle", "inspect", world.at("nowhere"));
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^themis-bundle: BUNDLE_MISSING: .*\n/);
    expect(stderr).not.toMatch(/\u001b|\n {4}at /);
  });

  it("--quiet leaves nothing of an action, and stderr holds no bar without a terminal", async () => {
    const { status, stderr } = await run(
      "themis-fetch",
      "update",
      "--source",
      world.page,
      "--root",
      world.device("quiet"),
      "--trust-anchor",
      world.anchor,
      "--quiet",
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it.skipIf(!hasTool("script"))("on a terminal there is a bar, with NO_COLOR one without colour", () => {
    const program = resolve(import.meta.dirname, "../../src/bin/themis-fetch.ts");
    for (const [name, env, colour] of [
      ["tty-colour", {}, true],
      ["tty-plain", { NO_COLOR: "1" }, false],
    ] as const) {
      const line = `${process.execPath} ${program} update --source ${world.page} --root ${world.device(name)} --trust-anchor ${world.anchor}`;
      const { NO_COLOR: _, CI: __, ...inherited } = process.env;
      const { stdout } = spawnSync("script", ["-qec", line, "/dev/null"], {
        encoding: "utf8",
        env: { ...inherited, TERM: "xterm", ...env },
      });
      expect(stdout).toContain("downloading, ");
      expect(/\u001b\[36m/.test(stdout)).toBe(colour);
    }
  });

  it("an interrupted build ends with 130 and leaves nothing", async () => {
    const { child, done } = start(
      "themis-bundle",
      "build",
      world.new,
      "--product",
      "app",
      "--version",
      "9.0.0",
      "--out",
      world.at("interrupted"),
      "--from",
      `1.0.0=${world.old}`,
      "--json",
    );
    while (!readdirSync(world.folder).some((name) => name.startsWith(".interrupted.part-")))
      await new Promise((next) => setTimeout(next, 5));
    child.kill("SIGINT");
    const { status, stdout } = await done;
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 130, code: "INTERRUPTED" });
    expect(readdirSync(world.folder).filter((name) => name.includes("interrupted"))).toEqual([]);
  });
});

describe("the plan", () => {
  it("of a build says what is changed and writes nothing", async () => {
    const { stdout } = await run(
      "themis-bundle",
      "build",
      world.new,
      "--product",
      "app",
      "--version",
      "1.1.0",
      "--out",
      world.at("dry"),
      "--from",
      `1.0.0=${world.old}`,
      "--dry-run",
    );
    expect(stdout).toContain("delta  bin/appd");
    expect(stdout).toContain("remove gone.txt");
    expect(readdirSync(world.folder)).not.toContain("dry");
  });

  it("of an update names patches, whole files, links and removals, and writes nothing", async () => {
    const root = world.device("planned");
    await ok(
      "themis-fetch",
      "update",
      "--source",
      world.page,
      "--root",
      root,
      "--trust-anchor",
      world.anchor,
      "--version",
      "1.0.0",
    );
    const before = readFileSync(join(root, ".themis/state.db"));
    const { status, stdout } = await run(
      "themis-fetch",
      "plan",
      "--source",
      world.page,
      "--root",
      root,
      "--trust-anchor",
      world.anchor,
    );
    expect(status).toBe(0);
    for (const line of [
      /^patch +bin\/appd \(ZSTD_DICT/m,
      /^download +bin\/new-tool/m,
      /^link +app$/m,
      /^remove +gone.txt$/m,
      /^chmod +same.dat$/m,
      /^1\.0\.0 -> 1\.1\.0/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(readFileSync(join(root, ".themis/state.db")).equals(before)).toBe(true);
    expect(
      (
        await run(
          "themis-fetch",
          "check",
          "--source",
          world.page,
          "--root",
          root,
          "--trust-anchor",
          world.anchor,
        )
      ).stdout,
    ).toMatch(/1\.1\.0 is offered, 1\.0\.0 is installed/);
  });

  it("obeys what the device may spend: a delta that needs more comes whole, and the plan says why", async () => {
    const root = world.device("little-memory");
    const device = ["--source", world.page, "--root", root, "--trust-anchor", world.anchor];
    await ok("themis-fetch", "update", ...device, "--version", "1.0.0");
    const { stdout } = await run("themis-fetch", "plan", ...device, "--apply-memory", "34M");
    // Twice the source and the target, 10 MB, are more than the two MiB that are left.
    expect(stdout).toMatch(
      /^download +bin\/appd \(.*; its delta needs \d+ bytes of memory, more than the 35651584 allowed\)$/m,
    );
    expect(stdout).toMatch(/^patch +Größe 1\.txt/m);
    const result = await ok("themis-fetch", "update", ...device, "--apply-memory", "34M");
    expect(result.perFile).toContainEqual(expect.objectContaining({ path: "bin/appd", action: "download" }));
    expect(snapshot(root)).toEqual(snapshot(world.new));
    expect((await run("themis-fetch", "plan", ...device, "--apply-memory", "little")).status).toBe(2);
  });

  it("a download changes nothing, and the update after it fetches only documents", async () => {
    const root = world.device("downloaded");
    const device = ["--source", world.page, "--root", root, "--trust-anchor", world.anchor];
    await ok("themis-fetch", "download", ...device);
    expect(readdirSync(root)).toEqual([".themis"]);
    expect(Number((await ok("themis-fetch", "update", ...device)).bytesFetched)).toBeLessThan(20_000);
  });

  it("status, history and restore-points say what a device is and was", async () => {
    const root = world.device("records");
    expect((await run("themis-fetch", "status", "--root", root)).stdout).toMatch(/nothing of ours/);
    await ok(
      "themis-fetch",
      "update",
      "--source",
      world.page,
      "--root",
      root,
      "--trust-anchor",
      world.anchor,
    );
    expect((await run("themis-fetch", "status", "--root", root)).stdout).toMatch(/^app 1\.1\.0 /);
    expect((await run("themis-fetch", "history", "--root", root)).stdout).toMatch(
      /update +\(nothing\) +1\.1\.0 +done/,
    );
    expect((await run("themis-fetch", "restore-points", "--root", root)).stdout).toMatch(
      /\(nothing\) +1\.1\.0/,
    );
  });
});

describe("single patches", () => {
  it.each(["bsdiff", "zstd-dict"])(
    "are made by %s, looked at, applied, and refused over another source",
    async (algorithm) => {
      const at = (name: string): string => world.at(`${algorithm}-${name}`);
      const source = noise(60_000, 21);
      const target = Buffer.concat([source.subarray(0, 30_000), Buffer.from("new"), source.subarray(30_000)]);
      writeFileSync(at("source"), source);
      writeFileSync(at("target"), target);
      const made = await ok(
        "themis-bundle",
        "delta",
        "create",
        at("source"),
        at("target"),
        at("patch"),
        "--algorithm",
        algorithm,
      );
      expect(Number(made.patchBytes)).toBeLessThan(2000);
      expect(await ok("themis-bundle", "delta", "info", at("patch"))).toMatchObject({
        algorithm: algorithm === "bsdiff" ? "BSDIFF" : "ZSTD_DICT",
        targetSize: target.length,
      });
      const { sha256 } = await ok(
        "themis-bundle",
        "delta",
        "apply",
        at("source"),
        at("patch"),
        at("rebuilt"),
      );
      expect(readFileSync(at("rebuilt")).equals(target)).toBe(true);
      writeFileSync(at("other"), noise(60_000, 22));
      const wrong = await run(
        "themis-bundle",
        "delta",
        "apply",
        at("other"),
        at("patch"),
        at("wrong"),
        "--sha256",
        String(sha256),
      );
      expect(wrong.status).toBe(4);
      expect(readdirSync(world.folder)).not.toContain(`${algorithm}-wrong`);
    },
  );

  it("verify applies and writes nothing; exit 4 when the result is another", async () => {
    const at = (name: string): string => world.at(`verified-${name}`);
    const source = noise(60_000, 27);
    const target = Buffer.concat([source.subarray(0, 20_000), Buffer.from("new"), source.subarray(20_000)]);
    writeFileSync(at("source"), source);
    writeFileSync(at("target"), target);
    const files = [at("source"), at("target"), at("patch")];
    const made = await ok("themis-bundle", "delta", "create", ...files, "--algorithm", "bsdiff");
    const before = readdirSync(world.folder).sort();
    const verify = (...more: string[]) =>
      run("themis-bundle", "delta", "verify", at("source"), at("patch"), "--json", ...more);
    const plain = await verify();
    expect({ status: plain.status, ...JSON.parse(plain.stdout) }).toMatchObject({
      status: 0,
      schema: "themis-bundle/delta-verify/1",
      algorithm: "BSDIFF",
      sha256: made.targetSha256,
      expected: false,
    });
    for (const [code, ...more] of [
      ["", "--target", at("target")],
      ["", "--sha256", String(made.targetSha256)],
      ["TARGET_DIGEST_MISMATCH", "--target", at("source")],
      ["TARGET_DIGEST_MISMATCH", "--sha256", String(made.sourceSha256)],
    ] as const) {
      const { status, stdout } = await verify(...more);
      const said = JSON.parse(stdout);
      expect({ status, code: said.error?.code ?? "", expected: said.expected ?? true }).toEqual({
        status: code === "" ? 0 : 4,
        code,
        expected: true,
      });
    }
    expect((await verify("--sha256", "4ce0")).status).toBe(2);
    expect((await verify("--target", at("nowhere"))).status).toBe(2);
    expect(readdirSync(world.folder).sort()).toEqual(before);
  });

  it("apply and verify refuse another source before they read the patch; exit 4", async () => {
    const [source, patch, out] = ["source", "patch", "out"].map((name) => world.at(`verified-${name}`));
    const digest = createHash("sha256").update(readFileSync(source!)).digest("hex");
    for (const [command, ...files] of [
      ["verify", source!, patch!],
      ["apply", source!, patch!, out!],
    ] as const) {
      const wrong = await run(
        "themis-bundle",
        "delta",
        command,
        ...files,
        "--json",
        "--source-sha256",
        "0".repeat(64),
      );
      expect({ status: wrong.status, code: JSON.parse(wrong.stdout).error.code }).toEqual({
        status: 4,
        code: "SOURCE_DIGEST_MISMATCH",
      });
      expect(existsSync(out!)).toBe(false);
      await ok("themis-bundle", "delta", command, ...files, "--source-sha256", digest.toUpperCase());
    }
  });

  it("create keeps within what a device may spend, and says what came of each candidate", async () => {
    const files = [world.at("verified-source"), world.at("verified-target"), world.at("kept-within")];
    const { stdout } = await run("themis-bundle", "delta", "create", ...files, "--apply-memory", "42M");
    expect(stdout).toMatch(/^BSDIFF .* applying takes \d+ bytes of memory, more than the 44040192 allowed$/m);
    const none = await run("themis-bundle", "delta", "create", ...files, "--apply-time", "0.001", "--json");
    expect({ status: none.status, code: JSON.parse(none.stdout).error.code }).toEqual({
      status: 1,
      code: "DELTA_NONE",
    });
    for (const wrong of [
      ["--apply-memory", "much"],
      ["--apply-time", "soon"],
      ["--apply-time", "0"],
    ])
      expect((await run("themis-bundle", "delta", "create", ...files, ...wrong)).status).toBe(2);
  });

  it("a file that is no patch is refused", async () => {
    expect((await run("themis-bundle", "delta", "info", world.anchor)).status).toBe(4);
  });
});

describe("inspect and verify", () => {
  it("show files, deltas and signer", async () => {
    const inspected = (await run("themis-bundle", "inspect", world.at("bundle-1.1.0"))).stdout;
    expect(inspected).toMatch(/bin\/appd +executable/);
    expect(inspected).toMatch(/bin\/appd +1\.0\.0 +ZSTD_DICT/);
    const verified = (
      await run("themis-bundle", "verify", world.at("bundle-1.1.0"), "--trust-anchor", world.anchor)
    ).stdout;
    expect(verified).toMatch(/signed by CN=Release Signer/);
  });

  describe.skipIf(!hasTool("openssl"))("themis-fetch verify, over what openssl cms -sign made,", () => {
    type Row = {
      why: string;
      pki?: Parameters<typeof makePki>[0];
      extra?: string[];
      change?: (bytes: Buffer) => Buffer;
      other?: true;
      code: string;
    };
    it.each<Row>([
      { why: "believes a chain with an intermediate", code: "" },
      { why: "refuses an expired signer", pki: { defect: "expired-signer" }, code: "SIGNER_EXPIRED" },
      {
        why: "refuses a signer without codeSigning",
        pki: { defect: "no-code-signing" },
        code: "SIGNER_PURPOSE",
      },
      { why: "refuses another root", other: true, code: "CHAIN_UNTRUSTED" },
      { why: "refuses attached content", extra: ["-nodetach"], code: "SIGNATURE_MALFORMED" },
      {
        why: "refuses bytes behind the end",
        change: (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
        code: "SIGNATURE_MALFORMED",
      },
    ])("$why", async ({ why, pki: request, extra, change, other, code }) => {
      const pki = makePki({ intermediates: 1, ...request });
      try {
        const manifest = world.at("bundle-1.1.0/manifest.json");
        const signed = opensslSign({
          content: readFileSync(manifest),
          signers: [pki.signer],
          chainPath: pki.chainPath,
          ...(extra && { extra }),
        });
        const signature = world.at(`${why}.p7s`);
        writeFileSync(signature, change ? change(signed) : signed);
        const anchor = (other ? pki.otherRoot : pki.root).certificatePath;
        const answer = await run(
          "themis-fetch",
          "verify",
          "--trust-anchor",
          anchor,
          "--manifest",
          manifest,
          "--signature",
          signature,
          "--json",
        );
        const said = JSON.parse(answer.stdout);
        expect({ status: answer.status, code: said.error?.code ?? "" }).toEqual({
          status: code === "" ? 0 : 4,
          code,
        });
      } finally {
        pki.remove();
      }
    });
  });
});

it("an encrypted key signs with its passphrase from a file, and says what is wrong without printing it", async () => {
  writeFileSync(world.at("passphrase"), "correct horse\n");
  writeFileSync(world.at("wrong"), "battery staple\n");
  await ok(
    "themis-bundle",
    "keygen",
    "--out",
    world.at("locked"),
    "--passphrase-file",
    world.at("passphrase"),
    "--algorithm",
    "rsa-3072",
  );
  await ok(
    "themis-bundle",
    "build",
    world.old,
    "--product",
    "app",
    "--version",
    "5.0.0",
    "--out",
    world.at("locked-bundle"),
  );
  const sign = (file: string) =>
    run(
      "themis-bundle",
      "sign",
      world.at("locked-bundle"),
      "--key",
      world.at("locked/signer-key.pem"),
      "--certificates",
      world.at("locked/signer.pem"),
      "--passphrase-file",
      world.at(file),
      "--rsa-padding",
      "pss",
      "--json",
    );
  const wrong = await sign("wrong");
  expect({ status: wrong.status, code: JSON.parse(wrong.stdout).error.code }).toEqual({
    status: 2,
    code: "KEY_PASSPHRASE",
  });
  expect(wrong.stdout + wrong.stderr).not.toContain("battery");
  expect(readdirSync(world.at("locked-bundle"))).not.toContain("manifest.json.p7s");
  expect((await sign("passphrase")).status).toBe(0);
});

it("npm exec runs both commands in a checkout", () => {
  const root = resolve(import.meta.dirname, "../..");
  for (const name of ["themis-bundle", "themis-fetch"]) {
    expect(
      execFileSync("npm", ["exec", "--silent", "--", name, "--version"], { cwd: root, encoding: "utf8" }),
    ).toMatch(new RegExp(`^${name} `, "m"));
  }
});
