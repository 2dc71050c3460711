import { isIP } from "node:net";
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { ServiceNotifier } from "../../base/service-notifier.ts";
import type { ListenAt } from "../../fetch/service/listening-socket.ts";
import { type SuperviseEvent, supervise } from "../../fetch/service/supervise.ts";
import { command, repeated, type Tools } from "../program.ts";
import { seconds } from "../units.ts";
import { demanded, type SettingOptions, settled, withConfig } from "./settings.ts";

type Options = SettingOptions & { readonly listen: readonly string[] };

export function superviseCommand({ say, signal }: Tools): Command {
  const made = command(
    "supervise",
    "keep a service running, with sockets that stay open while it is updated",
    ["themis-fetch supervise --root /opt/app --listen 0.0.0.0:8080 -- bin/app --verbose"],
  )
    .argument("<command...>", "the service: a program of the root, and its arguments, behind --")
    .option("--root <folder>", "the installed tree")
    .option(
      "--listen <address>",
      "HOST:PORT, numeric; the service gets the socket as from systemd (LISTEN_FDS); repeat for more",
      repeated,
      [],
    );
  return withConfig(made).action(async (argv: string[], { listen, ...options }: Options) => {
    const { configuration } = await settled(options, say);
    const { root, drainMs } = configuration.hotReload;
    const manager = new ServiceNotifier((why) => say.note(`the service manager is not told: ${why}`));
    const request = {
      root: demanded(root, "hotReload.root", "--root"),
      ...{ command: argv, listen: listen.map(parseAddress), environment: ownEnvironment(), drainMs, signal },
    };
    try {
      await supervise(request, (event) => saidBy(event, say, manager));
    } finally {
      await manager.stopping();
    }
    say.result({ schema: "themis-fetch/supervise/1" }, "");
  });
}

function saidBy(event: SuperviseEvent, say: Tools["say"], manager: ServiceNotifier): void {
  switch (event.kind) {
    case "listening": {
      const places = event.addresses.map(
        ({ address, port }) => `${address.includes(":") ? `[${address}]` : address}:${port}`,
      );
      say.note(`listens at ${places.join(", ") || "nothing"}`);
      // Ours is no terminal's end but the service's "read your configuration again".
      process.on("SIGHUP", () => event.forward("SIGHUP"));
      manager.ready("listening");
      break;
    }
    case "took-over":
      say.note("a service that an earlier supervisor had left was ended");
      break;
    case "waiting":
      say.warn(
        "a switch is open: the service starts when themis-fetch update, rollback or watch has ended it",
      );
      manager.status("waiting for the end of a switch");
      break;
    case "started":
      say.note("the service was started");
      manager.status("running");
      break;
    case "stopped":
      say.note(
        event.drained ? "the service was stopped" : "the service was killed: it had not ended in time",
      );
      manager.status("stopped");
      break;
    case "ended":
      say.warn(
        `the service ended by itself (${event.how}); it is started again in ${seconds(event.againInMs)}`,
      );
      break;
  }
}

/** "[::1]:80" or "127.0.0.1:80". @throws ThemisError USAGE */
function parseAddress(text: string): ListenAt {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? v4 ?? "";
  if (isIP(host) === (v6 === undefined ? 4 : 6) && Number(port) <= 65_535)
    return { host, port: Number(port) };
  throw new ThemisError("USAGE", "usage", `--listen takes HOST:PORT, not ${JSON.stringify(text)}`, {
    hint: "numbers, such as 0.0.0.0:8080 or [::]:8080; port 0 is one that is free",
  });
}

/** What our own manager says to us is not for the service. */
function ownEnvironment(): Record<string, string> {
  const ours = /^(NOTIFY_SOCKET|WATCHDOG_(USEC|PID)|LISTEN_(PID|FDS|FDNAMES))$/;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || ours.test(name) ? [] : [[name, value]],
    ),
  );
}
