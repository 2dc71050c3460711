/** Where a channel's document is found, and that it is obeyed there: HTTP, mirrors, GitHub's two ways, one tar file. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ThemisError } from "../../src/base/error.ts";
import { readChannel } from "../../src/fetch/follow-channel.ts";
import { openSource } from "../../src/fetch/transfer/open-source.ts";
import { openTarSource } from "../../src/fetch/transfer/tar-source.ts";
import { update } from "../../src/fetch/update.ts";
import type { UpdateRequest } from "../../src/fetch/update-request.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { type ChannelWorld, makeChannelWorld } from "../kit/channel-world.ts";
import { type FakeGitHub, fakeGitHub } from "../kit/github/server.ts";
import { assetsOf } from "../kit/misbehaving-server/asset.ts";
import { misbehavingServer } from "../kit/misbehaving-server/server.ts";
import { ok, run } from "../kit/world.ts";

let world: ChannelWorld;
/** Offers 1.0.0 and nothing else. */
let first: string;
beforeAll(async () => {
  world = await makeChannelWorld();
  await world.channel("promote", world.bundle("1.0.0"));
  first = world.keepPage();
  await world.channel("promote", world.bundle("3.0.0"), "--through", world.bundle("2.0.0"));
});
afterAll(() => world?.remove());

async function updated(root: string, more: Partial<UpdateRequest>): Promise<string> {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const asked = { root, version: "", connections: 2, anchors, channel: "stable", requireChannel: true };
  try {
    return (await update({ ...asked, ...more }, { now: () => new Date() })).to;
  } catch (error) {
    if (error instanceof ThemisError) return error.code;
    throw error;
  }
}

describe("over HTTP", () => {
  it("it lies below the page, and a step is taken from there", async () => {
    const server = await misbehavingServer({ assets: assetsOf(world.page) });
    try {
      const root = world.device();
      expect(
        await updated(root, { source: world.bundle("1.0.0"), channel: undefined, requireChannel: false }),
      ).toBe("1.0.0");
      expect(await updated(root, { source: server.url })).toBe("2.0.0");
      expect(await updated(root, { source: server.url })).toBe("3.0.0");
    } finally {
      await server.close();
    }
  });

  it("a mirror has it where the source does not", async () => {
    expect(await updated(world.device(), { source: world.bundle("3.0.0"), mirrors: [world.page] })).toBe(
      "3.0.0",
    );
  });

  it("a source that is behind a mirror is refused by a device that knows better", async () => {
    const root = world.device();
    expect(await updated(root, { source: world.page })).toBe("3.0.0");
    expect(await updated(root, { source: first, mirrors: [world.page] })).toBe("CHANNEL_OLDER");
  });
});

describe("on GitHub", () => {
  let github: FakeGitHub;
  beforeAll(async () => {
    github = await fakeGitHub();
  });
  afterAll(() => github?.close());

  it.each([
    { way: "plain URLs", isPrivate: false, api: false },
    { way: "the API", isPrivate: true, api: true },
    { way: "the API, after a 404", isPrivate: true, api: false },
  ])("it is the asset of a tag of its own, by $way", async ({ isPrivate, api }) => {
    const name = `acme/${isPrivate}-${api}`;
    const repository = github.state.addRepository(name, { isPrivate });
    repository.addBundle("channel-stable", join(world.page, "channels"));
    const secret = "ghp_0123456789";
    github.state.addToken(secret, { [name]: "contents: read" });
    const environment = { ...github.environment, ...(isPrivate && { GITHUB_TOKEN: secret }) };
    const source = await openSource(`github:${name}`, { environment, github: { api }, connections: 2 });
    try {
      const found = await readChannel([source], "stable");
      expect(found).toMatchObject({
        document: readFileSync(join(world.page, "channels/channel-stable.json")),
      });
      expect(await readChannel([source], "beta")).toBe("absent");
    } finally {
      await source.close();
    }
  });
});

describe("in one tar file", () => {
  const tar = (name: string): string => world.at(`${name}.tar`);
  const bundle = (name: string, ...more: string[]) =>
    ok(
      "themis-fetch",
      "bundle",
      "--source",
      world.page,
      "--trust-anchor",
      world.anchor,
      "--out",
      tar(name),
      ...more,
    );
  beforeAll(async () => {
    await bundle("newest", "--channel", "stable");
    await bundle("step", "--channel", "stable", "--version", "2.0.0");
    await bundle("plain", "--version", "1.0.0");
  });

  it("the document travels with what it offers to all", async () => {
    const source = await openTarSource(tar("newest"));
    try {
      expect(await readChannel([source], "stable")).not.toBe("absent");
      expect(await source.readAll("manifest.json", 1 << 20)).toMatchObject({
        bytes: readFileSync(join(world.bundle("3.0.0"), "manifest.json")),
      });
    } finally {
      await source.close();
    }
  });

  it("a device goes over the step that one file brings to the release of the other", async () => {
    const root = world.device();
    const loose = { channel: undefined, requireChannel: false };
    expect(await updated(root, { offline: tar("plain"), ...loose })).toBe("1.0.0");
    expect(await updated(root, { offline: tar("newest") })).toBe("STEPPING_STONE");
    expect(await updated(root, { offline: tar("step") })).toBe("2.0.0");
    expect(await updated(root, { offline: tar("newest") })).toBe("3.0.0");
    // From now on it follows the channel, and a file without its document is refused.
    expect(await updated(root, { offline: tar("plain"), ...loose })).toBe("CHANNEL_MISSING");
  });

  it("a release that the document does not offer is none", async () => {
    const folder = world.at("unlisted");
    mkdirSync(folder);
    for (const name of readdirSync(world.bundle("3.0.1")))
      cpSync(join(world.bundle("3.0.1"), name), join(folder, name));
    for (const name of readdirSync(join(world.page, "channels")))
      cpSync(join(world.page, "channels", name), join(folder, name));
    execFileSync("tar", ["-cf", tar("unlisted"), "-C", folder, "."]);
    const root = world.device();
    expect(await updated(root, { offline: tar("unlisted") })).toBe("CHANNEL_MIX");
    expect(readdirSync(root)).toEqual([]);
  });

  it("the same release and document give the same bytes", async () => {
    const [one, other] = [
      await bundle("one", "--channel", "stable"),
      await bundle("two", "--channel", "stable"),
    ];
    expect(one.sha256).toBe(other.sha256);
  });

  it("a channel that has no document makes none, and one that was recalled does not travel", async () => {
    const args = ["--source", world.page, "--trust-anchor", world.anchor, "--out", tar("none")];
    const missing = await run("themis-fetch", "bundle", ...args, "--channel", "beta", "--json");
    expect([missing.status, JSON.parse(missing.stdout).error.code]).toEqual([4, "CHANNEL_MISSING"]);
    const kept = world.keepPage();
    await world.channel("recall", "2.0.0", "--reason", "loses writes");
    const taken = await run(
      "themis-fetch",
      "bundle",
      ...args,
      "--channel",
      "stable",
      "--version",
      "2.0.0",
      "--json",
    );
    expect([taken.status, JSON.parse(taken.stdout).error.code]).toEqual([4, "RELEASE_RECALLED"]);
    world.bringPage(kept);
    rmSync(kept, { recursive: true });
  });
});
