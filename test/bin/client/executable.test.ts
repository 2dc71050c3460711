/** A client and its Node in one executable, made without any tool but Node: it does the whole way, and takes no word of Node's. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeExecutable } from "../../../src/publish/client/make-executable.ts";
import { makeClientFile } from "../../kit/client.ts";
import { ok, release, run, snapshot } from "../../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-sea-test-"));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const facts = (): { anchor: string; source: string } => ({
  anchor: at("pki/root.pem"),
  source: at("bundle"),
});

describe.runIf(process.platform === "linux" && ["x64", "arm64"].includes(process.arch))("--sea", () => {
  const client = at("themis-fetch");

  beforeAll(async () => {
    await ok("themis-bundle", "keygen", "--out", at("pki"));
    mkdirSync(at("tree"));
    writeFileSync(at("tree/file"), "one\n".repeat(1000));
    await release({ at }, at("tree"), "1.0.0", at("bundle"));
    await makeClientFile(client, facts(), "--sea");
  });

  const says = (args: readonly string[], env: Record<string, string> = {}) => {
    // Nothing of this machine but the kernel and the C library: no Node on the PATH.
    const { status, stdout, stderr } = spawnSync(client, [...args, "--json"], {
      cwd: at("tree"),
      encoding: "utf8",
      env: { PATH: "/nowhere", ...env },
    });
    expect(stdout, stderr).not.toBe("");
    const said = JSON.parse(stdout);
    return { status, said: said.error ?? said };
  };

  it("runs without Node, in threads too, and says what it is", () => {
    expect(says(["about"])).toMatchObject({
      status: 0,
      said: { product: "app", clientProduct: `app-client-linux-${process.arch}` },
    });
    mkdirSync(at("root"));
    expect(says(["update", "--root", at("root")])).toMatchObject({ status: 0, said: { to: "1.0.0" } });
    expect(snapshot(at("root"))).toEqual(snapshot(at("tree")));
    expect(says(["rollback", "--root", at("root")]).status).toBe(0);
  });

  it("takes no other anchor, and no option of Node", () => {
    const update = ["update", "--root", at("root")];
    const refused = (code: string) => ({ status: 4, said: { code } });
    expect(says([...update, "--trust-anchor", at("pki/root.pem")])).toMatchObject(
      refused("ANCHOR_COMPILED_IN"),
    );
    writeFileSync(at("evil.mjs"), "process.stdout.write('evil'); delete process.env.NODE_OPTIONS;");
    const env = { NODE_OPTIONS: `--import=${at("evil.mjs")}` };
    expect(says(update, env)).toMatchObject(refused("PROCESS_TAMPERED"));
    // What stands first is the client's own word here.
    expect(says(["--import", at("evil.mjs"), ...update]).status).toBe(2);
  });

  it("is the same bytes each time", async () => {
    await makeClientFile(at("again"), facts(), "--sea");
    expect(readFileSync(at("again")).equals(readFileSync(client))).toBe(true);
  });

  it.each([
    { why: "a file that is not there", node: () => at("none") },
    { why: "a file that is no executable", node: () => at("pki/root.pem") },
    { why: "another program", node: () => "/bin/true" },
    { why: "an executable that was made already", node: () => client },
  ])("is not made of $why", async ({ node }) => {
    const words = ["--trust-anchor", at("pki/root.pem"), "--product", "app", "--source", at("bundle")];
    const args = ["client", ...words, "--sea", "--node", node(), "--out", at("never"), "--json"];
    const { status, stdout } = await run("themis-bundle", ...args);
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 2, code: "NODE_UNSUITABLE" });
    expect(() => readFileSync(at("never"))).toThrow(/ENOENT/);
  });
});

it.runIf(process.platform !== "linux")("says where executables can be made", () => {
  expect(() => makeExecutable(Buffer.alloc(0), process.execPath)).toThrow(
    expect.objectContaining({ code: "NODE_UNSUITABLE" }),
  );
});
