import type { Command } from "commander";
import { explain } from "../../fetch/why.ts";
import { command, type Tools } from "../program.ts";
import { planning, toRequest, type UpdateOptions, withSource } from "./update.ts";

export function whyCommand({ say, signal }: Tools): Command {
  return withSource(
    command("why", "say why this device gets what it gets; writes nothing", [
      "themis-fetch why --source https://example.org/app --root /opt/app --trust-anchor root.pem --channel stable",
    ]),
  ).action(async (options: UpdateOptions) => {
    const found = await explain(await toRequest(options, { say, signal }), planning(say));
    say.result({ schema: "themis-fetch/why/1", ...found }, found.sentences.join("\n"));
  });
}
