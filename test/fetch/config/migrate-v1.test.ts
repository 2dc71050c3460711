/** ThemisDB's v1 updates configuration: what becomes of each key, and that nothing gets lost or loose. */
import { describe, expect, it } from "vitest";
import { migrateV1 } from "../../../src/fetch/config/migrate-v1.ts";
import { V1_KEYS } from "../../../src/fetch/config/v1-keys.ts";
import { checkConfig } from "../../../src/format/config/check-config.ts";
import { readYaml } from "../../../src/format/config/yaml-document.ts";

function migrate(text: string) {
  const { text: made, notes } = migrateV1(Buffer.from(text), "updates.yaml");
  const { value, placeOf } = readYaml(Buffer.from(made), "themis.yml");
  return { made, notes, document: checkConfig(value, placeOf) };
}

/** Every key that v1 reads, with the values of its own example. */
const WHOLE = `
updates:
  checker:
    enabled: true
    check_interval_seconds: 5400
    github_owner: acme
    github_repo: ThemisDB
    github_api_url: https://github.example.org/api/v3
    github_api_token: ghp_SECRET
    proxy_url: http://user:SECRET@proxy.example.org:8080
  auto_update:
    enabled: true
    critical_only: false
    require_approval: false
    approval_timeout_seconds: 300
    scheduled: false
    schedule_time: "02:00"
    schedule_days: [Sunday]
  hot_reload:
    enabled: true
    download_directory: /tmp/themis_updates
    backup_directory: /var/lib/themisdb/rollback
    install_directory: /opt/themisdb
    verify_signatures: true
    create_backup: true
    keep_rollback_points: 5
    download_timeout_seconds: 300
    max_retries: 3
    retry_delay_seconds: 5
  notifications:
    enabled: true
    on_events: [update_applied]
    webhook_url: https://hooks.slack.com/services/SECRET
    email_to: admin@example.com
  telemetry:
    enabled: false
`;

it("carries over what has a counterpart, in a file that the next command reads", () => {
  const { document, made } = migrate(WHOLE);
  expect(document).toEqual({
    checker: { source: "github:acme/ThemisDB", tokenFile: "github-token", interval: "1h30m" },
    autoUpdate: { enabled: true, restorePoints: { count: 5 } },
    hotReload: { root: "/opt/themisdb" },
    notifications: { slack: { urlFile: "slack-url" } },
  });
  expect(made).toContain("interval: 1h30m # was updates.checker.check_interval_seconds: 5400\n");
});

it("names every key that has none, with its place and why", () => {
  const { notes, document, made } = migrate(WHOLE);
  const said = new Set(notes.map(({ key }) => key));
  const carried = Array.from(made.matchAll(/ # was ([\w.]+):/g), ([, key]) => key!);
  const both = new Set([...said, ...carried, "updates.checker.github_repo"]);
  const known = Object.keys(V1_KEYS).filter((key) => key !== "updates.notifications.slack_webhook_url");
  expect([...both].filter((key) => key !== "checker.trustAnchor").sort()).toEqual(known.sort());
  expect(notes.find(({ key }) => key === "updates.hot_reload.max_retries")).toEqual({
    key: "updates.hot_reload.max_retries",
    at: "updates.yaml:28:5",
    was: "3",
    note: expect.stringContaining("tried again"),
    isCarried: false,
  });
  expect(notes.every(({ note }) => note.length > 10)).toBe(true);
  expect(document.checker).not.toHaveProperty("trustAnchor");
  expect(said).toContain("checker.trustAnchor");
});

it("copies no secret anywhere, and says what to write where", () => {
  const { made, notes } = migrate(`${WHOLE}  my_secret: SECRET\nother: { password: SECRET }\n`);
  expect(JSON.stringify([made, notes])).not.toContain("SECRET");
  const todo = notes.filter(({ isCarried }) => isCarried).map(({ key, note }) => [key, note]);
  expect(todo).toEqual([
    ["updates.checker.github_api_token", expect.stringContaining("github-token")],
    ["updates.notifications.webhook_url", expect.stringContaining("slack-url")],
  ]);
  expect(notes.map(({ key }) => key)).toEqual(expect.arrayContaining(["updates.my_secret", "other"]));
});

describe("a device that asked before it updated does not update itself", () => {
  it.each([
    ["enabled: true", false],
    ["enabled: true, require_approval: false", false],
    ["enabled: true, require_approval: false, critical_only: false", true],
    ["enabled: yes, require_approval: no, critical_only: off", true],
    ["enabled: true, require_approval: false, critical_only: false, scheduled: true", false],
    ["enabled: false, require_approval: false, critical_only: false", false],
  ])("{ %s } becomes %s", (auto, enabled) => {
    const { document, notes } = migrate(`updates: { auto_update: { ${auto} } }`);
    expect(document.autoUpdate?.enabled).toBe(enabled);
    const isSaid = notes.some(({ key }) => key === "updates.auto_update.enabled");
    expect(isSaid).toBe(!enabled && !auto.startsWith("enabled: false"));
  });
});

describe("values that cannot be", () => {
  it.each([
    ["checker: { check_interval_seconds: 1 }", "updates.checker.check_interval_seconds"],
    ["checker: { check_interval_seconds: soon }", "updates.checker.check_interval_seconds"],
    ["checker: { github_owner: '../x' }", "updates.checker.github_owner"],
    ["checker: { github_repo: 7 }", "updates.checker.github_repo"],
    ["checker: none", "updates.checker"],
    ["hot_reload: { keep_rollback_points: 0 }", "updates.hot_reload.keep_rollback_points"],
    ["hot_reload: { install_directory: [] }", "updates.hot_reload.install_directory"],
    [
      "notifications: { enabled: false, webhook_url: https://hooks.slack.com/x }",
      "updates.notifications.webhook_url",
    ],
    [
      "notifications: { enabled: true, webhook_url: https://example.org/x }",
      "updates.notifications.webhook_url",
    ],
    ["constructor: 1", "updates.constructor"],
    ["__proto__: { checker: 1 }", "updates.__proto__"],
  ])("are named and not taken: %s", (text, key) => {
    const { document, notes } = migrate(`updates: { ${text} }`);
    expect(document).toEqual({});
    expect(notes.map((note) => note.key)).toContain(key);
  });

  it("become neither keys nor lines of the new file", () => {
    const hostile = "/opt/a\nchecker: { source: evil } # x: y 'q' \"r\" \u2028 *a &b !c";
    const { document, made } = migrate(
      `updates: { hot_reload: { install_directory: ${JSON.stringify(hostile)}, ${JSON.stringify("k\nautoUpdate:")}: 1 } }`,
    );
    expect(document).toEqual({ hotReload: { root: hostile } });
    expect(made.split("\n").filter((line) => /^\S/.test(line) && !line.startsWith("#"))).toEqual([
      "hotReload:",
    ]);
  });

  it.each(["true", "null", "1e3", "0x10", "1.5", "~", "2024-01-01", ".inf", "1:30", "-", "a:b", "x"])(
    "a folder %j is still that folder",
    (name) => {
      const { document } = migrate(`updates: { hot_reload: { install_directory: ${JSON.stringify(name)} } }`);
      expect(document.hotReload?.root).toBe(name);
    },
  );
});

it.each(["a: 1", "[]", "updates: 1", "checker: { source: x }"])("%s is no such configuration", (text) => {
  expect(() => migrate(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", kind: "usage" }));
});
