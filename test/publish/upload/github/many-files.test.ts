/** A tree of many files, with deltas from many releases, stays far within what a release page can hold. */
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { noise, ok } from "../../../kit/world.ts";
import { makePage } from "./kit.ts";

const FILES = 1200;
const FROM = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"];

it("of 1,200 files, with deltas from 5 releases, becomes fewer than 30 assets", async () => {
  const folder = mkdtempSync(join(tmpdir(), "themis-many-"));
  const at = (name: string): string => join(folder, name);
  try {
    const text = noise(1500, 3).toString("base64");
    mkdirSync(at(FROM[0]!));
    for (let i = 0; i < FILES; i++) writeFileSync(join(at(FROM[0]!), `file-${i}`), `${i}\n${text}\n`);
    const trees = [...FROM, "1.5.0"];
    for (const [past, version] of trees.slice(1).entries()) {
      cpSync(at(trees[past]!), at(version), { recursive: true });
      for (let i = past * 8; i < past * 8 + 8; i++)
        appendFileSync(join(at(version), `file-${i}`), `${version}\n`);
    }
    await ok("themis-bundle", "keygen", "--out", at("pki"));
    const from = FROM.flatMap((version) => ["--from", `${version}=${at(version)}`]);
    const facts = [
      "--product",
      "app",
      "--version",
      "1.5.0",
      "--algorithm",
      "zstd-dict",
      "--out",
      at("bundle"),
    ];
    const { deltas } = await ok("themis-bundle", "build", at("1.5.0"), ...facts, ...from);
    expect((deltas as { algorithm?: string }[]).filter(({ algorithm }) => algorithm).length).toBeGreaterThan(
      60,
    );
    const key = ["--key", at("pki/signer-key.pem"), "--certificates", at("pki/signer.pem")];
    await ok("themis-bundle", "sign", at("bundle"), ...key);
    const page = await makePage();
    expect(await page.publish(at("bundle"))).toMatchObject({ status: 0 });
    expect(page.repository.releases).toMatchObject([{ draft: false }]);
    expect(page.repository.releases[0]!.assets.length).toBeLessThan(30);
    await page.github.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
