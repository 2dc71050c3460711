/** One process of `bench/verify.ts`: the first proof of a signature in it, and fifty after that, in milliseconds. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type * as Library from "../src/index.ts";
import { root } from "./measure.ts";

const WARM_CALLS = 50;
/** A source that answers at once is asked for less; the thread is there after about a third of it. */
const NETWORK_MS = 100;

const [folder, way] = process.argv.slice(2) as [string, "thread" | "prewarmed thread" | "main thread"];
const { SignatureValidator, verifySignature, readTrustAnchors } = (await import(
  join(root, "dist", "index.js")
)) as typeof Library;
const read = (name: string): Buffer => readFileSync(join(folder, name));
const [content, signature, anchor] = [read("content"), read("signature"), read("root.pem")];
const now = new Date();
const validator = new SignatureValidator({ anchors: [anchor], now: () => now });
const anchors = readTrustAnchors(anchor);
if (way === "prewarmed thread") {
  validator.prewarm();
  await setTimeout(NETWORK_MS);
}
const firstMs = await timeOf();
const warmMs: number[] = [];
while (warmMs.length < WARM_CALLS) warmMs.push(await timeOf());
console.log(JSON.stringify({ firstMs, warmMs }));

async function timeOf(): Promise<number> {
  const startedMs = performance.now();
  const { signers } =
    way === "main thread"
      ? verifySignature({ content, signature, anchors, now })
      : await validator.validate({ content, signature });
  if (signers.length !== 1) throw new Error("nobody signed");
  return performance.now() - startedMs;
}
