/**
 * What ten ways back take on the disk: `npm run bench -- restore`.
 *
 * Eleven real releases of esbuild for Linux are installed one over the other. Each waits for its operator first, so
 * that the folder of plain copies is counted as it stands; confirming makes it small. Then one rollback leads
 * from the last release to the first.
 */
import { cpSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { confirm } from "../src/fetch/confirm.ts";
import type { RestorePointRecord } from "../src/fetch/device-records.ts";
import { readStatus, rollBack } from "../src/fetch/rollback.ts";
import { update } from "../src/fetch/update.ts";
import { makeReleaseLine } from "../test/kit/release-line.ts";
import { snapshot } from "../test/kit/world.ts";
import { releases } from "./corpora.ts";
import { setting, table, temporaryFolder } from "./measure.ts";
import { finish } from "./results.ts";

const PACKAGE = "@esbuild/linux-x64";
/** The first is where the ways lead. */
const VERSIONS = ["0.24.0", "0.24.1", "0.24.2", ...Array.from({ length: 8 }, (_, patch) => `0.25.${patch}`)];
const BAR = 0.8;
/** What a disk gives at the least. */
const BLOCK_BYTES = 4096;

const trees = releases("esbuild-linux-x64-line", PACKAGE, VERSIONS);
const line = await makeReleaseLine(VERSIONS, (tree, number) =>
  cpSync(trees[number]!, tree, { recursive: true }),
);
process.on("exit", line.remove);
const root = join(temporaryFolder("restore"), "device");
mkdirSync(root);
const tools = { now: () => new Date() };
const gate = { checks: [], confirmation: { by: "operator", withinMs: 3_600_000 } } as const;

type Measured = {
  readonly step: string;
  readonly copies: number;
  readonly compact: number;
  readonly ms: number;
};
const rows: Measured[] = [];
const notices: string[] = [];
for (const [number, source] of line.bundles.entries()) {
  await update({ root, source, version: "", connections: 1, anchors: line.anchors, gate }, tools);
  const copies = blocksOf(await newest());
  const startedMs = performance.now();
  await confirm({ root }, { ...tools, notice: (message) => notices.push(message) });
  const ms = performance.now() - startedMs;
  // The first had nothing to replace.
  if (number === 0) continue;
  const step = `${VERSIONS[number - 1]} -> ${VERSIONS[number]}`;
  rows.push({ step, copies, compact: blocksOf(await newest()), ms });
}

const points = (await readStatus(root)).restorePoints;
const oldest = points.at(-1)!;
const held = points.reduce((sum, point) => sum + blocksOf(point), 0);
const startedMs = performance.now();
await rollBack({ root, to: oldest.id }, tools);
const rollbackMs = performance.now() - startedMs;
const isFirst = JSON.stringify(snapshot(root)) === JSON.stringify(snapshot(line.trees[0]!));

const total = (of: (row: Measured) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
const copies = total(({ copies }) => copies);
const savedShare = 1 - held / copies;
const kib = (bytes: number): string => (bytes / 1024).toFixed(0);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const text = [
  "# Restore points",
  "",
  `Printed by \`npm run bench -- restore\`, one run: ${setting()}.`,
  `${VERSIONS.length} releases of \`${PACKAGE}\`, whole packages, each installed over the one before; ${points.length} restore points are held at the end.`,
  `Whole folders with their documents, each file rounded up to blocks of ${BLOCK_BYTES} bytes. Making small is all of \`themis-fetch confirm\`, the proof of what was made included.`,
  "",
  ...table(
    ["update", "copies, KiB", "compact, KiB", "saved", "made small in"],
    rows.map(({ step, copies, compact, ms }) => [
      step,
      kib(copies),
      kib(compact),
      percent(1 - compact / copies),
      `${(ms / 1000).toFixed(1)} s`,
    ]),
  ),
  "",
  ...table(
    ["bar", "measured", "wanted"],
    [
      [`saved of ${kib(copies)} KiB`, percent(savedShare), `>= ${percent(BAR)}`],
      [
        `${points.length} releases back in one rollback, by content`,
        isFirst ? "the first release" : "another",
        "the first release",
      ],
      ["time of that rollback", `${(rollbackMs / 1000).toFixed(1)} s`, ""],
      ["time of making small, all", `${(total(({ ms }) => ms) / 1000).toFixed(1)} s`, ""],
    ],
  ),
  "",
].join("\n");
console.log(text);
for (const notice of notices) console.error(`bench: ${notice}`);
finish("restore", { md: text });
if (savedShare < BAR || !isFirst || notices.length > 0) process.exitCode = 1;

async function newest(): Promise<RestorePointRecord> {
  return (await readStatus(root)).restorePoints[0]!;
}

function blocksOf({ folder }: RestorePointRecord): number {
  const path = join(root, ".themis/restore", folder);
  return readdirSync(path).reduce(
    (sum, name) => sum + Math.ceil(statSync(join(path, name)).size / BLOCK_BYTES) * BLOCK_BYTES,
    0,
  );
}
