/**
 * Line coverage of src over everything the tests run: in vitest's own process and in the programs that they
 * start. Vitest sees only the first, so the processes write V8 coverage beside it (c8 reads that) and the two
 * are joined line by line: a line counts as executable when vitest's analysis says so, and as covered when either saw it run.
 *
 * Fails below the bar.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";

const BAR_PERCENT = 80;
const root = dirname(import.meta.dirname);
const raw = mkdtempSync(join(tmpdir(), "themis-coverage-"));

type Hits = Map<number, boolean>;

try {
  const inProcess = join(raw, "vitest");
  const spawned = join(raw, "spawned");
  run(
    "vitest/vitest.mjs",
    ["run", "--coverage", "--coverage.reporter=lcovonly", `--coverage.reportsDirectory=${inProcess}`],
    {
      NODE_V8_COVERAGE: join(raw, "v8"),
    },
  );
  run("c8/bin/c8.js", [
    "report",
    "--temp-directory",
    join(raw, "v8"),
    "--include",
    "src/**/*.ts",
    "--reporter",
    "lcovonly",
    "--reports-dir",
    spawned,
  ]);
  print(joinByLine(readLcov(join(inProcess, "lcov.info")), readLcov(join(spawned, "lcov.info"))));
} finally {
  rmSync(raw, { recursive: true, force: true });
}

function run(script: string, args: readonly string[], env: Record<string, string> = {}): void {
  const { status } = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** lcov's SF (file) and DA (line, hits) records. */
function readLcov(path: string): Map<string, Hits> {
  const files = new Map<string, Hits>();
  let hits: Hits = new Map();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line.startsWith("SF:")) {
      hits = new Map();
      files.set(relative(root, resolve(root, line.slice(3))), hits);
    } else if (line.startsWith("DA:")) {
      const [number, count] = line.slice(3).split(",").map(Number) as [number, number];
      hits.set(number, count > 0);
    }
  }
  return files;
}

function joinByLine(executable: Map<string, Hits>, also: Map<string, Hits>): Map<string, Hits> {
  return new Map(
    [...executable].map(([file, lines]) => [
      file,
      new Map([...lines].map(([line, hit]) => [line, hit || also.get(file)?.get(line) === true])),
    ]),
  );
}

function print(files: Map<string, Hits>): void {
  let covered = 0;
  let total = 0;
  for (const [file, lines] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const hit = [...lines.values()].filter(Boolean).length;
    covered += hit;
    total += lines.size;
    const missing = [...lines].filter(([, seen]) => !seen).map(([line]) => line);
    if (missing.length > 0)
      console.log(
        `${((hit / lines.size) * 100).toFixed(0).padStart(4)} %  ${file}: not ${missing.join(" ")}`,
      );
  }
  const percent = (covered / total) * 100;
  console.log(
    `lines of src: ${covered} of ${total} run by the tests, ${percent.toFixed(1)} % (bar: ${BAR_PERCENT} %)`,
  );
  if (percent < BAR_PERCENT) process.exitCode = 1;
}
