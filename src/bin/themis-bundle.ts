/** themis-bundle: release trees in, a signed bundle with deltas out. */

import { buildCommand } from "./bundle/build.ts";
import { deltaCommand } from "./bundle/delta.ts";
import { inspectCommand } from "./bundle/inspect.ts";
import { keygenCommand } from "./bundle/keygen.ts";
import { keysCommand } from "./bundle/keys.ts";
import { publishCommand } from "./bundle/publish.ts";
import { signCommand } from "./bundle/sign.ts";
import { verifyCommand } from "./bundle/verify.ts";
import { command, interruption, runProgram, withGlobalOptions } from "./program.ts";
import { Reporter } from "./reporter.ts";
import { version } from "./version.ts";

const say = new Reporter("themis-bundle");
const tools = { say, signal: interruption(say) };
const program = withGlobalOptions(
  command("themis-bundle", "turn release trees into a signed bundle with small deltas", [
    "themis-bundle keygen --out pki",
    "themis-bundle build app-1.5.0 --product app --version 1.5.0 --from 1.4.0=app-1.4.0 --out bundle",
    "themis-bundle sign bundle --key pki/signer-key.pem --certificates pki/signer.pem",
    "themis-bundle verify bundle --trust-anchor pki/root.pem",
    "themis-bundle publish bundle --to file:page",
  ]),
).version(`themis-bundle ${version()}`);
for (const make of [
  keygenCommand,
  buildCommand,
  signCommand,
  verifyCommand,
  publishCommand,
  inspectCommand,
  keysCommand,
  deltaCommand,
]) {
  program.addCommand(make(tools));
}
await runProgram(program, say, process.argv.slice(2));
