/**
 * Patches beside our peers', in one run on one machine: `npm run bench -- delta [part of a pair's name] [--resume]`.
 *
 * dist/ is built first. Peers that are not installed are left out by name; every result is compared with the
 * target. After each pair the report is written anew, so a run that is cut leaves what it has; `--resume` goes on
 * behind the last whole pair if nothing was changed since. Ratios stay those of one machine in one state, because
 * ours and theirs take turns within each pair.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256OfFile } from "../src/base/digest.ts";
import type { Measured, Row } from "./bars.ts";
import { corpora, corporaCache, type Pair } from "./corpora.ts";
import { type DeltaRun, deltaReport } from "./delta-report.ts";
import {
  bestOf,
  buildDist,
  nodeStart,
  onPath,
  programStart,
  type Run,
  repeated,
  root,
  setting,
  temporaryFolder,
  timed,
} from "./measure.ts";
import { applyOurs, type Files, OURS, PEERS, type Peer } from "./peers.ts";
import { finish, writePart } from "./results.ts";
import { storeStreams } from "./stored-streams.ts";

const APPLY_TIMES = 3;

const words = process.argv.slice(3);
const resume = words.includes("--resume");
const [wanted = ""] = words.filter((word) => word !== "--resume");
const pairs = corpora(wanted);
if (pairs.length === 0) throw new Error(`there is no pair like ${wanted}`);
buildDist();
const work = temporaryFolder("delta");
const installed = PEERS.filter(({ needs }) => needs === undefined || onPath(needs));
const state = join(dirname(corporaCache), "delta-run.json");
let run = await begin();
for (const pair of pairs.filter(({ name }) => !run.measured.some((each) => each.pair === name))) {
  run = { ...run, measured: [...run.measured, await measurePair(pair)] };
  mkdirSync(dirname(state), { recursive: true });
  writeFileSync(state, JSON.stringify({ build: digestOfBuild(), run }));
  writePart("delta", "md", deltaReport(run));
}
const text = deltaReport(run);
console.log(text);
if (wanted === "") finish("delta", { md: text });
rmSync(state, { force: true });

async function begin(): Promise<DeltaRun> {
  const fresh: DeltaRun = {
    setting: setting(),
    peers: installed.map(({ name }) => name),
    missing: PEERS.filter((peer) => !installed.includes(peer)).map(({ name }) => name),
    nodeStart: await nodeStart(work),
    programStart: await programStart(work),
    wanted: pairs.map(({ name }) => name),
    measured: [],
    cuts: 0,
    applyTimes: APPLY_TIMES,
  };
  if (!resume) return fresh;
  if (!existsSync(state)) throw new Error("there is no run to go on with");
  const { build, run: before } = JSON.parse(readFileSync(state, "utf8")) as { build: string; run: DeltaRun };
  const same = (of: (run: DeltaRun) => unknown): boolean =>
    JSON.stringify(of(before)) === JSON.stringify(of(fresh));
  if (build !== digestOfBuild() || !same(({ wanted, peers }) => [wanted, peers]))
    throw new Error("dist/, the peers or the pairs have changed since; begin without --resume");
  return { ...fresh, measured: before.measured, cuts: before.cuts + 1 };
}

/** Of all that runs as ours, and of what runs it. */
function digestOfBuild(): string {
  const hash = createHash("sha256").update(process.version);
  const dist = join(root, "dist");
  for (const name of readdirSync(dist).sort()) hash.update(name).update(readFileSync(join(dist, name)));
  return hash.digest("hex");
}

async function measurePair(pair: Pair): Promise<Measured> {
  const largest = Math.max(statSync(pair.source).size, statSync(pair.target).size);
  const window = String(2 ** Math.max(20, Math.ceil(Math.log2(largest))));
  const files: Files = {
    ...pair,
    patch: join(work, "patch"),
    out: join(work, "out"),
    window,
    sourceSha256: await sha256OfFile(pair.source),
    targetSha256: await sha256OfFile(pair.target),
  };
  const stored: Files = { ...files, patch: join(work, "stored") };
  const rows: Record<string, Row> = {};
  let chosen = "";
  let storedApply: Run | undefined;
  for (const peer of installed) {
    rmSync(files.patch, { force: true });
    const make = await timed(peer.make(files), work);
    const apply = await measureApply(peer, files);
    const patchBytes = statSync(files.patch).size;
    rows[peer.name] = { patchBytes, make, apply };
    if (peer.name === OURS.bsdiff) {
      storeStreams(files.patch, stored.patch);
      storedApply = await measureApply({ name: "stored streams", apply: applyOurs }, stored);
    }
    if (peer.name === OURS.auto)
      chosen = Object.keys(rows).find((name) => rows[name]!.patchBytes === patchBytes) ?? "";
    console.error(
      `${pair.name} ${peer.name}: ${patchBytes} B, made in ${make.cpuS.toFixed(2)} s, ${make.peakMiB.toFixed(0)} MiB`,
    );
  }
  return {
    pair: pair.name,
    targetBytes: statSync(pair.target).size,
    rows,
    chosen: chosen.replace("ours ", ""),
    storedApply: storedApply!,
  };
}

async function measureApply({ name, apply }: Pick<Peer, "name" | "apply">, files: Files): Promise<Run> {
  const runs = await repeated(APPLY_TIMES, async () => {
    rmSync(files.out, { force: true });
    const run = await timed(apply(files), work);
    if ((await sha256OfFile(files.out)) !== files.targetSha256)
      throw new Error(`${name} does not rebuild ${files.target}`);
    return run;
  });
  return bestOf(runs);
}
