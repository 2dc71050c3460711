/** A command loads itself and no other; whoever is lost sees all of them. */
import { expect, it } from "vitest";
import { namesToLoad } from "../../src/bin/commands.ts";

const never = (): Promise<never> => Promise.reject(new Error("not loaded here"));
const commands = { build: never, delta: never, verify: never };
const all = ["build", "delta", "verify"];

it.each([
  { argv: ["delta", "apply", "build"], loaded: ["delta"] },
  { argv: ["--json", "--quiet", "verify", "--help"], loaded: ["verify"] },
  { argv: ["--version"], loaded: [] },
  { argv: [], loaded: all },
  { argv: ["--help"], loaded: all },
  { argv: ["--version", "--help"], loaded: all },
  { argv: ["help", "delta"], loaded: all },
  { argv: ["bild"], loaded: all },
  { argv: ["toString"], loaded: all },
  { argv: ["--produkt", "build"], loaded: ["build"] },
])("$argv loads $loaded", ({ argv, loaded }) => {
  expect(namesToLoad(commands, argv)).toEqual(loaded);
});
