import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { type BuildResult, build as buildBundle, planBuild } from "../../publish/build.ts";
import type { BuildProgress, BuildRequest } from "../../publish/build-request.ts";
import { MAX_SHARDS } from "../../publish/shard/partition.ts";
import { command, repeated, type Tools, wholeNumber } from "../program.ts";
import type { Reporter } from "../reporter.ts";
import { saved, seconds, size, table } from "../units.ts";
import { version } from "../version.ts";
import { parseAlgorithms } from "./algorithms.ts";
import { type DiffFlags, parseDiffOptions, withDiffOptions } from "./diff-options.ts";

type Options = {
  readonly product: string;
  readonly version: string;
  readonly out: string;
  readonly from: readonly string[];
  readonly channel: string;
  readonly sequence?: number;
  readonly expires: string;
  readonly releaseDate?: string;
  readonly releaseNotes: string;
  readonly tag: string;
  readonly critical: boolean;
  readonly platform: string;
  readonly architecture: string;
  readonly buildCommit: string;
  readonly compiler: string;
  readonly dependency: readonly string[];
  readonly minUpgradeFrom: string;
  readonly algorithm: string;
  readonly jobs: number;
  readonly dryRun: boolean;
  readonly shard?: Shard;
  readonly cache?: string;
} & DiffFlags;

type Shard = { readonly shard: number; readonly shards: number };

const PROGRAM = `themis-bundle ${version()}`;

export function buildCommand({ say, signal }: Tools): Command {
  const build = command("build", "build a bundle with whole targets and proven deltas", [
    "themis-bundle build app-1.5.0 --product app --version 1.5.0 --out bundle",
    "themis-bundle build new --product app --version 1.5.0 --out bundle --from 1.4.0=old --from 1.3.2=older --expires 2027-12-31",
    "themis-bundle build new --product app --version 1.5.0 --out b --from 1.4.0=old --dry-run",
    "themis-bundle build new --product app --version 1.5.0 --out part-2 --from 1.4.0=old --shard 2/4",
  ]);
  return withDiffOptions(build)
    .argument("<tree>", "the folder that holds the new release")
    .requiredOption("--product <name>", "the product's name")
    .requiredOption("--version <version>", "the version of the new release")
    .requiredOption("--out <folder>", "where the bundle goes: a new or empty folder")
    .option("--from <version=tree>", "an older release that devices may have; repeat for more", repeated, [])
    .option("--channel <name>", "the line of releases", "stable")
    .option(
      "--sequence <n>",
      "a number that grows with every release (default: from the version)",
      wholeNumber("--sequence", 0, Number.MAX_SAFE_INTEGER),
    )
    .option("--expires <date>", "devices refuse the manifest after this date", "")
    .option("--release-date <date>", "default: SOURCE_DATE_EPOCH, or not stated")
    .option("--release-notes <text>", "what changed", "")
    .option("--tag <name>", "the release page's tag (default: v and the version)", "")
    .option("--critical", "mark the release as critical", false)
    .option("--platform <name>", "such as linux", "")
    .option("--architecture <name>", "such as x86_64", "")
    .option("--build-commit <hash>", "the commit that was built", "")
    .option("--compiler <text>", "the compiler's version", "")
    .option("--dependency <spec>", 'such as "themis-storage >=1.4.0,<2.0.0"; repeat for more', repeated, [])
    .option("--min-upgrade-from <version>", "the oldest version that may update directly", "")
    .option("--algorithm <name>", "auto, bsdiff, vcdiff or zstd-dict", "auto")
    .option("--jobs <n>", "files worked on at once", wholeNumber("--jobs", 1, 256), availableParallelism())
    .option(
      "--shard <i/n>",
      "make this machine's share only, for `assemble`; no secret is needed",
      parseShard,
    )
    .option("--cache <folder>", "take what was made before from there, proven again, and keep what is made")
    .option("--dry-run", "say what would be done and write nothing", false)
    .action(async (tree: string, options: Options) => {
      const request = { ...toRequest(tree, options), signal };
      if (options.dryRun) {
        const plan = await planBuild(request);
        say.result({ schema: "themis-bundle/build-plan/1", ...plan }, planText(plan, request));
        return;
      }
      if (options.shard) {
        await makeShard({ ...request, ...options.shard }, say);
        return;
      }
      const startedMs = performance.now();
      const result = await buildBundle(request, buildProgress(say));
      tellBuilt(result, performance.now() - startedMs, say);
    });
}

export function buildProgress(say: Reporter): BuildProgress {
  return ({ phase, ...event }) =>
    say.progress({ label: phase === "targets" ? "compressing" : "making deltas", ...event });
}

/** A bundle that is there now, from one machine or from several. */
export function tellBuilt(result: BuildResult, tookMs: number, say: Reporter): void {
  for (const dropped of result.outcomes.filter(({ algorithm }) => !algorithm)) {
    say.note(`${dropped.path} from ${dropped.from} goes whole: ${dropped.note}`);
  }
  say.result(resultJson(result), resultText(result, tookMs));
}

async function makeShard(request: BuildRequest & Shard, say: Reporter): Promise<void> {
  const { buildShard } = await import("../../publish/shard/build-shard.ts");
  const made = await buildShard({ ...request, program: PROGRAM }, buildProgress(say));
  const what = `${made.targets} targets and ${made.deltas} comparisons, ${size(made.bytes)}`;
  say.result(
    { schema: "themis-bundle/build-shard/1", ...made },
    `shard ${made.shard} of ${made.shards} is in ${made.out}: ${what}; put all together: themis-bundle assemble`,
  );
}

/** @throws ThemisError USAGE */
function parseShard(text: string): Shard {
  const [, shard = 0, shards = 0] = (/^(\d{1,3})\/(\d{1,3})$/.exec(text) ?? []).map(Number);
  if (shard >= 1 && shards <= MAX_SHARDS && shard <= shards) return { shard, shards };
  throw new ThemisError("USAGE", "usage", `--shard takes I/N, not ${JSON.stringify(text)}`, {
    hint: `such as 2/4, at most ${MAX_SHARDS}`,
  });
}

function toRequest(root: string, options: Options): BuildRequest {
  const algorithms = parseAlgorithms(options.algorithm);
  return {
    root,
    out: options.out,
    jobs: options.jobs,
    cache: options.cache === undefined ? undefined : { folder: options.cache, program: PROGRAM },
    algorithms,
    diff: parseDiffOptions(options),
    from: options.from.map(parseFrom),
    release: {
      product: options.product,
      version: options.version,
      channel: options.channel,
      sequence: options.sequence,
      expires: options.expires,
      releaseDate: options.releaseDate ?? sourceDate(),
      releaseNotes: options.releaseNotes,
      tagName: options.tag,
      isCritical: options.critical,
      platform: options.platform,
      architecture: options.architecture,
      buildCommit: options.buildCommit,
      buildDate: "",
      compilerVersion: options.compiler,
      dependencies: options.dependency,
      minUpgradeFrom: options.minUpgradeFrom,
    },
  };
}

export function parseFrom(text: string): { version: string; root: string } {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) {
    throw new ThemisError("USAGE", "usage", `--from takes VERSION=TREE, not ${JSON.stringify(text)}`);
  }
  return { version: text.slice(0, at), root: text.slice(at + 1) };
}

/** reproducible-builds.org: the one date that a build may take from outside. */
function sourceDate(): string {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  return epoch && /^\d{1,12}$/.test(epoch) ? new Date(Number(epoch) * 1000).toISOString() : "";
}

function resultJson({ out, manifest, manifestSha256, outcomes, unchanged }: BuildResult) {
  return {
    schema: "themis-bundle/build/1",
    out,
    product: manifest.product,
    version: manifest.version,
    sequence: manifest.sequence,
    manifestSha256,
    files: manifest.files.length,
    packs: manifest.packs.map(({ asset, size_bytes }) => ({ asset, sizeBytes: size_bytes })),
    deltas: outcomes,
    unchanged,
  };
}

function resultText({ out, manifest, manifestSha256, outcomes }: BuildResult, tookMs: number): string {
  const rows = outcomes.map((delta) => [
    delta.sourcePath === delta.path ? delta.path : `${delta.path} (${delta.sourcePath})`,
    delta.from,
    size(delta.sizeBytes),
    size(delta.wholeBytes),
    delta.algorithm ? size(delta.patchBytes) : "-",
    delta.algorithm ?? "whole",
    delta.algorithm ? saved(delta.patchBytes, delta.wholeBytes) : "-",
  ]);
  const lines =
    rows.length > 0
      ? [table(["file", "from", "size", "whole", "patch", "algorithm", "saved"], rows, [2, 3, 4, 6]), ""]
      : [];
  const total = manifest.packs.reduce((sum, pack) => sum + pack.size_bytes, 0);
  return [
    ...lines,
    `${manifest.product} ${manifest.version} (sequence ${manifest.sequence}): ${manifest.files.length} files, ${manifest.packs.length} packs, ${size(total)}, ${seconds(tookMs)}`,
    `manifest SHA-256 ${manifestSha256}`,
    `the bundle is in ${out} and not signed yet: themis-bundle sign ${out} --key KEY --certificates CHAIN.pem`,
  ].join("\n");
}

function planText(plan: Awaited<ReturnType<typeof planBuild>>, request: BuildRequest): string {
  const lines = [
    `would build ${request.release.product} ${request.release.version} in ${request.out}: ${plan.files} entries, ${size(plan.bytes)}`,
  ];
  for (const { version, changed, unchanged, removed } of plan.from) {
    lines.push(
      `from ${version}: ${changed.length} changed, ${unchanged} unchanged, ${removed.length} removed`,
    );
    lines.push(...changed.map((path) => `  delta  ${path}`), ...removed.map((path) => `  remove ${path}`));
  }
  return lines.join("\n");
}
