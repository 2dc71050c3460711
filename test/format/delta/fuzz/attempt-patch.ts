/** A hostile patch, applied and described, with everything counted that it makes and reads (see survive.ts). */
import { type ByteSource, memorySource } from "../../../../src/base/byte-source.ts";
import { sha256 } from "../../../../src/base/digest.ts";
import { applyPatch, type PatchDescription, recognisePatch } from "../../../../src/format/delta/algorithm.ts";
import { DeltaError } from "../../../../src/format/delta/error.ts";
import type { Algorithm } from "../../../../src/format/manifest/delta-manifest.ts";
import type { Seed } from "./hostile-format.ts";

/** The code of a refusal, or what was made. Anything else is thrown on. */
export async function attempt(
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
export function describePatch(patch: Uint8Array): PatchDescription | undefined {
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
