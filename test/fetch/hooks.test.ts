/** Commands around an update. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runAfterHook, runBeforeHook } from "../../src/fetch/hooks.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "themis-hooks-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const hook = (script: string, timeoutMs = 60_000) => ({ command: ["sh", "-c", script], timeoutMs });
const facts = () => ({ root, from: "1.4.0", to: "1.5.0" });

describe("before an update", () => {
  it("a hook knows what is to come, and no secret of whoever started it", async () => {
    process.env.THEMIS_TEST_TOKEN = "secret";
    await runBeforeHook(hook("env > seen; pwd >> seen"), facts());
    delete process.env.THEMIS_TEST_TOKEN;
    const seen = readFileSync(join(root, "seen"), "utf8");
    expect(seen).toContain(`THEMIS_ROOT=${root}\n`);
    expect(seen).toContain("THEMIS_FROM=1.4.0\n");
    expect(seen).toContain("THEMIS_TO=1.5.0\n");
    expect(seen).not.toContain("secret");
  });

  it.each([
    ["fails", "echo backup failed >&2; exit 7", 60_000, /status 7: backup failed$/],
    ["is killed", "kill -KILL $$", 60_000, /it was ended by SIGKILL$/],
    [
      "never ends",
      "trap '' TERM; echo still here; while :; do sleep 1; done",
      1000,
      /had not ended.*still here$/,
    ],
  ])("a hook that %s refuses it", async (_, script, timeoutMs, message) => {
    await expect(runBeforeHook(hook(script, timeoutMs), facts())).rejects.toMatchObject({
      code: "HOOK_FAILED",
      message: expect.stringMatching(message),
    });
  });

  it("a hook that is not there refuses it", async () => {
    await expect(runBeforeHook({ command: ["./none"], timeoutMs: 1000 }, facts())).rejects.toMatchObject({
      code: "HOOK_FAILED",
      message: expect.stringContaining("ENOENT"),
    });
  });
});

describe("after an update", () => {
  it("a hook knows how it ended", async () => {
    const end = { ...facts(), outcome: "rolled-back" as const };
    expect(await runAfterHook(hook('echo "$THEMIS_OUTCOME" > seen'), end)).toBe(undefined);
    expect(readFileSync(join(root, "seen"), "utf8")).toBe("rolled-back\n");
  });

  it("a hook that fails is reported and fails nothing", async () => {
    const end = { ...facts(), outcome: "updated" as const };
    expect(await runAfterHook(hook("echo no mail >&2; exit 1"), end)).toBe(
      "the hook after the update failed: status 1: no mail",
    );
  });
});
