/** themis-fetch: finds a release, proves it, fetches the fewest bytes, switches, and can always go back. */
import { ownFile } from "./client/own-file.ts";
import { addCommands } from "./commands.ts";
import { command, interruption, runProgram, withGlobalOptions } from "./program.ts";
import { Reporter } from "./reporter.ts";
import { version } from "./version.ts";

/** @param argv what follows the program's name */
export async function runThemisFetch(argv: readonly string[]): Promise<void> {
  const say = new Reporter("themis-fetch");
  const tools = { say, signal: interruption(say) };
  const program = withGlobalOptions(
    command("themis-fetch", "prove, fetch, switch and roll back signed releases", [
      "themis-fetch check  --source https://example.org/app --root /opt/app --trust-anchor root.pem",
      "themis-fetch update --source https://example.org/app --root /opt/app --trust-anchor root.pem",
      "themis-fetch rollback --root /opt/app",
    ]),
  ).version(`themis-fetch ${version()}`);
  const commands = {
    verify: async () => (await import("./fetch/verify.ts")).verifyCommand,
    "verify-chain": async () => (await import("./fetch/verify-chain.ts")).verifyChainCommand,
    check: async () => (await import("./fetch/update.ts")).checkCommand,
    plan: async () => (await import("./fetch/update.ts")).planCommand,
    why: async () => (await import("./fetch/why.ts")).whyCommand,
    download: async () => (await import("./fetch/update.ts")).downloadCommand,
    update: async () => (await import("./fetch/update.ts")).updateCommand,
    watch: async () => (await import("./fetch/watch.ts")).watchCommand,
    supervise: async () => (await import("./fetch/supervise.ts")).superviseCommand,
    bundle: async () => (await import("./fetch/bundle.ts")).bundleCommand,
    config: async () => (await import("./fetch/config.ts")).configCommand,
    "migrate-config": async () => (await import("./fetch/migrate-config.ts")).migrateConfigCommand,
    doctor: async () => (await import("./fetch/doctor.ts")).doctorCommand,
    about: async () => (await import("./fetch/about.ts")).aboutCommand,
    status: async () => (await import("./fetch/records.ts")).statusCommand,
    "restore-points": async () => (await import("./fetch/records.ts")).restorePointsCommand,
    history: async () => (await import("./fetch/records.ts")).historyCommand,
    confirm: async () => (await import("./fetch/confirm.ts")).confirmCommand,
    repair: async () => (await import("./fetch/repair.ts")).repairCommand,
    store: async () => (await import("./fetch/store.ts")).storeCommand,
    rollback: async () => (await import("./fetch/rollback.ts")).rollbackCommand,
  };
  // Whoever has the registry's client updates it from there.
  const own = ownFile() && {
    "self-update": async () => (await import("./fetch/self-update.ts")).selfUpdateCommand,
  };
  await addCommands(program, { ...commands, ...own }, tools, argv);
  await runProgram(program, say, argv);
}
