/**
 * Patches that went between us and a tool which cannot be installed here: recorded once, in
 * test/vectors/interop, each file with the tool, its version, and the command on top.
 *
 * The inputs are not recorded, they are made again; their digests tell that they are the same.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Pair, pairs } from "./vcdiff/kit.ts";

export type Recorded = {
  readonly input: string;
  readonly sourceSha256: string;
  readonly targetSha256: string;
  /** In base64. */
  readonly patch: string;
};

export type Recording<Case extends Recorded> = {
  readonly expectation: string;
  readonly cases: readonly Case[];
};

export function readRecording<Case extends Recorded>(name: string): Recording<Case> {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../vectors/interop", `${name}.json`), "utf8"));
}

/** Cut, so that what is recorded stays small; zeros are small whatever their length, and fill several windows. */
export function recordedInputs(): Pair[] {
  const cut = pairs()
    .filter(({ target }) => target.length > 0)
    .map(({ name, source, target }) => {
      const length = name === "text" ? 12_000 : name === "zeros" ? source.length : 2000;
      return { name, source: source.subarray(0, length), target: target.subarray(0, length) };
    });
  const zeros = Buffer.alloc(1_000_000);
  const more = Buffer.concat([Buffer.alloc(18_000_000), Buffer.from("x"), zeros]);
  return [...cut, { name: "windows", source: zeros, target: more }];
}
