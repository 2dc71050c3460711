import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { examine } from "../../fetch/doctor.ts";
import { EXIT } from "../exit-status.ts";
import { command, type Tools } from "../program.ts";
import { withGitHub } from "./github-options.ts";
import { demanded, type SettingOptions, settled, settledGitHub, withConfig } from "./settings.ts";

const MARKS = { good: "ok  ", poor: "poor", bad: "BAD " } as const;

export function doctorCommand({ say, signal }: Tools): Command {
  const made = command(
    "doctor",
    "ask a server whether transfers from it can be resumed; believes and writes nothing",
    [
      "themis-fetch doctor --source https://example.org/app",
      "themis-fetch doctor --source github:acme/app --json",
    ],
  )
    .option("--source <place>", "an http(s) URL or github:OWNER/REPO")
    .option("--ca <file>", "believe these authorities for TLS too, PEM");
  return withConfig(withGitHub(made)).action(async (options: SettingOptions) => {
    if (options.tokenFile !== undefined && !options.api)
      throw new ThemisError(
        "USAGE",
        "usage",
        "the doctor asks plain URLs, which take no token, unless --api is given",
      );
    const { configuration } = await settled(options, say);
    const source = demanded(configuration.checker.source, "checker.source", "--source");
    const github = await settledGitHub(configuration, options, [source]);
    const findings = await examine({ source, caFile: configuration.autoUpdate.caFile, github, signal });
    const lines = findings.flatMap(({ question, outcome, seen, advice }) => [
      `${MARKS[outcome]}  ${question}: ${seen}`,
      ...(advice === "" ? [] : [`      -> ${advice}`]),
    ]);
    say.result({ schema: "themis-fetch/doctor/1", findings }, lines.join("\n"));
    if (findings.some(({ outcome }) => outcome === "bad")) process.exitCode = EXIT.failure;
  });
}
