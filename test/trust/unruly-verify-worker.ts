/** Stands in the place of the thread that proves signatures, and does what the content says. */
import { parentPort, threadId } from "node:worker_threads";
import type { SignatureRequest } from "../../src/trust/verify-signature.ts";

parentPort?.on("message", ({ content }: SignatureRequest) => {
  const kept: unknown[] = [];
  switch (Buffer.from(content).toString()) {
    case "hang":
      for (;;);
    case "eat":
      for (;;) kept.push(new Array(1000).fill(kept.length));
    case "break":
      throw new RangeError("broken");
    default:
      parentPort?.postMessage({ report: { signers: [{ subject: `thread ${threadId}` }] } });
  }
});
