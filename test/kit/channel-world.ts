/** A page with four releases and a channel, changed and signed by the program itself; and devices that follow it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noise, ok, release, run } from "./world.ts";

export type ChannelWorld = {
  readonly at: (...names: string[]) => string;
  readonly page: string;
  readonly anchor: string;
  readonly file: string;
  readonly bundle: (version: string) => string;
  /** `themis-bundle channel NAME FILE …`, signed; then published. */
  readonly channel: (name: string, ...more: string[]) => Promise<Record<string, unknown>>;
  readonly publish: () => Promise<Record<string, unknown>>;
  /** A new empty root. */
  readonly device: () => string;
  /** Arguments of every command of a device. */
  readonly of: (root: string, ...more: string[]) => string[];
  /** The version that `update` leaves. */
  readonly update: (root: string, ...more: string[]) => Promise<string>;
  /** The error's code; fails when there is none. */
  readonly refused: (program: "themis-bundle" | "themis-fetch", ...args: string[]) => Promise<string>;
  /** The page as it is now, to be brought back later. */
  readonly keepPage: () => string;
  readonly bringPage: (kept: string) => void;
  readonly remove: () => void;
};

export const VERSIONS = ["1.0.0", "2.0.0", "3.0.0", "3.0.1"] as const;

export async function makeChannelWorld(): Promise<ChannelWorld> {
  const folder = mkdtempSync(join(tmpdir(), "themis-channel-"));
  const at = (...names: string[]): string => join(folder, ...names);
  const [page, file, anchor] = [at("page"), at("channel-stable.json"), at("pki/root.pem")];
  const bundle = (version: string): string => at(`bundle-${version}`);
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  const keys = ["--key", at("pki/signer-key.pem"), "--certificates", at("pki/signer.pem")];
  for (const [i, version] of VERSIONS.entries()) {
    const tree = at(`tree-${version}`);
    mkdirSync(tree);
    writeFileSync(join(tree, "version"), `${version}\n`);
    writeFileSync(join(tree, "data"), noise(5000, i + 1));
    const more = version === "3.0.0" ? ["--min-upgrade-from", "2.0.0", "--critical"] : [];
    await release({ at }, tree, version, bundle(version), ...more);
    await ok("themis-bundle", "publish", bundle(version), "--to", `file:${page}`);
  }
  const create = ["create", file, "--product", "app", "--channel", "stable", "--expires", soon()];
  await ok("themis-bundle", "channel", ...create);
  let things = 0;
  const publish = () =>
    ok("themis-bundle", "channel", "publish", file, "--to", `file:${page}`, "--trust-anchor", anchor);
  const of = (root: string, ...more: string[]): string[] => [
    ...["--source", page, "--root", root, "--trust-anchor", anchor, "--channel", "stable", ...more],
  ];
  return {
    ...{ at, page, anchor, file, bundle, publish, of },
    channel: async (name, ...more) => {
      const said = await ok("themis-bundle", "channel", name, file, ...more, ...keys);
      await publish();
      return said;
    },
    device: () => {
      const root = at(`device-${things++}`);
      mkdirSync(root);
      return root;
    },
    update: async (root, ...more) => String((await ok("themis-fetch", "update", ...of(root, ...more))).to),
    refused: async (program, ...args) => {
      const { status, stdout } = await run(program, ...args, "--json");
      if (status !== 4) throw new Error(`${args.join(" ")} ended with ${status}: ${stdout}`);
      return (JSON.parse(stdout) as { error: { code: string } }).error.code;
    },
    keepPage: () => {
      const kept = at(`page-${things++}`);
      cpSync(page, kept, { recursive: true, verbatimSymlinks: true });
      return kept;
    },
    bringPage: (kept) => {
      rmSync(page, { recursive: true });
      cpSync(kept, page, { recursive: true, verbatimSymlinks: true });
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** In a month, as a date. */
export function soon(): string {
  return new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
}
