/** A channel's life, by the programs themselves on a signed page: step, share, hold, recall, and what is refused. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readStatus } from "../../src/fetch/rollback.ts";
import { type ChannelWorld, makeChannelWorld } from "../kit/channel-world.ts";
import { ok, run, snapshot } from "../kit/world.ts";

let world: ChannelWorld;
/** A channel that offers 1.0.0 to all. */
let begun: { readonly page: string; readonly file: Buffer };
beforeAll(async () => {
  world = await makeChannelWorld();
  await world.channel("promote", world.bundle("1.0.0"));
  begun = { page: world.keepPage(), file: readFileSync(world.file) };
});
afterAll(() => world?.remove());
beforeEach(() => {
  world.bringPage(begun.page);
  writeFileSync(world.file, begun.file);
  rmSync(`${world.file}.p7s`, { force: true });
});

const runs = (root: string): string => readFileSync(join(root, "version"), "utf8").trim();
const why = (root: string, ...more: string[]) => ok("themis-fetch", "why", ...world.of(root, ...more));

describe("a device that follows a channel", () => {
  it("takes what the channel offers, whatever is the latest on the page", async () => {
    const root = world.device();
    expect(await world.update(root)).toBe("1.0.0");
    // Without the flag it still follows the channel whose document it obeyed.
    const args = ["--source", world.page, "--root", root, "--trust-anchor", world.anchor];
    expect(await ok("themis-fetch", "check", ...args)).toMatchObject({ upToDate: true, to: "1.0.0" });
  });

  it("passes a stepping stone, in two updates", async () => {
    const root = world.device();
    await world.update(root);
    await world.channel("promote", world.bundle("3.0.0"), "--through", world.bundle("2.0.0"));
    expect(await why(root)).toMatchObject({
      ...{ installed: "1.0.0", to: "2.0.0", outcome: "install" },
      channel: { goal: "3.0.0", step: "2.0.0", isCritical: true },
    });
    const step = await run("themis-fetch", "update", ...world.of(root));
    expect(step.stdout).toContain("1.0.0 -> 2.0.0");
    expect(step.stdout).toContain("it is a step on the way to 3.0.0, which comes next");
    expect(await world.update(root)).toBe("3.0.0");
    expect(runs(root)).toBe("3.0.0");
  });

  it("is told when no step leads to what is offered, and stays", async () => {
    const root = world.device();
    await world.update(root);
    await world.channel("promote", world.bundle("3.0.0"));
    const before = snapshot(root);
    expect(await world.refused("themis-fetch", "update", ...world.of(root))).toBe("STEPPING_STONE");
    expect(await why(root)).toMatchObject({ outcome: "refuse", code: "STEPPING_STONE" });
    expect(snapshot(root)).toEqual(before);
  });

  it("waits for its share, keeps its number, and is in when the share grows", async () => {
    const root = world.device();
    await world.update(root);
    await world.channel("promote", world.bundle("2.0.0"), "--percentage", "0");
    expect(await world.update(root)).toBe("1.0.0");
    const told = (await why(root)) as { channel: { bucket: number; percentage: number } };
    expect(told.channel.percentage).toBe(0);
    const { bucket } = told.channel;
    // Up to its own number it is not in, one above it is.
    if (bucket > 0) {
      await world.channel("percentage", (bucket / 100).toFixed(2));
      expect(await world.update(root)).toBe("1.0.0");
    }
    await world.channel("percentage", ((bucket + 1) / 100).toFixed(2));
    expect(await why(root)).toMatchObject({ channel: { bucket }, outcome: "install", to: "2.0.0" });
    expect(await world.update(root)).toBe("2.0.0");
  });

  it("takes by name what is not its turn yet", async () => {
    const root = world.device();
    await world.update(root);
    await world.channel("promote", world.bundle("2.0.0"), "--percentage", "0");
    expect(await world.update(root, "--version", "2.0.0")).toBe("2.0.0");
  });

  it("stays while the publisher holds, and goes on after it", async () => {
    const root = world.device();
    await world.update(root);
    await world.channel("promote", world.bundle("2.0.0"));
    await world.channel("hold", "--reason", "we look into a report");
    const held = await ok("themis-fetch", "update", ...world.of(root));
    expect(held).toMatchObject({ kind: "nothing-to-do", to: "1.0.0", channel: { kind: "stay" } });
    expect((await why(root)).sentences).toContain(
      "the publisher holds everything back: we look into a report",
    );
    await world.channel("unhold");
    expect(await world.update(root)).toBe("2.0.0");
  });

  it("goes back from a recalled release when the publisher asks for it, and on to the mended one", async () => {
    const root = world.device();
    await world.channel("promote", world.bundle("2.0.0"));
    await world.channel("promote", world.bundle("3.0.0"), "--percentage", "50");
    await world.update(root, "--version", "3.0.0");
    await world.channel("recall", "3.0.0", "--reason", "loses writes", "--go-back");
    const check = await run("themis-fetch", "check", ...world.of(root));
    expect(check.stdout).toContain("3.0.0 is installed");
    expect(check.stdout).toContain("; 3.0.0 was recalled by its publisher: loses writes");
    const told = await why(root);
    expect(told).toMatchObject({
      outcome: "install",
      to: "2.0.0",
      channel: { recall: { version: "3.0.0" } },
    });
    expect(told.sentences).toContain("3.0.0 was recalled by its publisher: loses writes");
    expect(await world.update(root)).toBe("2.0.0");
    expect(runs(root)).toBe("2.0.0");
    const args = world.of(root, "--version", "3.0.0");
    expect(await world.refused("themis-fetch", "update", ...args)).toBe("RELEASE_RECALLED");
    expect(await ok("themis-fetch", "check", ...world.of(root))).toMatchObject({ upToDate: true });
    await world.channel("promote", world.bundle("3.0.1"));
    expect(await world.update(root)).toBe("3.0.1");
  });

  it("keeps a recall on the page, whatever copy of the document is changed", async () => {
    await world.channel("promote", world.bundle("2.0.0"));
    const copy = readFileSync(world.file);
    await world.channel("recall", "2.0.0", "--reason", "loses writes");
    const page = readFileSync(join(world.page, "channels/channel-stable.json"));
    writeFileSync(world.file, copy);
    const renewal = ["renew", "--number", "50", "--expires", "2047-01-01"] as const;
    await expect(world.channel(...renewal)).rejects.toThrow(/CHANNEL_REFUSED[\s\S]*recalled 2\.0\.0/);
    expect(readFileSync(join(world.page, "channels/channel-stable.json")).equals(page)).toBe(true);
  });

  it("is told of a recall, and stays where the publisher does not ask to go back", async () => {
    const root = world.device();
    await world.channel("promote", world.bundle("2.0.0"));
    await world.update(root);
    await world.channel("recall", "2.0.0", "--reason", "a typing error");
    await world.channel("promote", world.bundle("1.0.0"));
    expect(await world.update(root)).toBe("2.0.0");
    expect((await why(root)).sentences).toContain("2.0.0 was recalled by its publisher: a typing error");
  });
});

describe("an operator", () => {
  it("goes below what was believed only by --allow-downgrade, and the history says so", async () => {
    const root = world.device();
    await world.update(root);
    await world.channel("promote", world.bundle("2.0.0"));
    await world.update(root);
    const args = world.of(root, "--version", "1.0.0");
    expect(await world.refused("themis-fetch", "update", ...args)).toBe("RELEASE_OLDER");
    expect(await world.update(root, "--version", "1.0.0", "--allow-downgrade")).toBe("1.0.0");
    const { history } = await readStatus(root);
    expect(history.slice(0, 2).map(({ action, toVersion }) => [action, toVersion])).toEqual([
      ["update", "1.0.0"],
      ["downgrade", "1.0.0"],
    ]);
    // What was believed is not forgotten by it.
    expect(await world.refused("themis-fetch", "update", ...args)).toBe("RELEASE_OLDER");
    expect(await world.update(root)).toBe("2.0.0");
  });

  it.each(["check", "plan", "download", "watch", "repair"])(
    "has no --allow-downgrade for %s",
    async (name) => {
      const root = world.device();
      const { status, stderr } = await run("themis-fetch", name, "--root", root, "--allow-downgrade");
      expect(status).toBe(2);
      expect(stderr).toContain("--allow-downgrade");
    },
  );
});

describe("a publisher", () => {
  const keys = () => ["--key", world.at("pki/signer-key.pem"), "--certificates", world.at("pki/signer.pem")];
  const publish = () => ["channel", "publish", world.file, "--to", `file:${world.page}`];

  it("who changes a document without a key has none that is signed", async () => {
    await ok("themis-bundle", "channel", "sign", world.file, ...keys());
    expect(existsSync(`${world.file}.p7s`)).toBe(true);
    const held = await ok("themis-bundle", "channel", "hold", world.file, "--reason", "we look into it");
    expect(held.isSigned).toBe(false);
    expect(existsSync(`${world.file}.p7s`)).toBe(false);
    expect(await world.refused("themis-bundle", ...publish())).toBe("CHANNEL_REFUSED");
  });

  it("who was cut between the document and its signature does it again", async () => {
    const placed = join(world.page, "channels/channel-stable.json");
    await ok("themis-bundle", "channel", "hold", world.file, "--reason", "we look into it", ...keys());
    writeFileSync(placed, readFileSync(world.file));
    const root = world.device();
    expect(await world.refused("themis-fetch", "check", ...world.of(root))).toBe("DIGEST_MISMATCH");
    expect(await ok("themis-bundle", ...publish())).toMatchObject({ changed: true });
    expect(await ok("themis-fetch", "check", ...world.of(root))).toMatchObject({ channel: { kind: "stay" } });
    expect(await ok("themis-bundle", ...publish())).toMatchObject({ changed: false });
  });

  it("proves a document where no page is at hand, and is told the way to GitHub", async () => {
    const show = ["channel", "show", world.file, "--trust-anchor", world.anchor];
    expect(await world.refused("themis-bundle", ...show)).toBe("CHANNEL_REFUSED");
    await ok("themis-bundle", "channel", "sign", world.file, ...keys());
    expect(await ok("themis-bundle", ...show)).toMatchObject({ isSigned: true, isProven: true });
    writeFileSync(world.file, readFileSync(world.file).toString().replace('"hold":""', '"hold":"x"'));
    expect(await world.refused("themis-bundle", ...show)).toBe("DIGEST_MISMATCH");
    const { status, stderr } = await run(
      "themis-bundle",
      "channel",
      "publish",
      world.file,
      "--to",
      "github:a/b",
    );
    expect([status, stderr.includes("gh release upload")]).toEqual([2, true]);
  });

  it("whose key fails changes nothing", async () => {
    const before = readFileSync(world.file);
    const wrong = ["--key", world.at("pki/root-key.pem"), "--certificates", world.at("pki/signer.pem")];
    const args = ["channel", "hold", world.file, "--reason", "we look into it", ...wrong];
    expect((await run("themis-bundle", ...args)).status).toBe(2);
    expect(readFileSync(world.file)).toEqual(before);
  });
});

describe("a publisher is refused", () => {
  const cases: readonly (readonly [why: string, code: string, args: () => readonly string[]])[] = [
    [
      "an older release than is offered",
      "CHANNEL_REFUSED",
      () => ["promote", world.file, world.bundle("1.0.0")],
    ],
    ["a hold that is lifted and was none", "CHANNEL_REFUSED", () => ["unhold", world.file]],
    ["an end in the past", "CHANNEL_REFUSED", () => ["renew", world.file, "--expires", "2020-01-01"]],
    [
      "a version that does not grow",
      "CHANNEL_REFUSED",
      () => ["renew", world.file, "--expires", "2099-01-01", "--number", "1"],
    ],
    [
      "a recall of what nobody knows",
      "CHANNEL_REFUSED",
      () => ["recall", world.file, "9.9.9", "--reason", "none"],
    ],
    ["the same share again", "CHANNEL_REFUSED", () => ["percentage", world.file, "100"]],
    [
      "a share of a platform that is not offered",
      "CHANNEL_REFUSED",
      () => ["percentage", world.file, "5", "--platform", "plan9"],
    ],
  ];
  it.each(cases)("%s", async (_, code, args) => {
    const before = readFileSync(world.file);
    expect(await world.refused("themis-bundle", "channel", ...args())).toBe(code);
    expect(readFileSync(world.file)).toEqual(before);
  });

  it("a bundle of another product, and one that nobody signed", async () => {
    const other = world.at("other");
    if (!existsSync(other)) {
      const args = ["--product", "other", "--version", "9.0.0", "--out", other];
      await ok("themis-bundle", "build", world.at("tree-1.0.0"), ...args);
    }
    const promote = ["channel", "promote", world.file, other];
    expect(await world.refused("themis-bundle", ...promote)).toBe("BUNDLE_INCOMPLETE");
    const keys = ["--key", world.at("pki/signer-key.pem"), "--certificates", world.at("pki/signer.pem")];
    await ok("themis-bundle", "sign", other, ...keys);
    expect(await world.refused("themis-bundle", ...promote)).toBe("CHANNEL_REFUSED");
  });

  it("a document that is not signed, older than the page's, or offers what the page lacks", async () => {
    const publish = ["channel", "publish", world.file, "--to", `file:${world.page}`];
    expect(await world.refused("themis-bundle", ...publish)).toBe("CHANNEL_REFUSED");
    await world.channel("promote", world.bundle("2.0.0"));
    const newer = readFileSync(world.file);
    writeFileSync(world.file, begun.file);
    const keys = ["--key", world.at("pki/signer-key.pem"), "--certificates", world.at("pki/signer.pem")];
    await ok("themis-bundle", "channel", "sign", world.file, ...keys);
    expect(await world.refused("themis-bundle", ...publish)).toBe("CHANNEL_REFUSED");
    writeFileSync(world.file, newer);
    await ok("themis-bundle", "channel", "renew", world.file, "--expires", "2099-01-01", ...keys);
    rmSync(join(world.page, "2.0.0"), { recursive: true });
    expect(await world.refused("themis-bundle", ...publish)).toBe("CHANNEL_REFUSED");
  });
});
