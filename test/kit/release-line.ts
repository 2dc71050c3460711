/** One release after the other of a product, built and signed in this process, and a device that took them all. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../../src/publish/build.ts";
import { openSigner, signManifest } from "../../src/publish/sign/sign.ts";
import { readTrustAnchors, type TrustAnchor } from "../../src/trust/anchor.ts";
import { noise, ok } from "./world.ts";

export type ReleaseLine = {
  readonly at: (...names: string[]) => string;
  readonly anchor: string;
  readonly anchors: readonly TrustAnchor[];
  readonly bundles: readonly string[];
  readonly trees: readonly string[];
  readonly versions: readonly string[];
  readonly remove: () => void;
};

/** @param fill makes the tree of the release with this number, from 0 on */
export async function makeReleaseLine(
  versions: readonly string[],
  fill: (tree: string, number: number) => void = fillTree,
): Promise<ReleaseLine> {
  const folder = mkdtempSync(join(tmpdir(), "themis-line-"));
  const at = (...names: string[]): string => join(folder, ...names);
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  const certificatesPem = readFileSync(at("pki/signer.pem"), "latin1");
  const secrets = { env: {} };
  const signer = await openSigner({ key: at("pki/signer-key.pem"), secrets, certificatesPem });
  const numbers = [...versions.keys()];
  try {
    for (const number of numbers) {
      mkdirSync(at(`tree-${number}`));
      fill(at(`tree-${number}`), number);
      const out = at(`bundle-${number}`);
      const release = { ...FACTS, version: versions[number]! };
      await build({ root: at(`tree-${number}`), out, release, from: [], algorithms: [], diff: {}, jobs: 1 });
      const manifest = readFileSync(join(out, "manifest.json"));
      const signature = await signManifest({ manifest, certificatesPem, signer, now: new Date() });
      writeFileSync(join(out, "manifest.json.p7s"), signature);
    }
  } finally {
    await signer.close();
  }
  return {
    at,
    versions,
    anchor: at("pki/root.pem"),
    anchors: readTrustAnchors(readFileSync(at("pki/root.pem"))),
    bundles: numbers.map((number) => at(`bundle-${number}`)),
    trees: numbers.map((number) => at(`tree-${number}`)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const FACTS = {
  ...{ product: "app", channel: "stable", sequence: undefined, expires: "", releaseDate: "" },
  ...{ releaseNotes: "", tagName: "", isCritical: false, platform: "any", architecture: "any" },
  ...{ buildCommit: "", buildDate: "", compilerVersion: "", dependencies: [], minUpgradeFrom: "" },
};

/** Each way in which a saved file can be kept, and paths that change what they are. */
function fillTree(tree: string, number: number): void {
  const write = (path: string, bytes: Uint8Array | string, mode = 0o644): void => {
    mkdirSync(join(tree, path, ".."), { recursive: true });
    writeFileSync(join(tree, path), bytes);
    chmodSync(join(tree, path), mode);
  };
  const binary = noise(300_000, 7);
  for (let past = 1; past <= number; past++) noise(300, 40 + past).copy(binary, past * 20_000);
  write("bin/appd", binary, 0o755);
  write(`lib/moved-${number}`, noise(100_000, 3));
  write("share/text", `release ${number}\n${"the same line again and again\n".repeat(700)}`);
  write("etc/app.conf", `release ${number}\n`);
  write(`only-${number}`, noise(70_000, 60 + number));
  write("mode.dat", noise(80_000, 5), number % 2 === 0 ? 0o644 : 0o600);
  if (number % 2 === 0) write("flips", "a file\n");
  else write("flips/inside", `${number}\n`);
  symlinkSync(`lib/moved-${number}`, join(tree, "link"));
  if (number % 2 === 0) symlinkSync("lib", join(tree, "turns"));
  else write("turns/inside", `${number}\n`);
}
