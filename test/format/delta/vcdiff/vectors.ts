/** The patches in test/vectors/vcdiff, one file each: what is expected stands on top, where it is from below. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../../../vectors/vcdiff");

export type Vector = {
  readonly name: string;
  readonly source: Buffer;
  readonly target: Buffer;
  readonly patch: Buffer;
  readonly description: Readonly<Record<string, unknown>>;
};

export function readVectors(): Vector[] {
  return readdirSync(folder).map((file) => {
    const { expectation, source, target, patch, description } = JSON.parse(
      readFileSync(join(folder, file), "utf8"),
    );
    return {
      name: `${file}: ${expectation}`,
      source: Buffer.from(source),
      target: Buffer.from(target),
      patch: Buffer.from(patch, "hex"),
      description,
    };
  });
}
