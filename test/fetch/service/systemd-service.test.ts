/** What systemd is asked, by way of a program in its place; and a real systemctl where systemd does not run. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SystemdService } from "../../../src/fetch/service/systemd-service.ts";
import { hasTool } from "../../kit/tools.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-systemd-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Answers `show` for app.socket and app.service out of the files `socket` and `service`, and writes down each call. */
function systemd(
  { stop = "echo inactive > service" }: { readonly stop?: string } = {},
  units = ["app.service"],
) {
  const systemctl = join(folder, "systemctl");
  writeFileSync(
    systemctl,
    `#!/bin/sh
cd ${folder}
echo "$*" >> calls
case "$2" in
  show)
    case "$*" in *app.socket*) printf 'Id=app.socket\\nLoadState=loaded\\nActiveState=active\\nResult=success\\n\\n' ;; esac
    printf 'Id=app.service\\nLoadState=%s\\nActiveState=%s\\nResult=%s\\n' "$(cat load)" "$(cat service)" "$(cat result)" ;;
  start) [ -e broken ] && { echo "Job for app.service failed." >&2; exit 1; }; echo active > service ;;
  stop) ${stop} ;;
  kill) echo failed > service ;;
esac
`,
    { mode: 0o755 },
  );
  write("load", "loaded");
  write("service", "active");
  write("result", "success");
  return new SystemdService({ units, systemctl });
}

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const calls = () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
const verbs = () => calls().map((line) => line.split(" ")[1]);

it("stops and starts units, without a question to whoever sits at the terminal", async () => {
  const service = systemd();
  expect(await service.isRunning()).toBe(true);
  expect(await service.stop(60_000)).toMatchObject({ drained: true });
  expect(await service.isRunning()).toBe(false);
  await service.start();
  expect(await service.isRunning()).toBe(true);
  expect(calls()).toContain("--no-ask-password stop -- app.service");
  expect(calls()).toContain("--no-ask-password start -- app.service");
  expect(calls()[0]).toBe("--no-ask-password show --property=Id,LoadState,ActiveState,Result -- app.service");
});

it("names all units in one call, so that a socket does not start its service meanwhile", async () => {
  const service = systemd({}, ["app.socket", "app.service"]);
  await service.stop(60_000);
  expect(calls()).toContain("--no-ask-password stop -- app.socket app.service");
  // The socket listens on.
  expect(await service.isRunning()).toBe(true);
});

it.each([
  ["activating", true],
  ["reloading", true],
  ["deactivating", true],
  ["failed", false],
  ["inactive", false],
])("a unit that is %s runs: %s", async (state, expected) => {
  const service = systemd();
  write("service", state);
  expect(await service.isRunning()).toBe(expected);
});

it("says that systemd had to kill it", async () => {
  const service = systemd({ stop: "echo failed > service; echo timeout > result" });
  expect(await service.stop(60_000)).toMatchObject({ drained: false });
});

it("kills at the deadline what systemd would wait for", async () => {
  const service = systemd({ stop: "exec sleep 600" });
  expect(await service.stop(300)).toMatchObject({ drained: false });
  expect(verbs()).toContain("kill");
  expect(calls()).toContain("--no-ask-password kill --signal=SIGKILL -- app.service");
});

it("says why a unit does not start", async () => {
  const service = systemd();
  write("broken", "");
  await expect(service.start()).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: "app.service could not be started: status 1: Job for app.service failed.",
  });
});

it("says that there is no such unit", async () => {
  const service = systemd();
  write("load", "not-found");
  await expect(service.isRunning()).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: "there is no unit app.service",
  });
});

describe("without systemd", () => {
  it("says so where there is no systemctl", async () => {
    const service = new SystemdService({ units: ["app.service"], systemctl: join(folder, "none") });
    await expect(service.isRunning()).rejects.toMatchObject({
      code: "SERVICE_MANAGER_MISSING",
      area: "local",
      hint: expect.stringContaining("commands"),
    });
  });

  it.skipIf(existsSync("/run/systemd/system") || !hasTool("systemctl"))(
    "says so where systemctl finds no systemd",
    async () => {
      const service = new SystemdService({ units: ["app.service"] });
      await expect(service.isRunning()).rejects.toMatchObject({ code: "SERVICE_MANAGER_MISSING" });
      await expect(service.stop(1000)).rejects.toMatchObject({ code: "SERVICE_MANAGER_MISSING" });
      await expect(service.start()).rejects.toMatchObject({ code: "SERVICE_MANAGER_MISSING" });
    },
  );
});

it.each([
  [[]],
  [["app"]],
  [["*.service"]],
  [["app?.service"]],
  [["[a-z].service"]],
  [["--now.service"]],
  [["app.service; reboot"]],
  [["app.service", "../x.service"]],
  [["app.service\nb.service"]],
])("takes no units %j", (units) => {
  expect(() => new SystemdService({ units })).toThrow(
    expect.objectContaining({ code: "SERVICE_INVALID", kind: "usage" }),
  );
});
