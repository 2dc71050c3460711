/**
 * A device's process under strace: argv = action root page anchor time strategy; prints how it ended, as one JSON document.
 *
 * Names that are drawn by lot are the same in each run, so that a point of a recording is met again by its path.
 */
import crypto from "node:crypto";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { ThemisError } from "../../../src/base/error.ts";
import type { StrategyName } from "../../../src/fetch/install/strategy.ts";
import { rollBack } from "../../../src/fetch/rollback.ts";
import { update } from "../../../src/fetch/update.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";

let drawn = 0;
crypto.randomBytes = ((bytes: number) => Buffer.alloc(bytes, ++drawn)) as typeof crypto.randomBytes;
syncBuiltinESMExports();
Object.defineProperty(process, "pid", { value: 1 });

const [action, root, source, anchor, time, strategy] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  StrategyName,
];
const tools = {
  now: () => new Date(time),
  onStep: (index: number) => {
    if (action === "undo" && index === FAILING_STEP)
      throw Object.assign(new Error("i/o error"), { code: "EIO" });
  },
};

/** Late enough for every kind of step to have been done before it. */
const FAILING_STEP = strategy === "slots" ? 1 : 11;

async function act(): Promise<void> {
  if (action === "rollback") await rollBack({ root }, tools);
  else {
    const anchors = readTrustAnchors(readFileSync(anchor));
    await update({ root, source, version: "", connections: 1, anchors, strategy }, tools);
  }
}

const ending = await act().then(
  () => ({ outcome: "done" }),
  (error: unknown) => {
    if (!(error instanceof ThemisError)) return { outcome: "crashed", message: String(error) };
    const { code, message } = error;
    return { outcome: "failed", code, message };
  },
);
console.log(JSON.stringify(ending));
