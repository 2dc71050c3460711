/**
 * Patches beside our peers', in one run on one machine: `npm run bench -- delta [part of a pair's name]`.
 *
 * Every command runs as a process of its own under GNU time; every result is compared with the target. CPU
 * is user plus system time. Peers that are not installed are left out. The table goes to the terminal and
 * to bench/results/delta.md.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sha256OfFile } from "../src/base/digest.ts";
import { corpora, type Pair } from "./corpora.ts";

type Run = { readonly cpuS: number; readonly wallS: number; readonly peakMiB: number };
type Row = { readonly pair: string; readonly patchBytes: number; readonly make: Run; readonly apply: Run };
type Peer = {
  readonly name: string;
  /** What must be on the PATH. */
  readonly needs?: string;
  readonly make: (files: Files) => readonly string[];
  readonly apply: (files: Files) => readonly string[];
};
type Files = {
  readonly source: string;
  readonly target: string;
  readonly patch: string;
  readonly out: string;
  readonly window: string;
};

const root = dirname(import.meta.dirname);
const ours = [process.execPath, join(root, "dist", "themis-bundle.js"), "delta"];
const our = (name: string, ...options: string[]): Peer => ({
  name,
  make: ({ source, target, patch }) => [...ours, "create", source, target, patch, "--quiet", ...options],
  apply: ({ source, patch, out }) => [...ours, "apply", source, patch, out, "--quiet"],
});
const xdelta3 = (secondary: string): Peer => ({
  name: `xdelta3 -9 -S ${secondary}`,
  needs: "xdelta3",
  make: ({ source, target, patch, window }) => [
    "xdelta3",
    "-e",
    "-D",
    "-f",
    "-9",
    "-S",
    secondary,
    "-B",
    window,
    "-s",
    source,
    target,
    patch,
  ],
  apply: ({ source, patch, out, window }) => [
    "xdelta3",
    "-d",
    "-D",
    "-R",
    "-f",
    "-B",
    window,
    "-s",
    source,
    patch,
    out,
  ],
});

const PEERS: readonly Peer[] = [
  our("ours BSDIFF40", "--algorithm", "bsdiff"),
  our("ours BSDF2", "--algorithm", "bsdiff", "--format", "bsdf2"),
  our("ours VCDIFF", "--algorithm", "vcdiff"),
  our("ours ZSTD_DICT", "--algorithm", "zstd-dict"),
  {
    name: "bsdiff 4.3",
    needs: "bsdiff",
    make: ({ source, target, patch }) => ["bsdiff", source, target, patch],
    apply: ({ source, patch, out }) => ["bspatch", source, out, patch],
  },
  xdelta3("none"),
  xdelta3("lzma"),
  {
    name: "zstd -19",
    needs: "zstd",
    make: ({ source, target, patch }) => [
      "zstd",
      "-q",
      "-f",
      "-19",
      "--long=31",
      "--single-thread",
      `--patch-from=${source}`,
      target,
      "-o",
      patch,
    ],
    apply: ({ source, patch, out }) => [
      "zstd",
      "-q",
      "-d",
      "-f",
      "--long=31",
      `--patch-from=${source}`,
      patch,
      "-o",
      out,
    ],
  },
];

const work = mkdtempSync(join(tmpdir(), "themis-bench-delta-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const pairs = corpora(process.argv[3] ?? "");
if (pairs.length === 0) throw new Error(`there is no pair like ${process.argv[3]}`);
const rows = new Map<string, Row[]>();
for (const pair of pairs) {
  for (const peer of PEERS) {
    if (peer.needs !== undefined && !onPath(peer.needs)) continue;
    const row = await measure(peer, pair);
    rows.set(peer.name, [...(rows.get(peer.name) ?? []), row]);
    console.error(
      `${pair.name} ${peer.name}: ${row.patchBytes} B, ${row.make.cpuS.toFixed(2)} s, ${row.make.peakMiB} MiB`,
    );
  }
}
const text = report();
console.log(text);
if (!process.argv[3]) {
  mkdirSync(join(root, "bench", "results"), { recursive: true });
  writeFileSync(join(root, "bench", "results", "delta.md"), text);
}

async function measure(peer: Peer, pair: Pair): Promise<Row> {
  const largest = Math.max(statSync(pair.source).size, statSync(pair.target).size);
  const window = String(2 ** Math.max(20, Math.ceil(Math.log2(largest))));
  const files = { ...pair, patch: join(work, "patch"), out: join(work, "out"), window };
  for (const file of [files.patch, files.out]) rmSync(file, { force: true });
  const make = timed(peer.make(files));
  const apply = timed(peer.apply(files));
  if ((await sha256OfFile(files.out)) !== (await sha256OfFile(pair.target)))
    throw new Error(`${peer.name} does not rebuild ${pair.name}`);
  return { pair: pair.name, patchBytes: statSync(files.patch).size, make, apply };
}

function timed(command: readonly string[]): Run {
  const note = join(work, "time");
  const { status, stderr } = spawnSync("time", ["-f", "%e %U %S %M", "-o", note, ...command], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}: ${stderr}`);
  const [wallS, user, system, kib] = readFileSync(note, "utf8").trim().split(" ").map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return { wallS, cpuS: user + system, peakMiB: Math.round(kib / 1024) };
}

function onPath(name: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, name)));
}

function report(): string {
  const lines = [
    "# Patches beside our peers'",
    "",
    "Printed by `npm run bench -- delta`, everything in one run. CPU is user plus system time of the whole",
    "process, Node's own start and our proof of each patch included; MiB is peak resident memory.",
  ];
  for (const { name, target } of pairs) {
    lines.push(
      "",
      `## ${name} (${statSync(target).size} bytes)`,
      "",
      "| | patch, bytes | make, CPU s | make, MiB | apply, CPU s | apply, MiB |",
      "| --- | --: | --: | --: | --: | --: |",
    );
    for (const [peer, all] of rows) {
      const row = all.find(({ pair }) => pair === name);
      if (row)
        lines.push(
          `| ${peer} | ${row.patchBytes} | ${row.make.cpuS.toFixed(2)} | ${row.make.peakMiB} | ${row.apply.cpuS.toFixed(2)} | ${row.apply.peakMiB} |`,
        );
    }
  }
  lines.push(
    "",
    "## Ratios, geometric means over all pairs",
    "",
    "| ours | peer | size | largest | CPU | peak memory |",
    "| --- | --- | --: | --: | --: | --: |",
  );
  for (const [mine, theirs] of [
    ["ours BSDIFF40", "bsdiff 4.3"],
    ["ours BSDF2", "bsdiff 4.3"],
    ["ours VCDIFF", "xdelta3 -9 -S none"],
    ["ours ZSTD_DICT", "zstd -19"],
  ] as const) {
    const [a, b] = [rows.get(mine), rows.get(theirs)];
    if (!a || !b) continue;
    const ratios = (of: (row: Row) => number): number[] => a.map((row, i) => of(row) / of(b[i]!));
    const sizes = ratios(({ patchBytes }) => patchBytes);
    lines.push(
      `| ${mine} | ${theirs} | ${geometricMean(sizes)} | ${Math.max(...sizes).toFixed(3)} | ${geometricMean(ratios(({ make }) => make.cpuS))} | ${geometricMean(ratios(({ make }) => make.peakMiB))} |`,
    );
  }
  const peers = ["bsdiff 4.3", "xdelta3 -9 -S lzma", "zstd -19"].flatMap((name) => rows.get(name) ?? []);
  if (peers.length > 0) {
    const auto = pairs.map(({ name }) => {
      const smallest = (from: Row[]): number =>
        Math.min(...from.filter(({ pair }) => pair === name).map(({ patchBytes }) => patchBytes));
      return (
        smallest([...rows].filter(([peer]) => peer.startsWith("ours")).flatMap(([, all]) => all)) /
        smallest(peers)
      );
    });
    lines.push(
      "",
      `The smallest of ours beside the smallest of theirs: ${geometricMean(auto)}, largest ${Math.max(...auto).toFixed(3)}.`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function geometricMean(values: readonly number[]): string {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length).toFixed(3);
}
