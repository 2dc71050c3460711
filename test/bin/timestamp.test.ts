/** Time-stamps as a person meets them: asked for when a bundle is signed, and believed by a device years later. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { update } from "../../src/fetch/update.ts";
import { makeStampedWorld, type StampedWorld } from "../kit/stamped-world.ts";
import { type RunningAuthority, startTimeStampAuthority } from "../kit/time-stamp-authority.ts";
import { hasTool } from "../kit/tools.ts";
import { ok, run } from "../kit/world.ts";

const TIMEOUT_MS = 120_000;

describe.skipIf(!hasTool("openssl"))("a release with a time-stamp", () => {
  let world: StampedWorld;
  let tsa: RunningAuthority;
  let bundle: string;
  let key: string[];
  const at = (name: string): string => join(world.authority.folder, name);
  const signatureOf = (folder: string): Buffer => readFileSync(join(folder, "manifest.json.p7s"));

  beforeAll(async () => {
    world = makeStampedWorld();
    tsa = await startTimeStampAuthority({ identity: world.tsa });
    mkdirSync(at("tree"));
    writeFileSync(join(at("tree"), "app"), "hello\n");
    bundle = at("bundle");
    const release = ["--product", "app", "--version", "1.0.0", "--out", bundle];
    await ok("themis-bundle", "build", at("tree"), ...release);
    key = ["--key", world.signer.keyPath, "--certificates", world.signer.certificatePath];
  }, TIMEOUT_MS);
  afterAll(async () => {
    await tsa?.close();
    world?.authority.remove();
  });

  it(
    "is signed with one, or has one put in later, and says so",
    async () => {
      const stamp = ["--timestamp", tsa.url.href, "--timestamp-anchor", world.tsaRoot.certificatePath];
      const time = { url: tsa.url.href, authority: "CN=tsa,O=Themis Test", time: expect.any(String) };
      expect(await ok("themis-bundle", "sign", bundle, ...key, ...stamp)).toEqual(
        expect.objectContaining({ timestamps: [time] }),
      );
      const trust = ["--trust-anchor", world.root.certificatePath];
      const pinned = [...trust, "--timestamp-anchor", world.tsaRoot.certificatePath];
      const { stdout } = await run("themis-bundle", "verify", bundle, ...pinned);
      expect(stdout).toContain("time-stamped by CN=tsa,O=Themis Test at 20");
      expect((await run("themis-bundle", "verify", bundle, ...trust)).stdout).not.toContain("time-stamped");

      await ok("themis-bundle", "sign", bundle, ...key);
      expect((await ok("themis-bundle", "timestamp", bundle, ...stamp)).timestamps).toEqual([time]);
      expect((await ok("themis-bundle", "timestamp", bundle, ...stamp)).timestamps).toEqual([]);
      const files = [
        "--manifest",
        join(bundle, "manifest.json"),
        "--signature",
        join(bundle, "manifest.json.p7s"),
      ];
      const { signers } = await ok("themis-fetch", "verify", ...files, ...pinned);
      expect(signers).toEqual([
        expect.objectContaining({ timestamp: expect.objectContaining({ accuracyMs: 1501 }) }),
      ]);
    },
    TIMEOUT_MS,
  );

  it(
    "is not written when no authority gives one: exit 3, with what each said",
    async () => {
      const busy = await startTimeStampAuthority({ identity: world.tsa, misbehaviour: { body: "page" } });
      const before = signatureOf(bundle);
      const { status, stderr } = await run(
        "themis-bundle",
        "sign",
        bundle,
        ...key,
        "--timestamp",
        busy.url.href,
      );
      await busy.close();
      expect({ status, stderr }).toEqual({
        status: 3,
        stderr: expect.stringMatching(/TIMESTAMP_NOT_GIVEN: .*"text\/html".*hint: nothing was written/s),
      });
      expect(signatureOf(bundle)).toEqual(before);
    },
    TIMEOUT_MS,
  );

  it.each([
    { why: "authority that is no address", words: ["--timestamp", "tsa.example"] },
    { why: "authority by ftp", words: ["--timestamp", "ftp://tsa.example/"] },
    {
      why: "authority by a policy that is none",
      words: ["--timestamp", "http://tsa.example", "--timestamp-policy", "1.99999"],
    },
  ])("is asked of no $why", async ({ words }) => {
    expect((await run("themis-bundle", "timestamp", bundle, ...words)).status).toBe(2);
  });

  it(
    "is installed when the certificate of its signer is over, where its authority is pinned, and else is not",
    async () => {
      await ok("themis-bundle", "sign", bundle, ...key, "--timestamp", tsa.url.href);
      mkdirSync(at("device"));
      const { anchors, timestampAnchors, later } = world;
      const request = { root: at("device"), source: bundle, version: "", connections: 2, anchors };
      const tools = { now: () => later };
      await expect(update(request, tools)).rejects.toThrow(
        expect.objectContaining({ code: "SIGNER_EXPIRED" }),
      );
      expect(readdirSync(at("device"))).not.toContain("app");
      await update({ ...request, timestampAnchors }, tools);
      expect(readFileSync(join(at("device"), "app"), "utf8")).toBe("hello\n");
    },
    TIMEOUT_MS,
  );
});
