/** What Slack, PagerDuty and a verifier of Standard Webhooks would receive, and that nothing fails or leaks. */
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import {
  type NotificationTarget,
  NotificationWebhook,
  type NotificationWebhookOptions,
} from "../../../src/fetch/notify/notification-webhook.ts";
import { parseSecret, signature } from "../../../src/fetch/notify/signed-webhook.ts";
import type { Notice, UpdateEvent } from "../../../src/fetch/notify/update-event.ts";
import { makePki } from "../../kit/pki.ts";
import { type Receiver, receiver } from "../../kit/receiver.ts";
import { hasTool } from "../../kit/tools.ts";

const ROUTING_KEY = "0123456789abcdef0123456789abcdef";
const SECRET = `whsec_${randomBytes(32).toString("base64")}`;
const SLACK_PATH = "/services/T0000/B0000/slacksecret";

const event: UpdateEvent = {
  kind: "failed",
  product: "app",
  from: "1.4.0",
  to: "1.5.0",
  host: "db-1.example.org",
  at: new Date("2026-11-24T12:00:00Z"),
  message: "the disk is full",
};

const open: Receiver[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function started(answer?: Parameters<typeof receiver>[0]): Promise<Receiver> {
  const made = await receiver(answer);
  open.push(made);
  return made;
}

function webhook(target: NotificationTarget, more: Partial<NotificationWebhookOptions> = {}) {
  return new NotificationWebhook({ targets: [target], deadlineMs: 60_000, ...more });
}

const slack = (url: string): NotificationTarget => ({ kind: "slack", url: `${url}${SLACK_PATH}` });
const pagerduty = (url: string): NotificationTarget => ({
  kind: "pagerduty",
  routingKey: ROUTING_KEY,
  url: `${url}/v2/enqueue`,
});
const signed = (url: string): NotificationTarget => ({ kind: "signed", url: `${url}/hook`, secret: SECRET });

describe("Slack", () => {
  it("gets a text and a section", async () => {
    const { url, posted } = await started((response) => response.end("ok"));
    expect(await webhook(slack(url)).notify(event)).toEqual([]);
    expect(posted).toHaveLength(1);
    const { method, path, headers, body } = posted[0]!;
    expect([method, path, headers["content-type"]]).toEqual(["POST", SLACK_PATH, "application/json"]);
    const text = "app on db-1.example.org: update failed, 1.4.0 -&gt; 1.5.0: the disk is full";
    expect(JSON.parse(body)).toEqual({
      text,
      blocks: [{ type: "section", text: { type: "mrkdwn", text: `:x: ${text}` } }],
    });
  });

  it("calls nobody whom a release names, and gets no more than it takes", async () => {
    const { url, posted } = await started();
    const message = `<!channel> & <@U1> \u001b[31m\n${"<>&".repeat(5000)}`;
    await webhook(slack(url)).notify({ ...event, message });
    const { text, blocks } = JSON.parse(posted[0]!.body);
    expect(text).toContain("&lt;!channel&gt; &amp; &lt;@U1&gt; ");
    expect(text.replace(/&(amp|lt|gt);/g, "")).not.toMatch(/[<>&\n\u001b]/);
    expect(blocks[0].text.text.length).toBeLessThanOrEqual(3000);
  });
});

describe("PagerDuty", () => {
  it("gets an alert for a failure", async () => {
    const { url, posted } = await started();
    expect(await webhook(pagerduty(url)).notify(event)).toEqual([]);
    expect(posted[0]!.path).toBe("/v2/enqueue");
    expect(JSON.parse(posted[0]!.body)).toEqual({
      routing_key: ROUTING_KEY,
      event_action: "trigger",
      dedup_key: "themis/db-1.example.org/app/1.5.0",
      payload: {
        summary: "app on db-1.example.org: update failed, 1.4.0 -> 1.5.0: the disk is full",
        source: "db-1.example.org",
        severity: "warning",
        timestamp: "2026-11-24T12:00:00.000Z",
        component: "app",
        class: "update failed",
        custom_details: { product: "app", from: "1.4.0", to: "1.5.0" },
      },
    });
  });

  it("resolves the alert of the version that succeeds, and of no other", async () => {
    const { url, posted } = await started();
    const hook = webhook(pagerduty(url));
    await hook.notify({ ...event, kind: "rolled-back" });
    await hook.notify({ ...event, kind: "updated" });
    await hook.notify({ ...event, kind: "updated", to: "1.5.1" });
    const [opened, resolved, other] = posted.map(({ body }) => JSON.parse(body));
    expect(opened).toMatchObject({ event_action: "trigger", payload: { severity: "error" } });
    expect(resolved).toEqual({
      routing_key: ROUTING_KEY,
      event_action: "resolve",
      dedup_key: opened.dedup_key,
    });
    expect(other.dedup_key).not.toBe(opened.dedup_key);
  });

  it("gets no longer fields than it takes, and long names stay apart", async () => {
    const { url, posted } = await started();
    const long = "x".repeat(2000);
    for (const to of ["1.5.0", "1.5.1"])
      await webhook(pagerduty(url)).notify({ ...event, to, product: long, host: long, message: long });
    const bodies = posted.map(({ body }) => JSON.parse(body));
    for (const { dedup_key, payload } of bodies) {
      expect(dedup_key.length).toBeLessThanOrEqual(255);
      expect(payload.summary.length).toBeLessThanOrEqual(1024);
    }
    expect(bodies[0].dedup_key).not.toBe(bodies[1].dedup_key);
  });
});

describe("a signed webhook", () => {
  it("has the signature of the specification's own example", () => {
    const key = parseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    expect(signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", '{"test": 2432232314}')).toBe(
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
  });

  it("is verified by whoever has the secret, over the bytes as they came", async () => {
    const { url, posted } = await started();
    const before = Math.floor(Date.now() / 1000);
    expect(await webhook(signed(url)).notify({ ...event, kind: "rolled-back" })).toEqual([]);
    const { headers, body } = posted[0]!;
    const [id, timestamp] = [headers["webhook-id"], headers["webhook-timestamp"]];
    const key = Buffer.from(SECRET.slice("whsec_".length), "base64");
    const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${expected}`);
    expect(id).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(Number(timestamp)).toBeGreaterThanOrEqual(before);
    expect(JSON.parse(body)).toEqual({
      type: "themis.update.rolled_back",
      timestamp: "2026-11-24T12:00:00.000Z",
      data: {
        product: "app",
        from: "1.4.0",
        to: "1.5.0",
        host: "db-1.example.org",
        message: "the disk is full",
      },
    });
  });

  it("keeps its id when it is tried again, and signs each attempt", async () => {
    const { url, posted } = await started((response, before) =>
      response.writeHead(before < 2 ? 503 : 204).end(),
    );
    expect(await webhook(signed(url)).notify(event)).toEqual([]);
    expect(posted).toHaveLength(3);
    expect(new Set(posted.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(posted.map(({ body }) => body)).size).toBe(1);
  });

  it("stays small, whatever the message", async () => {
    const { url, posted } = await started();
    await webhook(signed(url)).notify({ ...event, message: "\u0000".repeat(10) + "x".repeat(1e6) });
    expect(posted[0]!.body.length).toBeLessThan(20_000);
  });
});

describe("that does not get through", () => {
  const targets = [slack, pagerduty, signed];
  const secrets = [ROUTING_KEY, SECRET, SECRET.slice(6), "slacksecret", "services"];
  const notLeaked = (text: string) => {
    for (const secret of secrets) expect(text).not.toContain(secret);
  };

  it.each([
    [400, 1],
    [403, 1],
    [404, 1],
    [410, 1],
    [302, 1],
    [429, 5],
    [500, 5],
  ])("is noted when the answer is %i, after %i attempts", async (status, attempts) => {
    const told = targets.map(async (target) => {
      const { url, posted } = await started((response) =>
        response.writeHead(status, { location: "/other" }).end("no"),
      );
      const notes = await webhook(target(url)).notify(event);
      expect(notes).toEqual([
        expect.stringContaining(`did not get through: it was answered with status ${status}`),
      ]);
      expect(posted).toHaveLength(attempts);
      notLeaked(notes[0]!);
    });
    await Promise.all(told);
  });

  it("is noted when nobody listens", async () => {
    const gone = await receiver();
    await gone.close();
    const told = targets.map((target) => webhook(target(gone.url)).notify(event));
    for (const notes of await Promise.all(told)) {
      expect(notes).toEqual([expect.stringContaining("it could not be sent (ECONNREFUSED)")]);
      notLeaked(notes[0]!);
    }
  });

  it("does not hold an update, when the answer never comes", async () => {
    const { url } = await started(() => {});
    const notes = await webhook(signed(url), { deadlineMs: 300 }).notify(event);
    expect(notes).toEqual(["the signed notification did not get through: no answer, until 300 ms were over"]);
  });

  it.each([600, 999_999_999])(
    "waits %i s when it is asked to, but not beyond its deadline",
    async (seconds) => {
      const { url, posted } = await started((response) =>
        response.writeHead(429, { "retry-after": String(seconds) }).end(),
      );
      const notes = await webhook(pagerduty(url), { deadlineMs: 300 }).notify(event);
      expect(notes).toEqual([expect.stringContaining("status 429, until 300 ms were over")]);
      expect(posted).toHaveLength(1);
    },
  );

  it("is no matter for the other targets", async () => {
    const [bad, good] = [await started((response) => response.writeHead(404).end()), await started()];
    const hook = new NotificationWebhook({ targets: [slack(bad.url), pagerduty(good.url)] });
    expect(await hook.notify(event)).toHaveLength(1);
    expect(good.posted).toHaveLength(1);
  });

  it.each([
    [
      "throws at once",
      () => {
        throw new Error(`cannot reach https://hooks.example.org${SLACK_PATH}`);
      },
    ],
    ["rejects", () => Promise.reject(new Error(`cannot reach https://hooks.example.org${SLACK_PATH}`))],
    ["never ends and heeds no signal", () => new Promise<never>(() => {})],
    ["answers nonsense", () => Promise.resolve(undefined as never)],
  ])("is noted without a secret when the given send %s", async (_, send) => {
    const notes = await webhook(slack("https://hooks.example.org"), { send, deadlineMs: 2000 }).notify(event);
    expect(notes).toHaveLength(1);
    notLeaked(notes[0]!);
  });

  it("is noted when the event cannot be written down", async () => {
    const hook = new NotificationWebhook({
      targets: targets.map((target) => target("https://example.org")),
      send: async () => ({ status: 200 }),
    });
    expect(await hook.notify({ ...event, at: new Date(Number.NaN) })).toEqual([
      expect.stringContaining("pagerduty"),
      expect.stringContaining("signed"),
    ]);
  });
});

it.skipIf(!hasTool("openssl"))("believes an authority that is named, and no other", async () => {
  const pki = makePki({ intermediates: 0 });
  const { keyPath, pem } = pki.issueServer("receiver", "IP:127.0.0.1");
  const made = await receiver(undefined, { key: readFileSync(keyPath), cert: pem });
  open.push(made);
  const caFile = pki.root.certificatePath;
  expect(await webhook(signed(made.url), { caFile }).notify(event)).toEqual([]);
  expect(await webhook(signed(made.url)).notify(event)).toEqual([
    expect.stringMatching(/could not be sent \(([A-Z_]*CERT[A-Z_]*|UNABLE_TO[A-Z_]*)\)$/),
  ]);
  expect(made.posted).toHaveLength(1);
  pki.remove();
});

it("goes by the given send, with all that it needs", async () => {
  const sent: Notice[] = [];
  const send: NotificationWebhookOptions["send"] = async (notice) => {
    sent.push(notice);
    return { status: 200 };
  };
  expect(await webhook({ kind: "pagerduty", routingKey: ROUTING_KEY }, { send }).notify(event)).toEqual([]);
  expect(sent.map(({ url }) => url.href)).toEqual(["https://events.pagerduty.com/v2/enqueue"]);
});

it.each<[string, NotificationTarget]>([
  ["a URL without TLS", { kind: "slack", url: "http://hooks.example.org/services/secret" }],
  ["no URL", { kind: "slack", url: "secret" }],
  ["a URL with a password", { kind: "signed", url: "https://user:secret@example.org/", secret: SECRET }],
  ["a file", { kind: "signed", url: "file:///secret", secret: SECRET }],
  ["a routing key that is none", { kind: "pagerduty", routingKey: "secret" }],
  ["a secret without its prefix", { kind: "signed", url: "https://example.org/", secret: SECRET.slice(6) }],
  ["a secret that is short", { kind: "signed", url: "https://example.org/", secret: "whsec_c2VjcmV0" }],
  [
    "a secret that is no Base64",
    { kind: "signed", url: "https://example.org/", secret: "whsec_secret secret secret secret!!" },
  ],
])("takes no target with %s, and does not repeat it", (_, target) => {
  try {
    webhook(target);
  } catch (error) {
    expect(error).toMatchObject({ code: "WEBHOOK_INVALID", kind: "usage" });
    expect(JSON.stringify([(error as Error).message, (error as { facts: unknown }).facts])).not.toMatch(
      /secret[^ "]|c2Vj|user:|: secret/,
    );
    return;
  }
  throw new Error("it was taken");
});
