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
import { type ByteSource, memorySource } from "../../../../src/base/byte-source.ts";
import { sha256 } from "../../../../src/base/digest.ts";
import { applyPatch, type PatchDescription, recognisePatch } from "../../../../src/format/delta/algorithm.ts";
import { DeltaError } from "../../../../src/format/delta/error.ts";
import type { Algorithm } from "../../../../src/format/manifest/delta-manifest.ts";
import { dice, FUZZ_RUNS, FUZZ_SEED, pick, type Roll } from "./dice.ts";
import { MemoryMeter } from "./memory-meter.ts";
import { mutateBytes } from "./mutate.ts";

export type Seed = {
  readonly name: string;
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly patch: Uint8Array;
};

export type HostileFormat<S extends Seed = Seed> = {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly seeds: readonly S[];
  /** A mutation by someone who knows the format: checksums, lengths and compressed streams are made to fit. */
  readonly forge: (seed: S, roll: Roll) => Uint8Array;
};

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

/** The code of a refusal, or what was made. Anything else is thrown on. */
async function attempt(
  algorithm: Algorithm,
  { source, target }: Pick<Seed, "source" | "target">,
  patch: Uint8Array,
  targetSize: number,
): Promise<string> {
  const made = new Uint8Array(targetSize);
  let at = 0;
  let pieces = 0;
  const take = (piece: Uint8Array): void => {
    if (piece.length > targetSize - at) throw new Error(`more than ${targetSize} bytes were made`);
    made.set(piece, at);
    at += piece.length;
    pieces++;
  };
  const counted = { source: counting(source), patch: counting(patch), written: counting(made, () => at) };
  const request = { algorithm, ...counted, targetSize };
  const refused = await refusalOf(async () => {
    const made = applyPatch(request);
    if (Symbol.iterator in made) for (const piece of made) take(piece);
    else for await (const piece of made) take(piece);
  });
  checkWork(counted, pieces, targetSize);
  if (refused !== undefined) return refused;
  if (at !== targetSize) throw new Error(`${at} bytes were made of ${targetSize}`);
  const same = Buffer.compare(made, target) === 0;
  if ((sha256(made) === digestOf(target)) !== same) throw new Error("another file has the target's digest");
  return same ? "the target" : "another file, by its digest";
}

const digests = new WeakMap<Uint8Array, string>();

function digestOf(target: Uint8Array): string {
  const digest = digests.get(target) ?? sha256(target);
  digests.set(target, digest);
  return digest;
}

/** What the patch says about itself, as long as it is willing to. */
function describePatch(patch: Uint8Array): PatchDescription | undefined {
  const counted = counting(patch);
  try {
    const description = recognisePatch(counted).describe(counted);
    const { targetSize } = description;
    if (targetSize !== undefined && !(Number.isSafeInteger(targetSize) && targetSize >= 0))
      throw new Error(`a target of ${targetSize} bytes is described`);
    return description;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

async function refusalOf(act: () => Promise<void>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return error.code;
    throw error;
  }
}

function isRefusal(error: unknown): error is DeltaError {
  return error instanceof DeltaError && error.kind === "refused";
}

type Counted = ByteSource & { reads: number; bytes: number };

function counting(bytes: Uint8Array, available?: () => number): Counted {
  const whole = memorySource(bytes);
  const counted: Counted = {
    size: bytes.length,
    reads: 0,
    bytes: 0,
    read: (position, into) => {
      counted.reads++;
      counted.bytes += into.length;
      // Of the target only what was given away may be asked for.
      if (available && position + into.length > available())
        throw new RangeError("read before it was written");
      whole.read(position, into);
    },
  };
  return counted;
}

/** Every read moves the target or the patch forward, and takes a page of 4 KiB or what was asked for. */
function checkWork(
  { source, patch, written }: { source: Counted; patch: Counted; written: Counted },
  pieces: number,
  targetSize: number,
): void {
  const PAGE = 4096;
  const steps = 64 + targetSize + 8 * patch.size;
  for (const [what, counted] of Object.entries({ source, patch, written })) {
    if (counted.reads > steps) throw new Error(`the ${what} was read ${counted.reads} times`);
    if (counted.bytes > PAGE * counted.reads + targetSize + 2 * counted.size)
      throw new Error(`${counted.bytes} bytes of the ${what} were read`);
  }
  if (pieces > Math.max(1, targetSize)) throw new Error(`${pieces} pieces came`);
}
