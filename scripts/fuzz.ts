/**
 * Hostile inputs for everything that reads what strangers send (test/fuzz/).
 *
 *   npm run fuzz                              every target, a minute in all
 *   npm run fuzz -- 600 signature crl         ten minutes for these two
 *   npm run fuzz -- --inputs 1000000          so many inputs, however long they take
 *   npm run fuzz -- --replay signature SEED BASE64
 *   THEMIS_FUZZ_SEED=7 npm run fuzz           other inputs
 *
 * A finding is printed as a row for test/vectors/fuzz/findings.json; the exit status is 1 when there is one.
 */
import { availableParallelism } from "node:os";
import { attempt } from "../test/fuzz/engine/attempt.ts";
import { loadTarget } from "../test/fuzz/engine/load-target.ts";
import { runTargets } from "../test/fuzz/engine/run.ts";
import { targets } from "../test/fuzz/targets/table.ts";

const words = process.argv.slice(2);
const names = targets.map(({ name }) => name);

if (words[0] === "--replay") await replay(words[1], words[2], words[3]);
else await run();

async function run(): Promise<void> {
  const counts = words[0] === "--inputs";
  const [amount] = counts
    ? words.splice(0, 2).slice(1)
    : /^\d+$/.test(words[0] ?? "")
      ? words.splice(0, 1)
      : ["60"];
  const unknown = words.find((word) => !names.includes(word));
  if (unknown !== undefined || !/^[1-9]\d*$/.test(amount ?? "")) {
    console.error(`fuzz: [SECONDS | --inputs N] [TARGET…], and the targets are ${names.join(", ")}`);
    process.exitCode = 2;
    return;
  }
  const began = Date.now();
  const { tallies, findings } = await runTargets({
    targets: targets.filter(({ name }) => words.length === 0 || words.includes(name)),
    seed: Number(process.env.THEMIS_FUZZ_SEED ?? 1),
    inputs: counts ? Number(amount) : Number.MAX_SAFE_INTEGER,
    seconds: counts ? Number.MAX_SAFE_INTEGER / 1e6 : Number(amount),
    threads: Math.min(2, availableParallelism()),
    onTally: ({ target, inputs, accepted, ancestors, blocks, words: said }) =>
      console.log(
        `${target.padEnd(14)}${inputs} inputs, ${accepted} accepted, ${said} answers, ${ancestors} ancestors, ${blocks} blocks`,
      ),
  });
  const all = tallies.reduce((sum, { inputs }) => sum + inputs, 0);
  const mib = Math.ceil(process.resourceUsage().maxRSS / 1024);
  const seconds = Math.ceil((Date.now() - began) / 1000);
  console.log(
    `${all} inputs in ${seconds} s, ${mib} MiB at most for all threads, ${findings.length} findings`,
  );
  for (const finding of findings) console.log(JSON.stringify(finding));
  if (findings.length > 0) process.exitCode = 1;
}

async function replay(name = "", seedName = "", base64 = ""): Promise<void> {
  const entry = targets.find((each) => each.name === name);
  const target = entry && (await loadTarget(entry));
  const seed = target?.seeds.find((each, index) => seedName === each.name || seedName === `#${index}`);
  if (target === undefined || seed === undefined) {
    console.error(`fuzz: --replay TARGET SEED BASE64; there is no ${name} ${seedName}`);
    process.exitCode = 2;
    return;
  }
  const result = await attempt(target, new Uint8Array(Buffer.from(base64, "base64")), seed);
  console.log(JSON.stringify(result));
  if (result.kind === "finding") process.exitCode = 1;
}
