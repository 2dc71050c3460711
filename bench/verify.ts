/**
 * `npm run bench -- verify`: what it takes to prove a signature, from the built package.
 *
 *   first call   in a process of its own, the start of the thread with it; median of 50 processes
 *   warm         the median of 50 calls that follow, of the median process
 *
 * Two certificates (an authority and its signer, P-256), a document of 64 KiB. A prewarmed thread was started 100 ms before,
 * as commands do when they ask the network. Beside them stands the same on the main thread, which others then wait for.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatePki } from "../src/publish/sign/keygen.ts";
import { openSigner, signManifest } from "../src/publish/sign/sign.ts";
import { buildDist, setting, table, temporaryFolder } from "./measure.ts";
import { finish } from "./results.ts";

const PROCESSES = 50;
const FIRST_BAR_MS = 50;
const WARM_BAR_MS = 5;
const WAYS = ["thread", "prewarmed thread", "main thread"] as const;

buildDist();
const work = temporaryFolder("verify");
await makeSigned(join(work, "signed"));
const rows: string[][] = [];
for (const way of WAYS) {
  const runs = Array.from({ length: PROCESSES }, () => measure(way));
  const firstMs = median(runs.map((run) => run.firstMs));
  const warmMs = median(runs.map((run) => median(run.warmMs)));
  const holds = firstMs <= FIRST_BAR_MS && warmMs <= WARM_BAR_MS;
  if (!holds) process.exitCode = 1;
  rows.push([way, firstMs.toFixed(1), warmMs.toFixed(2), holds ? "yes" : "NO"]);
  console.error(`bench: ${way} is measured`);
}
const text = [
  "# Proving a signature",
  "",
  `${setting()}. \`npm run bench -- verify\`; medians, in milliseconds.`,
  `Bars: the first call in a process ${FIRST_BAR_MS} ms, a warm one ${WARM_BAR_MS} ms, chain of two certificates (P-256).`,
  "",
  ...table(["where", "first call", "warm", "within the bars"], rows, [0, 3]),
  "",
].join("\n");
console.log(text);
finish("verify", { md: text });

async function makeSigned(folder: string): Promise<void> {
  mkdirSync(folder);
  const now = new Date();
  const pki = await generatePki({
    ...{ outFolder: join(work, "pki"), algorithm: "ecdsa-p256", now },
    ...{ rootName: "Bench Root", signerName: "Bench Signer" },
  });
  const manifest = Buffer.alloc(64 << 10, "manifest ");
  const signer = await openSigner({ key: pki.signerKey!, secrets: { env: {} } });
  const certificatesPem = readFileSync(pki.signer, "latin1");
  writeFileSync(join(folder, "signature"), await signManifest({ manifest, certificatesPem, signer, now }));
  await signer.close();
  writeFileSync(join(folder, "content"), manifest);
  copyFileSync(pki.root, join(folder, "root.pem"));
}

function measure(way: (typeof WAYS)[number]): { firstMs: number; warmMs: number[] } {
  const script = join(import.meta.dirname, "verify-once.ts");
  const answer = execFileSync(process.execPath, [script, join(work, "signed"), way], { encoding: "utf8" });
  return JSON.parse(answer) as { firstMs: number; warmMs: number[] };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
