/** themis-fetch: finds a release, proves it, fetches the fewest bytes, switches, and can always go back. */
import { recordCommands } from "./fetch/records.ts";
import { rollbackCommand } from "./fetch/rollback.ts";
import { updateCommands } from "./fetch/update.ts";
import { verifyCommand } from "./fetch/verify.ts";
import { command, interruption, runProgram, withGlobalOptions } from "./program.ts";
import { Reporter } from "./reporter.ts";
import { version } from "./version.ts";

const say = new Reporter("themis-fetch");
const tools = { say, signal: interruption(say) };
const program = withGlobalOptions(
  command("themis-fetch", "prove, fetch, switch and roll back signed releases", [
    "themis-fetch check  --source https://example.org/app --root /opt/app --trust-anchor root.pem",
    "themis-fetch update --source https://example.org/app --root /opt/app --trust-anchor root.pem",
    "themis-fetch rollback --root /opt/app",
  ]),
).version(`themis-fetch ${version()}`);
program.addCommand(verifyCommand(tools));
for (const each of [...updateCommands(tools), ...recordCommands(tools)]) program.addCommand(each);
program.addCommand(rollbackCommand(tools));
await runProgram(program, say, process.argv.slice(2));
