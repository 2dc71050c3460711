/** Which layer wins, what its values become, and whose file is believed. */
import { createHmac } from "node:crypto";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serviceOf } from "../../../src/fetch/config/hot-reload.ts";
import { type ConfigRequest, loadConfig } from "../../../src/fetch/config/load-config.ts";
import { notificationTargets } from "../../../src/fetch/config/notifications.ts";
import { SETTINGS } from "../../../src/fetch/config/setting.ts";
import { UpdateVerifier } from "../../../src/fetch/health/update-verifier.ts";
import { NotificationWebhook } from "../../../src/fetch/notify/notification-webhook.ts";
import { receiver } from "../../kit/receiver.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-config-"));
  file = join(folder, "themis.yml");
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(text: string, more: ConfigRequest = {}) {
  writeFileSync(file, text);
  return loadConfig({ file, environment: {}, ...more });
}

async function valueAndOrigin(name: string, text: string, more: ConfigRequest = {}) {
  const { settings } = await load(text, more);
  const { value, origin } = settings.find((each) => each.name === name)!;
  return [value, origin];
}

describe("of one setting", () => {
  const text = "autoUpdate:\n  connections: 2\n";
  const environment = { THEMIS_AUTO_UPDATE_CONNECTIONS: "3" };
  const flags = [{ setting: "autoUpdate.connections", flag: "--connections", value: 5 }];

  it.each([
    ["the default holds when nobody says anything", "{}", {}, 4, { kind: "default" }],
    ["a file is before the default", text, {}, 2, { kind: "file", line: 2, column: 16 }],
    [
      "the environment is before the file",
      text,
      { environment },
      3,
      { variable: "THEMIS_AUTO_UPDATE_CONNECTIONS" },
    ],
    ["a flag is before all", text, { environment, flags }, 5, { kind: "flag", flag: "--connections" }],
    [
      "an empty variable is none",
      text,
      { environment: { THEMIS_AUTO_UPDATE_CONNECTIONS: "" } },
      2,
      { line: 2 },
    ],
  ])("%s", async (_, yaml, more, value, origin) => {
    expect(await valueAndOrigin("autoUpdate.connections", yaml, more)).toEqual([
      value,
      expect.objectContaining(origin),
    ]);
  });

  it("the others stay as they are: layers are laid setting by setting", async () => {
    const yaml = "autoUpdate:\n  connections: 2\n  restorePoints: { count: 7, age: 30d }\n";
    const more = { environment: { THEMIS_AUTO_UPDATE_RESTORE_POINTS_COUNT: "9" } };
    const { configuration } = await load(yaml, more);
    expect(configuration.autoUpdate).toMatchObject({
      connections: 2,
      restorePoints: { count: 9, ageMs: 30 * 86_400_000 },
    });
  });
});

it("schemas/themis-yml.md has every setting with its variable", () => {
  const prose = readFileSync(join(import.meta.dirname, "../../../schemas/themis-yml.md"), "utf8");
  const rows = SETTINGS.map(({ name, variable }) => `| \`${name}\`${variable && ` \`${variable}\``} |`);
  expect(rows.filter((row) => !prose.includes(row))).toEqual([]);
});

describe("the environment", () => {
  it("has one variable for each plain setting", () => {
    expect(SETTINGS.filter(({ variable }) => variable === "").map(({ name }) => name)).toEqual([
      "hotReload.service",
      "hotReload.ready",
      "hotReload.checks",
      "hotReload.confirm",
      "hotReload.preflight",
      "hotReload.hooks",
      "notifications.slack",
      "notifications.pagerduty",
      "notifications.webhook",
    ]);
    expect(SETTINGS.find(({ name }) => name === "checker.trustAnchor")?.variable).toBe(
      "THEMIS_CHECKER_TRUST_ANCHOR",
    );
  });

  it("is read as its settings are: lists, truth, sizes", async () => {
    const environment = {
      THEMIS_CHECKER_MIRRORS: "https://a/x  /srv/page",
      THEMIS_CHECKER_API: "true",
      THEMIS_AUTO_UPDATE_LIMIT_RATE: "2M",
      THEMIS_CHECKER_VERSION: "1.10",
    };
    const { configuration } = await load("{}", { environment });
    expect(configuration.checker).toMatchObject({
      mirrors: ["https://a/x", "/srv/page"],
      api: true,
      version: "1.10",
    });
    expect(configuration.autoUpdate.limitRate).toBe(2 * 2 ** 20);
  });

  it.each([
    ["THEMIS_CHECKER_INTERVAL", "soon", /^THEMIS_CHECKER_INTERVAL: .*takes a span of time.*not "soon"$/],
    ["THEMIS_CHECKER_API", "yes", /^THEMIS_CHECKER_API: .*takes true or false/],
    ["THEMIS_AUTO_UPDATE_CONNECTIONS", "1e1", /from 1 to 64, not "1e1"$/],
    ["THEMIS_AUTO_UPDATE_LIMIT_RATE", "0", /^THEMIS_AUTO_UPDATE_LIMIT_RATE: .*size of 1 or more/],
    ["THEMIS_CHECKER_SORCE", "x", /did you mean THEMIS_CHECKER_SOURCE\?$/],
    ["THEMIS_HOT_RELOAD_CHECKS", "[]", /is no setting/],
  ])("%s=%s is refused by name", async (name, value, message) => {
    const attempt = load("{}", { environment: { [name]: value } });
    await expect(attempt).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(message),
    });
  });

  it("never shows a token that stands where its file belongs", async () => {
    const attempt = load("{}", { environment: { THEMIS_CHECKER_TOKEN_FILE: "ghp_SECRET" } });
    await expect(attempt).rejects.toMatchObject({ message: expect.not.stringContaining("SECRET") });
  });
});

describe("what no schema can say has a place too, here marked by §", () => {
  it.each([
    "checker:\n  interval: §1s\n",
    "hotReload:\n  drain: §2h\n",
    "autoUpdate:\n  limitRate: §0\n",
    "hotReload:\n  confirm: §{ by: operator }\n",
    "hotReload:\n  confirm: §{ by: checks, within: 5m }\n",
    "hotReload:\n  service: §{ systemd: { units: ['app*'] } }\n",
    "hotReload:\n  checks:\n    - { name: a, command: [x] }\n    - { name: §a, command: [x] }\n",
    "hotReload:\n  checks:\n    - §{ name: a, command: [''] }\n",
    "hotReload:\n  checks:\n    - { name: a, command: [x], expectStatus: §404 }\n",
    "hotReload:\n  checks:\n    - { name: a, http: 'http://x/', expectStatus: §7 }\n",
    "hotReload:\n  checks:\n    - { name: a, timeout: §2h, command: [x] }\n",
    "hotReload:\n  hooks: { before: { command: §[''] } }\n",
    "hotReload:\n  preflight: { dependencies: { pg: { command: [psql], range: §'>>1' } } }\n",
  ])("%j", async (text) => {
    const before = text.slice(0, text.indexOf("§")).split("\n");
    const place = `${file}:${before.length}:${before.at(-1)!.length + 1}: `;
    await expect(load(text.replace("§", ""))).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(new RegExp(`^${place}.*$`)),
    });
  });
});

it("names of files in the file are relative to its folder, others are as they are", async () => {
  const { configuration } = await load(
    `checker: { source: page, mirrors: [https://x/y, github:a/b], trustAnchor: pki/root.pem, tokenFile: /run/token }
hotReload: { root: ../app, ready: { name: a, http: "http://x/", ca: ca.pem } }
notifications: { slack: { urlFile: slack } }
`,
    { flags: [{ setting: "autoUpdate.ca", flag: "--ca", value: "ca.pem" }] },
  );
  const { checker, hotReload, autoUpdate, notifications } = configuration;
  expect(checker).toMatchObject({
    source: join(folder, "page"),
    mirrors: ["https://x/y", "github:a/b"],
    trustAnchor: join(folder, "pki/root.pem"),
    tokenFile: "/run/token",
  });
  expect(hotReload.root).toBe(join(folder, "../app"));
  expect(hotReload.ready?.run).toMatchObject({ caFile: join(folder, "ca.pem") });
  expect(autoUpdate.caFile).toBe("ca.pem");
  expect(notifications).toEqual([{ kind: "slack", url: { file: join(folder, "slack") } }]);
});

describe("a file", () => {
  it("that everybody may write is refused, since it names programs", async () => {
    writeFileSync(file, "{}");
    chmodSync(file, 0o666);
    await expect(loadConfig({ file, environment: {} })).rejects.toMatchObject({
      code: "CONFIG_UNSAFE",
      kind: "refused",
    });
  });

  it.runIf(process.geteuid?.() === 0)(
    "of somebody else's in the working folder is refused, unless it is named",
    async () => {
      writeFileSync(file, "{}");
      chownSync(file, 12345, 12345);
      const before = process.cwd();
      try {
        process.chdir(folder);
        await expect(loadConfig({ environment: {} })).rejects.toMatchObject({ code: "CONFIG_UNSAFE" });
      } finally {
        process.chdir(before);
      }
      await loadConfig({ file, environment: {} });
    },
  );

  it.each([
    ["that is not there", () => {}, "CONFIG_MISSING"],
    ["that is a folder", () => mkdirSync(file), "CONFIG_MISSING"],
    ["that never ends", () => symlinkSync("/dev/zero", file), "CONFIG_MISSING"],
    ["that is too long", () => writeFileSync(file, "#".repeat(256 * 1024 + 1)), "CONFIG_MISSING"],
    ["that is no text", () => writeFileSync(file, Buffer.from([0xff, 0xfe, 0])), "CONFIG_MALFORMED"],
  ])("%s is refused by name", async (_, make, code) => {
    make();
    await expect(loadConfig({ file, environment: {} })).rejects.toMatchObject({
      code,
      kind: "usage",
      message: expect.stringContaining(file),
    });
  });

  it("of THEMIS_CONFIG is read when no flag names one", async () => {
    writeFileSync(file, "checker: { channel: beta }");
    const environment = { THEMIS_CONFIG: file };
    expect((await loadConfig({ environment })).configuration.checker.channel).toBe("beta");
  });
});

describe("what it says is obeyed by the parts", () => {
  it("checks run as they are written", async () => {
    const { configuration } = await load(`
hotReload:
  checks:
    - { name: says, command: [echo, hello], expectOutput: hello }
    - { name: fails, command: [sh, -c, "exit 3"], expectStatus: 3, timeout: 30s }
    - { name: wrong, kind: integration, command: ["false"] }
`);
    const verifier = new UpdateVerifier({ checks: configuration.hotReload.checks });
    const { reports } = await verifier.run({ root: folder, from: "", to: "1.0.0" });
    expect(reports.map(({ name, kind, passed }) => [name, kind, passed])).toEqual([
      ["says", "smoke", true],
      ["fails", "smoke", true],
      ["wrong", "integration", false],
    ]);
  });

  it("a service of three commands is asked", async () => {
    const { configuration } = await load(
      'hotReload: { service: { command: { start: ["true"], stop: ["true"], status: [sh, -c, exit 3] } } }',
    );
    expect(await serviceOf(configuration.hotReload.service)?.isRunning()).toBe(false);
    expect(serviceOf((await load("{}")).configuration.hotReload.service)).toBeUndefined();
  });

  it("webhooks are signed with the key from its file", async () => {
    const key = Buffer.alloc(32, 7);
    writeFileSync(join(folder, "key"), `whsec_${key.toString("base64")}\n`);
    const place = await receiver();
    try {
      const { configuration } = await load(
        `notifications: { webhook: { url: ${place.url}, secretFile: key }, slack: { urlEnv: SLACK } }`,
      );
      const targets = await notificationTargets(configuration.notifications, { SLACK: `${place.url}/slack` });
      const webhook = new NotificationWebhook({ targets });
      const event = { product: "app", from: "", to: "1.0.0", host: "h", at: new Date(), message: "" };
      expect(await webhook.notify({ kind: "updated", ...event })).toEqual([]);
      const signed = place.posted.find(({ headers }) => headers["webhook-id"])!;
      const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = signed.headers;
      const mac = createHmac("sha256", key).update(`${id}.${at}.${signed.body}`).digest("base64");
      expect(signature).toBe(`v1,${mac}`);
      expect(place.posted).toHaveLength(2);
    } finally {
      await place.close();
    }
  });

  it.each([
    ["no variable", "urlEnv: NOTHING", "the variable NOTHING is not set"],
    ["no file", "urlFile: nowhere", "cannot be read (ENOENT)"],
    ["an empty file", "urlFile: empty", "is empty"],
  ])("%s where a secret should be is said by name", async (_, slack, message) => {
    writeFileSync(join(folder, "empty"), "\n");
    const { configuration } = await load(`notifications: { slack: { ${slack} } }`);
    await expect(notificationTargets(configuration.notifications, {})).rejects.toMatchObject({
      code: "SECRET_UNREADABLE",
      message: expect.stringContaining(message),
    });
  });
});
