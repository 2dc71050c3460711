/**
 * TUF's attacks that concern freshness, each by its name, against a device that follows a channel on a real signed page.
 * Each ends in its own code, and not a byte of the device has changed, its records among them.
 */
import { createHash } from "node:crypto";
import { cpSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ThemisError } from "../../src/base/error.ts";
import { discoverOffered, type OfferedRequest } from "../../src/fetch/offered.ts";
import { openSource } from "../../src/fetch/transfer/open-source.ts";
import { update } from "../../src/fetch/update.ts";
import type { UpdateRequest } from "../../src/fetch/update-request.ts";
import { type Channel, decodeChannel, encodeChannel } from "../../src/format/channel/channel.ts";
import { NOTHING_INSTALLED } from "../../src/format/record/restore-point.ts";
import { openSigner, signManifest } from "../../src/publish/sign/sign.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { MAX_CHANNEL_STEP } from "../../src/trust/verify-channel.ts";
import { NOTHING_TRUSTED } from "../../src/trust/verify-release.ts";
import { type ChannelWorld, makeChannelWorld } from "../kit/channel-world.ts";
import { ok, release } from "../kit/world.ts";

let world: ChannelWorld;
/** Offers 1.0.0 (version 2 of the document), and 2.0.0 (version 3). */
let older: string;
let newer: string;
/** Runs 2.0.0 and has obeyed the newer one. */
let prepared: string;
beforeAll(async () => {
  world = await makeChannelWorld();
  await world.channel("promote", world.bundle("1.0.0"));
  older = world.keepPage();
  await world.channel("promote", world.bundle("2.0.0"));
  newer = world.keepPage();
  prepared = world.device();
  await world.update(prepared);
  await ok("themis-bundle", "keygen", "--out", world.at("stranger"));
});
afterAll(() => world?.remove());
beforeEach(() => world.bringPage(newer));

const document = (): string => join(world.page, "channels/channel-stable.json");
const read = (): Channel => decodeChannel(readFileSync(document()));

/** In the page's place, signed by the publisher or somebody else. */
async function forge(change: Partial<Channel>, pki = "pki"): Promise<void> {
  await signed(encodeChannel({ ...read(), ...change }), pki);
}

async function signed(bytes: Uint8Array, pki = "pki"): Promise<void> {
  const certificatesPem = readFileSync(world.at(pki, "signer.pem"), "latin1");
  const signer = await openSigner({
    ...{ key: world.at(pki, "signer-key.pem"), secrets: { env: {} }, certificatesPem },
  });
  const signature = await signManifest({ manifest: bytes, certificatesPem, signer, now: new Date() });
  await signer.close();
  writeFileSync(document(), bytes);
  writeFileSync(`${document()}.p7s`, signature);
}

function everyByte(root: string): string {
  const hash = createHash("sha256");
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    hash.update(`${path.slice(root.length)} ${lstatSync(path).mode}\n`);
    if (entry.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

async function attempt(root: string, more: Partial<UpdateRequest> = {}, now = new Date()): Promise<string> {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const asked = { root, source: world.page, version: "", connections: 2, anchors, channel: "stable" };
  try {
    const { to } = await update({ ...asked, ...more }, { now: () => now });
    return `runs ${to}`;
  } catch (error) {
    if (error instanceof ThemisError) return error.code;
    throw error;
  }
}

/** The code with which a device that has obeyed the newer document refuses, unchanged. */
async function refusal(more: Partial<UpdateRequest> = {}, now?: Date): Promise<string> {
  const root = world.device();
  cpSync(prepared, root, { recursive: true, verbatimSymlinks: true });
  const before = everyByte(root);
  const code = await attempt(root, more, now);
  expect(everyByte(root)).toBe(before);
  return code;
}

/** The same for one that has seen nothing yet. */
async function firstRefusal(more: Partial<UpdateRequest> = {}, now?: Date): Promise<string> {
  const root = world.device();
  const code = await attempt(root, more, now);
  expect(readdirSync(root)).toEqual([]);
  return code;
}

describe("rollback", () => {
  it("to an older document of the channel", async () => {
    world.bringPage(older);
    expect(await refusal()).toBe("CHANNEL_OLDER");
  });

  it("to an older document, also after one that only held", async () => {
    await forge({ version: 4, hold: "we look into it" });
    const root = world.device();
    cpSync(prepared, root, { recursive: true, verbatimSymlinks: true });
    expect(await attempt(root)).toBe("runs 2.0.0");
    world.bringPage(newer);
    expect(await attempt(root)).toBe("CHANNEL_OLDER");
  });

  it("to an older release, by its name", async () => {
    expect(await refusal({ version: "1.0.0" })).toBe("RELEASE_OLDER");
  });

  it("to an older release that a new document offers without a recall", async () => {
    world.bringPage(older);
    await forge({ version: 9 });
    const root = world.device();
    cpSync(prepared, root, { recursive: true, verbatimSymlinks: true });
    // It is no refusal: the device stays, and remembers the document.
    expect(await attempt(root)).toBe("runs 2.0.0");
    expect(readFileSync(join(root, "version"), "utf8")).toBe("2.0.0\n");
  });

  it("below the trust root's least sequence, not even by an operator or a recall", async () => {
    const minSequence = 2 * 1e10;
    const asked = { version: "1.0.0", allowDowngrade: true, minSequence };
    expect(await refusal(asked)).toBe("BELOW_MIN_SEQUENCE");
    const { offers } = read();
    const [offer] = offers;
    const taken = offer!.releases.at(-1)!;
    world.bringPage(older);
    const { version, sequence, manifest_sha256 } = taken;
    const recall = { version, sequence, manifest_sha256, reason: "a thief says so", go_back: true };
    await forge({ version: 9, recalls: [recall] });
    expect(await refusal({ minSequence })).toBe("BELOW_MIN_SEQUENCE");
    expect(await attempt(copyOfPrepared())).toBe("runs 1.0.0");
  });
});

function copyOfPrepared(): string {
  const root = world.device();
  cpSync(prepared, root, { recursive: true, verbatimSymlinks: true });
  return root;
}

describe("indefinite freeze", () => {
  const endOf = (expires: string): Date => new Date(Date.parse(expires) + 1000);

  it("by a document that nobody renews", async () => {
    const later = endOf(read().expires);
    expect(await refusal({}, later)).toBe("CHANNEL_EXPIRED");
    expect(await firstRefusal({}, later)).toBe("CHANNEL_EXPIRED");
  });

  it("and by a clock that is set back afterwards", async () => {
    const { expires } = read();
    const renewed = endOf(expires).toISOString().replace(/\.\d+/, "");
    await forge({ version: 8, expires: renewed });
    const root = copyOfPrepared();
    expect(await attempt(root, {}, new Date(renewed))).toBe("runs 2.0.0");
    await forge({ version: 9, expires });
    const before = everyByte(root);
    expect(await attempt(root, {}, new Date())).toBe("CHANNEL_EXPIRED");
    expect(everyByte(root)).toBe(before);
  });

  it("by hiding the document from a device that has obeyed one", async () => {
    rmSync(join(world.page, "channels"), { recursive: true });
    expect(await refusal()).toBe("CHANNEL_MISSING");
    // Nor by leaving out the flag.
    expect(await refusal({ channel: undefined })).toBe("CHANNEL_MISSING");
  });

  it("by hiding it from a new device whose operator demands one", async () => {
    rmSync(join(world.page, "channels"), { recursive: true });
    expect(await firstRefusal({ requireChannel: true })).toBe("CHANNEL_MISSING");
    expect(await firstRefusal({ requireChannel: true, channel: undefined })).toBe("CHANNEL_MISSING");
  });
});

describe("fast-forward", () => {
  it("of the document, and the publisher leaps over it", async () => {
    await forge({ version: 3 + MAX_CHANNEL_STEP + 1 });
    expect(await refusal()).toBe("FAST_FORWARD");
    const root = copyOfPrepared();
    await forge({ version: 3 + MAX_CHANNEL_STEP });
    expect(await attempt(root)).toBe("runs 2.0.0");
    await forge({ version: 4 });
    expect(await attempt(root)).toBe("CHANNEL_OLDER");
    await forge({ version: 3 + MAX_CHANNEL_STEP + 1 });
    expect(await attempt(root)).toBe("runs 2.0.0");
  });

  it("of a release's sequence", async () => {
    const out = world.at("far-ahead");
    await release(world, world.at("tree-3.0.0"), "4.0.0", out, "--sequence", String(Number.MAX_SAFE_INTEGER));
    rmSync(join(world.page, "channels"), { recursive: true });
    const root = world.device();
    expect(await attempt(root, { channel: undefined, source: world.bundle("2.0.0") })).toBe("runs 2.0.0");
    const before = everyByte(root);
    expect(await attempt(root, { channel: undefined, source: out })).toBe("FAST_FORWARD");
    expect(everyByte(root)).toBe(before);
  });
});

describe("mix-and-match", () => {
  it("of a document and another release of that version", async () => {
    const out = world.at("other-2.0.0");
    await release(world, world.at("tree-1.0.0"), "2.0.0", out);
    rmSync(join(world.page, "2.0.0"), { recursive: true });
    cpSync(out, join(world.page, "2.0.0"), { recursive: true });
    expect(await firstRefusal()).toBe("CHANNEL_MIX");
    expect(await refusal({ version: "2.0.0" })).toBe("CHANNEL_MIX");
  });

  it("of two documents with one version", async () => {
    await forge({ hold: "a second one" });
    expect(await refusal()).toBe("CHANNEL_FORKED");
  });

  it("of a document and the signature of another", async () => {
    cpSync(join(older, "channels/channel-stable.json"), document());
    expect(await refusal()).toBe("DIGEST_MISMATCH");
    cpSync(join(world.page, "1.0.0/manifest.json"), document());
    cpSync(join(world.page, "1.0.0/manifest.json.p7s"), `${document()}.p7s`);
    expect(await refusal()).toBe("DOCUMENT_INVALID");
  });
});

describe("wrong", () => {
  it("product, of the document or of what it names", async () => {
    await forge({ version: 4, product: "other" });
    expect(await refusal()).toBe("PRODUCT_MISMATCH");
    expect(await firstRefusal()).toBe("PRODUCT_MISMATCH");
  });

  it("channel, under the name of this one", async () => {
    await forge({ version: 4, channel: "beta" });
    expect(await refusal()).toBe("CHANNEL_MISMATCH");
  });

  it("platform, of all that is offered or of the release itself", async () => {
    const offers = read().offers.map((offer) => ({ ...offer, platform: "plan9" }));
    await forge({ version: 4, offers });
    expect(await refusal()).toBe("PLATFORM_MISMATCH");
    const out = world.at("windows");
    await release(world, world.at("tree-1.0.0"), "1.0.0", out, "--platform", "windows");
    const root = world.device();
    expect(await attempt(root, { channel: undefined, source: out, platform: "linux" })).toBe(
      "PLATFORM_MISMATCH",
    );
    expect(readdirSync(root)).toEqual([]);
    expect(await attempt(root, { channel: undefined, source: out, platform: "win32" })).toBe("runs 1.0.0");
  });
});

describe("arbitrary software", () => {
  it("that a stranger's document offers", async () => {
    await forge({ version: 4 }, "stranger");
    expect(await refusal()).toBe("CHAIN_UNTRUSTED");
  });

  it("by a document of who may sign releases, and not channels, and the other way round", async () => {
    const source = await openSource(world.page, { connections: 2 });
    const device = {
      installed: NOTHING_INSTALLED,
      highestSequence: 0,
      id: "",
      platform: "linux",
      architecture: "x64",
    };
    const [publisher, stranger] = ["pki", "stranger"].map((pki) => ({
      anchors: readTrustAnchors(readFileSync(world.at(pki, "root.pem"))),
    }));
    const asked = {
      ...{
        sources: [source],
        version: "",
        channel: "stable",
        kept: undefined,
        trusted: NOTHING_TRUSTED,
        device,
      },
      ...{ allowDowngrade: false, hasOneRelease: false, isRepair: false, now: new Date() },
    };
    const code = (trust: Pick<OfferedRequest, "anchors" | "channelTrust">) =>
      discoverOffered({ ...asked, ...trust }).then(
        ({ kind }) => kind,
        (error: ThemisError) => error.code,
      );
    expect(await code({ ...publisher!, channelTrust: stranger })).toBe("CHAIN_UNTRUSTED");
    await forge({ version: 4 }, "stranger");
    expect(await code({ ...publisher!, channelTrust: stranger })).toBe("release");
    expect(await code(publisher!)).toBe("CHAIN_UNTRUSTED");
    expect(await code({ ...stranger!, channelTrust: stranger })).toBe("CHAIN_UNTRUSTED");
  });

  it("by a document without a signature", async () => {
    rmSync(`${document()}.p7s`);
    expect(await refusal()).toBe("ASSET_SIZE");
  });

  it("by a release that was recalled, under its name", async () => {
    const { version, sequence, manifest_sha256 } = read().offers[0]!.releases.at(-1)!;
    const recalls = [{ version, sequence, manifest_sha256, reason: "loses writes", go_back: false }];
    await forge({ version: 4, offers: [], recalls });
    expect(await refusal({ version: "2.0.0" })).toBe("RELEASE_RECALLED");
    expect(await firstRefusal({ version: "2.0.0" })).toBe("RELEASE_RECALLED");
  });

  it.each([0, 1, 50, -2])("by a document with the byte at %i changed", async (place) => {
    const bytes = readFileSync(document());
    const at = place < 0 ? bytes.length + place : place;
    bytes[at] = bytes[at]! ^ 1;
    writeFileSync(document(), bytes);
    expect(await refusal()).toBe("DIGEST_MISMATCH");
  });
});

describe("endless data", () => {
  it("in place of the document, or of its signature", async () => {
    writeFileSync(document(), Buffer.alloc((256 << 10) + 1, 0x20));
    expect(await refusal()).toBe("ASSET_SIZE");
    world.bringPage(newer);
    writeFileSync(`${document()}.p7s`, Buffer.alloc((64 << 10) + 1));
    expect(await refusal()).toBe("ASSET_SIZE");
  });

  it.each([
    { why: "nested without end", bytes: "[".repeat(200_000), code: "JSON_MALFORMED" },
    { why: "a key twice", bytes: '{"a":1,"a":2}', code: "JSON_NOT_CANONICAL" },
    { why: "nothing in it", bytes: "{}", code: "DOCUMENT_INVALID" },
    { why: "a later form", bytes: '{"schema_version":2}', code: "DOCUMENT_VERSION" },
  ])("signed well, $why", async ({ bytes, code }) => {
    await signed(Buffer.from(bytes));
    expect(await refusal()).toBe(code);
  });
});
