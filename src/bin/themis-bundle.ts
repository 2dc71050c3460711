/** themis-bundle: release trees in, a signed bundle with deltas out. */

import { addCommands } from "./commands.ts";
import { command, interruption, runProgram, withGlobalOptions } from "./program.ts";
import { Reporter } from "./reporter.ts";
import { version } from "./version.ts";

const argv = process.argv.slice(2);
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
const commands = {
  keygen: async () => (await import("./bundle/keygen.ts")).keygenCommand,
  plan: async () => (await import("./bundle/plan.ts")).planCommand,
  build: async () => (await import("./bundle/build.ts")).buildCommand,
  assemble: async () => (await import("./bundle/assemble.ts")).assembleCommand,
  sign: async () => (await import("./bundle/sign.ts")).signCommand,
  resign: async () => (await import("./bundle/resign.ts")).resignCommand,
  timestamp: async () => (await import("./bundle/timestamp.ts")).timestampCommand,
  attest: async () => (await import("./bundle/attest.ts")).attestCommand,
  root: async () => (await import("./bundle/root.ts")).rootCommand,
  crl: async () => (await import("./bundle/crl.ts")).crlCommand,
  verify: async () => (await import("./bundle/verify.ts")).verifyCommand,
  publish: async () => (await import("./bundle/publish.ts")).publishCommand,
  channel: async () => (await import("./bundle/channel.ts")).channelCommand,
  prune: async () => (await import("./bundle/prune.ts")).pruneCommand,
  client: async () => (await import("./bundle/client.ts")).clientCommand,
  inspect: async () => (await import("./bundle/inspect.ts")).inspectCommand,
  check: async () => (await import("./bundle/check.ts")).checkCommand,
  doctor: async () => (await import("./bundle/doctor.ts")).doctorCommand,
  explain: async () => (await import("./bundle/explain.ts")).explainCommand,
  log: async () => (await import("./bundle/log.ts")).logCommand,
  keys: async () => (await import("./bundle/keys.ts")).keysCommand,
  delta: async () => (await import("./bundle/delta.ts")).deltaCommand,
};
await addCommands(program, commands, tools, argv);
await runProgram(program, say, argv);
