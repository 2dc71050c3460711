/**
 * What holds for every patch, whoever wrote it.
 *
 *   it makes exactly as many bytes as were asked for, or is refused by a DeltaError
 *   what it makes is the target, or its digest says that it is not
 *   it is described, or refused by a DeltaError
 *   it reads no more of source, patch and target, and comes in no more pieces, than their sizes allow
 *   a size that it only claims takes no memory
 *
 * A failure names the seed, the run and the patch, which is then a row of its own somewhere.
 */
import { describe, expect, it } from "vitest";
import { attempt, describePatch } from "./attempt-patch.ts";
import { dice, FUZZ_RUNS, FUZZ_SEED, pick } from "./dice.ts";
import type { HostileFormat, Seed } from "./hostile-format.ts";
import { MemoryMeter } from "./memory-meter.ts";
import { mutateBytes } from "./mutate.ts";

/** A patch may ask for what it wants as long as it is small. */
const MAX_CLAIM_BYTES = 64 * 1024;
/** Of typed arrays, for one patch: what the decoders take for a target of a few KiB, and some. */
const MEMORY_BYTES = 8 * 1024 * 1024;
const METERED_RUNS = Math.ceil(FUZZ_RUNS / 20);
/** A million refusals are thrown: their stacks are not what they cost. */
const STACK_LINES = 4;
/** What holds is counted and not timed: the slowest machine may take as long as it needs. */
const TIMEOUT_MS = 3_600_000;

export function itSurvives<S extends Seed>(format: HostileFormat<S>): void {
  describe(`a hostile ${format.name} patch`, () => {
    it.each(format.seeds)("is, as long as nobody touched it, the one $name", async (seed) => {
      expect(await attempt(format.algorithm, seed, seed.patch, seed.target.length)).toBe("the target");
    });

    it(
      `is refused by name or makes what was asked, ${FUZZ_RUNS} times`,
      async () => {
        const outcomes = await fuzz(format, FUZZ_RUNS, 0);
        // The mutations reach deep: not all are caught by the first check, and some make another file.
        expect(outcomes.size).toBeGreaterThan(5);
        expect(outcomes.get("another file, by its digest")).toBeGreaterThan(0);
      },
      TIMEOUT_MS,
    );

    it(
      `takes no memory for what it only claims, ${METERED_RUNS} times`,
      async () => {
        const meter = new MemoryMeter(MEMORY_BYTES);
        try {
          await fuzz(format, METERED_RUNS, 1, meter);
        } finally {
          meter.remove();
        }
      },
      TIMEOUT_MS,
    );
  });
}

async function fuzz<S extends Seed>(
  { name, algorithm, seeds, forge }: HostileFormat<S>,
  runs: number,
  salt: number,
  meter?: MemoryMeter,
): Promise<Map<string, number>> {
  const patches = seeds.map(({ patch }) => patch);
  const outcomes = new Map<string, number>();
  Error.stackTraceLimit = STACK_LINES;
  for (let run = 0; run < runs; run++) {
    const roll = dice(FUZZ_SEED, salt, run, ...Buffer.from(name));
    const seed = pick(seeds, roll);
    const patch = roll(5) < 2 ? mutateBytes(seed.patch, patches, roll) : forge(seed, roll);
    let size = seed.target.length;
    try {
      meter?.start();
      const outcome = await attempt(algorithm, seed, patch, size);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      // As `delta apply` does, which has nothing but the patch to go by.
      const said = describePatch(patch);
      if (said && (said.algorithm !== algorithm || said.targetSize !== size)) {
        size = said.targetSize ?? size;
        if (size <= MAX_CLAIM_BYTES) await attempt(said.algorithm, seed, patch, size);
      }
      meter?.stop();
    } catch (cause) {
      const which = `run ${run} of THEMIS_FUZZ_SEED=${FUZZ_SEED}: ${name}, ${seed.name}, ${size} bytes asked for`;
      const hex = Buffer.from(patch).toString("hex");
      throw new Error(`${which}\n${cause instanceof Error ? cause.stack : cause}\npatch: ${hex}`, { cause });
    }
  }
  return outcomes;
}
