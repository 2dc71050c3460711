/** What systemd gets from us: unit files, and words by sd_notify. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { ServiceNotifier } from "../../src/base/service-notifier.ts";
import { hasTool } from "../kit/tools.ts";

const root = resolve(import.meta.dirname, "../..");
const units = join(root, "systemd");
const folder = mkdtempSync(join(tmpdir(), "themis-systemd-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasTool("systemd-analyze"))("systemd-analyze", () => {
  /** The units with a program that is there. @param change what would be wrong */
  function verify(name: string, change = (text: string) => text) {
    const place = mkdtempSync(join(folder, "units-"));
    const program = process.execPath;
    for (const unit of readdirSync(units)) {
      const text = readFileSync(join(units, unit), "utf8");
      const made = text.replace("/usr/local/bin/themis-fetch", program);
      writeFileSync(join(place, unit), unit === name ? change(made) : made);
    }
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", `./${name}`], {
      cwd: place,
      encoding: "utf8",
    });
    return { status, said: stdout + stderr };
  }

  it.each(readdirSync(units))("finds nothing wrong with %s", (name) => {
    expect(verify(name)).toEqual({ status: 0, said: "" });
  });

  it("would find a directive that is misspelt", () => {
    const { said } = verify("themis-fetch-watch.service", (text) =>
      text.replace("ProtectSystem=", "ProtectSytem="),
    );
    expect(said).toContain("ProtectSytem");
  });

  it.each(["themis-fetch-watch.service", "themis-fetch.service"])("calls the walls of %s good", (name) => {
    const { stdout } = spawnSync("systemd-analyze", ["security", "--offline=true", join(units, name)], {
      encoding: "utf8",
    });
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
    expect(Number(exposure)).toBeLessThan(4);
  });
});

it("every program line of a unit is a command that we have", () => {
  for (const name of readdirSync(units)) {
    for (const [, line] of readFileSync(join(units, name), "utf8").matchAll(/^ExecStart=\S+ (.*)$/gm)) {
      const config = join(folder, "themis.yml");
      writeFileSync(config, "checker: {}\n");
      const args = line!.replace("/etc/themis/themis.yml", config).split(" ");
      const program = join(root, "src/bin/themis-fetch.ts");
      const { status, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
      expect({ status, stderr }).toMatchObject({
        status: 2,
        stderr: expect.stringContaining("CONFIG_MISSING"),
      });
    }
  }
});

describe.skipIf(!hasTool("systemd-notify") || !hasTool("python3"))("sd_notify", () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const each of children.splice(0)) each.kill("SIGKILL");
  });

  async function manager() {
    const place = mkdtempSync(join(folder, "notify-"));
    const socket = join(place, "notify");
    const child = spawn("python3", [join(root, "test/kit/notify-socket.py"), socket], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    let text = "";
    child.stdout!.setEncoding("utf8").on("data", (some: string) => {
      text += some;
    });
    await once(child.stdout!, "data");
    const messages = () =>
      text
        .split("\n")
        .slice(1, -1)
        .map((line) => JSON.parse(line) as string[]);
    // systemd-notify asks to be let go once its words were read; that is between the two.
    const words = () =>
      messages()
        .flat()
        .filter((word) => word !== "BARRIER=1");
    return { socket, words };
  }

  it("is told of ready, states, the watchdog, a reload and the end by themis-fetch watch", async () => {
    const { socket, words } = await manager();
    const app = join(folder, "app");
    mkdirSync(app);
    const config = join(folder, "watch.yml");
    const pki = spawnSync(
      process.execPath,
      [join(root, "src/bin/themis-bundle.ts"), "keygen", "--out", join(folder, "pki")],
      { encoding: "utf8" },
    );
    expect(pki.status).toBe(0);
    writeFileSync(
      config,
      `checker: { source: ${join(folder, "no-page")}, trustAnchor: pki/root.pem }\nhotReload: { root: app }\n`,
    );
    const child = spawn(
      process.execPath,
      [join(root, "src/bin/themis-fetch.ts"), "watch", "--config", config],
      {
        env: { PATH: process.env.PATH, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "400000" },
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
    children.push(child);
    const patience = { timeout: 60_000 };
    await expect.poll(words, patience).toContain("READY=1");
    await expect
      .poll(() => words().join("\n"), patience)
      .toMatch(/STATUS=the last look failed; next look in \d+s/);
    await expect
      .poll(() => words().filter((word) => word === "WATCHDOG=1").length, patience)
      .toBeGreaterThan(2);
    child.kill("SIGHUP");
    await expect.poll(words, patience).toContain("RELOADING=1");
    await expect
      .poll(() => words().lastIndexOf("READY=1") > words().indexOf("RELOADING=1"), patience)
      .toBe(true);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    expect((await exit)[0]).toBe(0);
    await expect.poll(words, patience).toContain("STOPPING=1");
    expect(words().at(-1)).toBe("STOPPING=1");
  });

  it("gets one line of a status, and nothing of a watchdog that is another process's", async () => {
    const { socket, words } = await manager();
    const failures: string[] = [];
    const environment = {
      PATH: process.env.PATH,
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: "20000",
      WATCHDOG_PID: "1",
    };
    const notifier = new ServiceNotifier((why) => failures.push(why), environment);
    notifier.ready("two\nlines\nMAINPID=1");
    await notifier.stopping();
    await expect.poll(words, { timeout: 60_000 }).toContain("STOPPING=1");
    expect(words().filter((word) => word !== "STOPPING=1")).toEqual([
      "READY=1",
      "STATUS=two lines MAINPID=1",
    ]);
    expect(failures).toEqual([]);
  });
});

it("a manager that cannot be told is no failure, and that is said once", async () => {
  const failures: string[] = [];
  const environment = { PATH: folder, NOTIFY_SOCKET: join(folder, "nobody") };
  const notifier = new ServiceNotifier((why) => failures.push(why), environment);
  notifier.ready("a");
  notifier.status("b");
  await notifier.stopping();
  await new ServiceNotifier((why) => failures.push(why), { PATH: folder }).stopping();
  expect(failures).toEqual(["systemd-notify: ENOENT"]);
});
