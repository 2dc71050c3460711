/**
 * A program loads the command that was asked for, and no other.
 *
 * What signs knows about certificates, what builds knows about archives; a device that applies a patch waits
 * for neither. Whoever asks for help, or for a command that does not exist, gets to see all of them.
 */
import type { Command } from "commander";
import type { Tools } from "./program.ts";

export type MakeCommand = (tools: Tools) => Command;

/** In the order in which help shows them. */
export type Commands = Readonly<Record<string, () => Promise<MakeCommand>>>;

/** Adds the command that `argv` names, or all. */
export async function addCommands(
  program: Command,
  commands: Commands,
  tools: Tools,
  argv: readonly string[],
): Promise<void> {
  for (const name of namesToLoad(commands, argv)) {
    const make = await commands[name]!();
    program.addCommand(make(tools));
  }
}

/** The options that stand before a command take no value, so the first word is the command. */
export function namesToLoad(commands: Commands, argv: readonly string[]): readonly string[] {
  const word = argv.find((argument) => !argument.startsWith("-"));
  if (word !== undefined && Object.hasOwn(commands, word)) return [word];
  const onlyVersion = argv.length === 1 && argv[0] === "--version";
  return onlyVersion ? [] : Object.keys(commands);
}
