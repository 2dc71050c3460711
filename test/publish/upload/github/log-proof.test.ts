/** The proof of a transparency log travels with the release, and a page never goes back to a smaller log. */
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeSmallWorld } from "../../../kit/small-world.ts";
import { ok } from "../../../kit/world.ts";
import { makePage } from "./kit.ts";

const PROOF = "manifest.json.tlog-proof";

it("is published, renewed when the log has grown, and not taken back", async () => {
  const world = await makeSmallWorld();
  const page = await makePage();
  try {
    const [log, key] = [world.at("log"), ["--key", world.at("keys/log-key.txt")]];
    await ok("themis-bundle", "log", "keygen", "--name", "example.com/releases", "--out", world.at("keys"));
    await ok("themis-bundle", "log", "create", log, ...key);
    await ok("themis-bundle", "log", "append", log, world.newBundle, ...key);
    const [small, large] = [world.at("small"), world.at("large")];
    for (const copy of [small, large]) cpSync(world.newBundle, copy, { recursive: true });
    await ok("themis-bundle", "log", "prove", log, small);
    const next = ["--product", "app", "--version", "1.2.0", "--out", world.at("next")];
    await ok("themis-bundle", "build", world.new, ...next);
    await ok("themis-bundle", "log", "append", log, world.at("next"), ...key);
    await ok("themis-bundle", "log", "prove", log, large);

    const proofOf = (bundle: string): Buffer => readFileSync(join(bundle, PROOF));
    const shown = (): Uint8Array =>
      page.repository.releases[0]!.assets.find(({ name }) => name === PROOF)!.bytes;
    for (const [bundle, changed, expected] of [
      [small, true, small],
      [small, false, small],
      [large, true, large],
      [small, false, large],
    ] as const) {
      const { stdout } = await page.publish(bundle);
      expect(JSON.parse(stdout)).toMatchObject({ changed, state: "published" });
      expect(Buffer.from(shown())).toEqual(proofOf(expected));
    }
    const root = world.at("device");
    const source = ["--source", "github:acme/app", "--root", root, "--trust-anchor", world.anchor];
    Object.assign(process.env, page.github.environment);
    mkdirSync(root);
    await ok("themis-fetch", "check", ...source, "--log-key", world.at("keys/log-key.pub"));
  } finally {
    for (const name of Object.keys(page.github.environment)) delete process.env[name];
    await page.github.close();
    world.remove();
  }
});
