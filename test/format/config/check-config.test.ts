import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../src/format/config/check-config.ts";
import { readYaml } from "../../../src/format/config/yaml-document.ts";

function check(text: string) {
  const { value, placeOf } = readYaml(Buffer.from(text), "themis.yml");
  return checkConfig(value, placeOf);
}

/** What checkConfig throws. */
function failure(text: string): {
  message: string;
  hint: string;
  facts: { problems: Record<string, unknown>[] };
} {
  try {
    check(text);
  } catch (error) {
    expect(error).toMatchObject({ code: "CONFIG_INVALID", kind: "usage" });
    return error as ReturnType<typeof failure>;
  }
  throw new Error("it was accepted");
}

it("accepts every setting", () => {
  const text = `
checker:
  source: github:acme/app
  mirrors: [https://mirror.example.org/app]
  api: true
  tokenFile: token
  version: "1.5.0"
  channel: stable
  trustAnchor: root.pem
  interval: 6h
  jitter: 10m
  deadline: 2h
autoUpdate:
  enabled: true
  connections: 8
  limitRate: 2M
  applyMemory: 100663296
  ca: ca.pem
  keep: ["etc/*.conf"]
  restorePoints: { count: 3, age: 30d, bytes: 10G }
  strategy: in-place
hotReload:
  root: /opt/app
  service: { systemd: { units: [app.socket, app.service] } }
  drain: 30s
  ready: { name: answers, http: "http://127.0.0.1:8080/health", attempts: 20, interval: 500ms, maxLatency: 1s }
  checks:
    - { name: schema, kind: schema-compatibility, command: [bin/app, check], expectOutput: ok, timeout: 1m }
    - { name: fast, kind: performance, http: "https://localhost/", expectStatus: 204, expectBody: x, ca: ca.pem }
  confirm: { by: operator, within: 10m }
  preflight:
    dependencies: { postgres: { command: [psql, --version], range: ">=15" } }
    memory: 512M
  hooks: { before: { command: [/etc/themis/before] }, after: { command: [/etc/themis/after], timeout: 5m } }
notifications:
  slack: { urlFile: slack }
  pagerduty: { routingKeyEnv: PAGERDUTY_KEY, url: https://events.eu.pagerduty.com/v2/enqueue }
  webhook: { url: https://example.org/hook, secretFile: key }
advanced:
  logLevel: quiet
`;
  expect(Object.keys(check(text))).toEqual([
    "checker",
    "autoUpdate",
    "hotReload",
    "notifications",
    "advanced",
  ]);
});

describe("names line, column, what was expected, what was found, what was meant", () => {
  it.each([
    ["checker:\n  intervall: 6h\n", 2, 3, { key: "checker.intervall", nearest: "interval" }],
    ["checker:\n  trust_anchor: x\n", 2, 3, { nearest: "trustAnchor" }],
    ["checker:\n  root: /opt/app\n", 2, 3, { nearest: "hotReload.root" }],
    ["chekcer: {}\n", 1, 1, { key: "chekcer", nearest: "checker" }],
    ["checker:\n  version: 1.5\n", 2, 12, { found: "1.5", hint: expect.stringContaining("quotes") }],
    ["checker:\n  api: yes\n", 2, 8, { expected: "true or false", found: '"yes"' }],
    [
      "checker:\n  interval: 6 hours\n",
      2,
      13,
      { expected: expect.stringContaining("10m"), found: '"6 hours"' },
    ],
    ["checker:\n  interval: 3600\n", 2, 13, { found: "3600", hint: "say the unit too, as in 3600s" }],
    ["checker:\n  interval:\n", 2, 3, { found: "nothing" }],
    ["checker:\n", 1, 1, { found: "nothing" }],
    ["checker: [a]\n", 1, 10, { found: "a list" }],
    ["- a\n", 1, 1, { found: "a list" }],
    [
      "checker:\n  mirrors:\n    - a\n    - 7\n",
      4,
      7,
      { key: "checker.mirrors[1]", expected: "a text", found: "7" },
    ],
    ["checker:\n  source: ''\n", 2, 11, { found: "an empty text" }],
    ["autoUpdate:\n  connections: 100\n", 2, 16, { expected: "a whole number from 1 to 64", found: "100" }],
    ["autoUpdate:\n  connections: 1.5\n", 2, 16, { found: "1.5" }],
    ["autoUpdate:\n  limitRate: 2X\n", 2, 14, { expected: expect.stringContaining("96M"), found: '"2X"' }],
    ["autoUpdate:\n  strategy: blue\n", 2, 13, { expected: "one of in-place, slots", found: '"blue"' }],
    ["hotReload:\n  service: upstart\n", 2, 12, { found: '"upstart"' }],
    ["hotReload:\n  service: {}\n", 2, 3, { expected: "one of systemd, command" }],
    ["hotReload:\n  service: { systemd: { units: [] } }\n", 2, 32, { found: "a list of 0" }],
    ["hotReload:\n  service:\n    command: { start: [a], stop: [b] }\n", 3, 5, { expected: "status" }],
    ["hotReload:\n  checks:\n    - timeout: 1s\n      http: http://x/\n", 3, 7, { expected: "name" }],
    ["hotReload:\n  ready: { name: a }\n", 2, 3, { expected: "one of command, http" }],
    [
      "hotReload:\n  ready: { name: a, http: http://x/, command: [a] }\n",
      ...[2, 3],
      { message: expect.stringContaining("more than one") },
    ],
    [
      "hotReload:\n  ready: { name: a, http: http://x/, expectOutput: z }\n",
      2,
      38,
      { key: "hotReload.ready.expectOutput" },
    ],
    ["hotReload:\n  ready: { name: a, http: ftp://x/ }\n", 2, 27, { found: '"ftp://x/"' }],
    ["hotReload:\n  hooks:\n    before: { command: rm }\n", 3, 24, { found: '"rm"' }],
    [
      "hotReload:\n  preflight: { dependencies: { -x: { command: [x] } } }\n",
      2,
      32,
      { message: expect.stringContaining('"-x"') },
    ],
    ["checker:\n  <<: { source: x }\n", 2, 3, { hint: expect.stringContaining("merge keys") }],
    ["updates: { checker: {} }\n", 1, 1, { hint: expect.stringContaining("migrate-config") }],
    ["__proto__: { a: 1 }\n", 1, 1, { key: "__proto__" }],
    ["constructor: 1\n", 1, 1, { key: "constructor" }],
  ] as [string, number, number, object][])("%j", (text, line, column, problem) => {
    const { message, facts } = failure(text);
    expect(facts.problems).toEqual([
      expect.objectContaining({ file: "themis.yml", line, column, ...problem }),
    ]);
    expect(message.startsWith(`themis.yml:${line}:${column}: `)).toBe(true);
    expect(message).not.toContain("\n");
  });

  it("all of them at once, in the order of lines, and not without end", () => {
    const { message, facts } = failure("checker:\n  a: 1\n  api: 1\nb: 2\n");
    expect(message.split("\n").map((line) => line.slice(0, 15))).toEqual([
      "themis.yml:2:3:",
      "themis.yml:3:8:",
      "themis.yml:4:1:",
    ]);
    expect(facts.problems).toHaveLength(3);
    const many = failure(Array.from({ length: 500 }, (_, index) => `key${index}: 1`).join("\n"));
    expect(many.facts.problems).toHaveLength(20);
    expect(many.message).toMatch(/\nand 480 more$/);
  });
});

describe("a secret in the file is refused and shown nowhere", () => {
  it.each([
    ["checker:\n  token: ghp_SECRET\n", 2, "tokenFile"],
    ["notifications:\n  slack:\n    url: https://hooks.slack.com/SECRET\n", 3, "urlFile"],
    ["notifications:\n  pagerduty:\n    routing_key: SECRET\n", 3, "routingKeyFile"],
    ["notifications:\n  webhook:\n    url: https://x/\n    secret: whsec_SECRET\n", 4, "secretFile"],
  ])("%j", (text, line, nearest) => {
    const error = failure(text);
    expect(error.facts.problems).toEqual([expect.objectContaining({ line, nearest })]);
    expect(error.message).toContain("would be a secret");
    expect(error.hint).toContain(nearest);
    expect(JSON.stringify([error.message, error.hint, error.facts])).not.toContain("SECRET");
  });

  it.each([
    "checker: { tokenFile: ghp_SECRET }",
    "checker: { tokenFile: github_pat_SECRET }",
    "checker: { source: [SECRET] }",
    `checker: { source: "https://SECRET@x/${"x".repeat(5000)}" }`,
    "hotReload: { ready: { name: a, http: 'https://u:SECRET@x/' } }",
    "notifications: { slack: https://hooks.slack.com/SECRET }",
    "notifications: { slack: { urlFile: https://hooks.slack.com/SECRET } }",
    "notifications: { slack: { urlEnv: https://hooks.slack.com/SECRET } }",
    "notifications: { webhook: { url: 'https://u:SECRET@x/', secretEnv: X } }",
    "notifications: { webhook: { url: https://x/, secretFile: whsec_SECRET } }",
    "notifications: { webhook: { url: 'SECRET', secretEnv: X } }",
  ])("in another place: %.60j", (text) => {
    const { message, facts, hint } = failure(text);
    expect(JSON.stringify([message, facts, hint])).not.toContain("SECRET");
  });
});
