/**
 * themis-fetch as one file for one product: the program that `themis-bundle client` puts an anchor into.
 *
 * The whole file is one function. It runs as the program, and once more as each of its threads.
 */
import { isMainThread, workerData } from "node:worker_threads";
import type { ThreadData } from "../../base/start-thread.ts";
import { runThemisFetch } from "../fetch-program.ts";
import { Reporter } from "../reporter.ts";
import { CLIENT_THREADS } from "./threads.ts";
import { closePrototypes, demandUntampered } from "./untampered.ts";

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const say = new Reporter("themis-fetch");
  say.options = { ...say.options, json: argv.includes("--json"), debug: argv.includes("--debug") };
  try {
    demandUntampered();
    closePrototypes();
  } catch (error) {
    process.exitCode = say.failure(error);
    return;
  }
  await runThemisFetch(argv);
}

if (isMainThread) void main();
else {
  closePrototypes();
  void CLIENT_THREADS[(workerData as ThreadData).themisThread]?.();
}
