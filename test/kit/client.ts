/** Clients of one file, made by the command, and run in folders where nothing else is. */
import { type SpawnOptionsWithoutStdio, spawn } from "node:child_process";
import { dirname } from "node:path";
import { type Answer, ok } from "./world.ts";

export type ClientFacts = { readonly anchor: string; readonly product?: string; readonly source: string };

/** @param out the file to make, in a folder that is there */
export async function makeClientFile(
  out: string,
  { anchor, product = "app", source }: ClientFacts,
  ...more: string[]
): Promise<string> {
  const words = ["--trust-anchor", anchor, "--product", product, "--source", source, "--out", out];
  await ok("themis-bundle", "client", ...words, ...more);
  return out;
}

export type How = Pick<SpawnOptionsWithoutStdio, "cwd"> & {
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Before the file. */
  readonly node?: readonly string[];
};

/** Runs it, by default in its own folder. */
export function runClient(file: string, args: readonly string[], how: How = {}): Promise<Answer> {
  const child = startClient(file, args, how);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((settle, reject) => {
    child.on("error", reject).on("close", (status) => settle({ status, stdout, stderr }));
  });
}

export function startClient(file: string, args: readonly string[], { cwd, env = {}, node = [] }: How = {}) {
  const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, ...own } = process.env;
  return spawn(process.execPath, [...node, file, ...args], {
    cwd: cwd ?? dirname(file),
    env: { ...own, ...env },
  });
}

/** What it said with --json; of a failure what is in "error". */
export async function clientSays(
  file: string,
  args: readonly string[],
  how: How = {},
): Promise<{ readonly status: number | null; readonly said: Record<string, unknown> }> {
  const { status, stdout, stderr } = await runClient(file, [...args, "--json"], how);
  if (stdout === "") throw new Error(`the client said nothing (${status}): ${stderr}`);
  const said = JSON.parse(stdout) as Record<string, unknown>;
  return { status, said: (said.error as Record<string, unknown>) ?? said };
}
