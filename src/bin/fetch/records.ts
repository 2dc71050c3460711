/** What a device keeps about itself, read and never written. */
import type { Command } from "commander";
import { readStatus } from "../../fetch/rollback.ts";
import { command, type Tools } from "../program.ts";
import { size, table } from "../units.ts";
import { type SettingOptions, settledRoot, withConfig } from "./settings.ts";

export function statusCommand({ say }: Tools): Command {
  return rooted("status", "say what is installed").action(async (options: SettingOptions) => {
    const root = await settledRoot(options, say);
    const { history, restorePoints, ...now } = await readStatus(root);
    const { product, version, sequence, files } = now.runs ?? now;
    const isOver = now.confirmUntil !== "" && Date.parse(now.confirmUntil) <= Date.now();
    const text =
      version === ""
        ? `nothing of ours is installed in ${root}`
        : `${product} ${version} (sequence ${sequence}${now.confirmUntil && ", not confirmed"}), ${files} entries, ${restorePoints.length} restore points`;
    const cut = now.unfinished ? "\na switch was cut; the next update or rollback finishes or undoes it" : "";
    const waits =
      now.confirmUntil === ""
        ? ""
        : isOver
          ? `\n${now.deployment.to} was to be confirmed until ${now.confirmUntil}; ${takesBack(now.version)}`
          : `\n${now.deployment.to} waits until ${now.confirmUntil} for themis-fetch confirm; after that ${takesBack(now.version)}`;
    const ended = ["failed", "rolled-back"].includes(now.deployment.state)
      ? `\nthe last ${now.deployment.action} (${now.deployment.to || "the state before"}) ended as ${now.deployment.state}: ${now.deployment.why.replace(/^rolled back: /, "")}`
      : "";
    const follows = now.channel
      ? `\nit follows the channel ${now.channel.channel}, at version ${now.channel.version}; themis-fetch why says what that offers`
      : "";
    const logs = now.logs.map(
      ({ origin, size: entries, root }) =>
        `\nit has seen the log ${origin} with ${entries} entries, root ${root}`,
    );
    const under = now.transfer
      ? `\n${now.transfer.version} is being fetched: ${size(now.transfer.provenBytes)} of ${size(now.transfer.wantedBytes)} are proven; the next update goes on from there`
      : "";
    const { trustRoot } = now;
    const believed = trustRoot ? `\ntrust root ${trustRoot.version}, until ${trustRoot.expires}` : "";
    say.result(
      { schema: "themis-fetch/status/1", ...now, confirmIsOver: isOver, restorePoints: restorePoints.length },
      text + (waits || cut) + ended + under + follows + believed + logs.join(""),
    );
  });
}

function takesBack(version: string): string {
  return `the next command that changes something, or watch, goes back to ${version || "the state before"}`;
}

export function restorePointsCommand({ say }: Tools): Command {
  return rooted("restore-points", "list the ways back, newest first").action(
    async (options: SettingOptions) => {
      const { restorePoints } = await readStatus(await settledRoot(options, say));
      const rows = restorePoints.map(({ id, created, fromVersion, toVersion, kind, bytes }) => [
        id,
        created,
        fromVersion || "(nothing)",
        toVersion,
        kind,
        size(bytes),
      ]);
      say.result(
        { schema: "themis-fetch/restore-points/1", restorePoints },
        rows.length > 0
          ? table(["restore point", "created", "goes back to", "made before", "kind", "on disk"], rows, [5])
          : "there is no restore point",
      );
    },
  );
}

export function historyCommand({ say }: Tools): Command {
  return rooted("history", "list what was done, newest first").action(async (options: SettingOptions) => {
    const { history: entries } = await readStatus(await settledRoot(options, say));
    const rows = entries.map(({ at, who, action, fromVersion, toVersion, result }) => [
      at,
      who,
      action,
      fromVersion || "(nothing)",
      toVersion || "(nothing)",
      result,
    ]);
    say.result(
      { schema: "themis-fetch/history/1", history: entries },
      rows.length > 0
        ? table(["when", "who", "action", "from", "to", "result"], rows)
        : "nothing has been done yet",
    );
  });
}

function rooted(name: string, summary: string): Command {
  const made = command(name, summary, [`themis-fetch ${name} --root /opt/app`]);
  return withConfig(made.option("--root <folder>", "the installed tree"));
}
