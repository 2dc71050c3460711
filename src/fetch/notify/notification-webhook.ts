/**
 * Tells people and programs how an update ended: Slack, PagerDuty, or a signed webhook of one's own.
 *
 *   const webhook = new NotificationWebhook({ targets: [{ kind: "slack", url: process.env.SLACK_URL }] });
 *   const notes = await webhook.notify({ kind: "failed", product, from, to, host, at: new Date(), message });
 *
 * A notification never holds or fails an update: `notify` ends by its deadline and rejects never; what did not get
 * through is a note. Secrets (Slack's URL, a routing key, the key of signatures) are in no note, error or log.
 */
import { FetchError } from "../fetch-error.ts";
import { HttpClient } from "../transfer/http-client.ts";
import { isLoopback } from "../transfer/loopback.ts";
import { deliver, type Send } from "./deliver.ts";
import { PAGERDUTY_URL, pagerDutyNotice } from "./pagerduty.ts";
import { parseSecret, signedNotice } from "./signed-webhook.ts";
import { slackNotice } from "./slack.ts";
import type { Notice, UpdateEvent } from "./update-event.ts";

export type NotificationTarget =
  | { readonly kind: "slack"; readonly url: string }
  | { readonly kind: "pagerduty"; readonly routingKey: string; readonly url?: string | undefined }
  /** `secret` is "whsec_" and Base64. */
  | { readonly kind: "signed"; readonly url: string; readonly secret: string };

export type NotificationWebhookOptions = {
  readonly targets: readonly NotificationTarget[];
  /** For all attempts of all targets, which go at once; default 10,000. */
  readonly deadlineMs?: number | undefined;
  /** A PEM file of certification authorities that are believed besides Node's own. */
  readonly caFile?: string | undefined;
  /** Instead of HTTP by ourselves. */
  readonly send?: Send | undefined;
};

/** Makes an event into what is sent; a new one for each attempt. undefined when it is not told there. */
type Channel = {
  readonly kind: NotificationTarget["kind"];
  readonly about: (event: UpdateEvent) => (() => Notice) | undefined;
};

const DEADLINE_MS = 10_000;

export class NotificationWebhook {
  readonly #channels: readonly Channel[];
  readonly #deadlineMs: number;
  readonly #send: Send;

  /** @throws FetchError WEBHOOK_INVALID */
  constructor({ targets, deadlineMs = DEADLINE_MS, caFile, send }: NotificationWebhookOptions) {
    this.#channels = targets.map(channelOf);
    this.#deadlineMs = deadlineMs;
    this.#send = send ?? posting(caFile);
  }

  /** What did not get through, in a sentence each; no secret in any. Never rejects. */
  async notify(event: UpdateEvent): Promise<string[]> {
    const notes = await Promise.all(this.#channels.map((channel) => this.#tell(channel, event)));
    return notes.filter((note) => note !== undefined);
  }

  async #tell({ kind, about }: Channel, event: UpdateEvent): Promise<string | undefined> {
    const note = (why: string): string => `the ${kind} notification did not get through: ${why}`;
    try {
      const notice = about(event);
      if (!notice) return undefined;
      const why = await deliver({ notice, send: this.#send, deadlineMs: this.#deadlineMs });
      return why === undefined ? undefined : note(why);
    } catch {
      // An event that cannot be written down (a date that is none) fails no update either.
      return note("it could not be made");
    }
  }
}

function channelOf(target: NotificationTarget): Channel {
  const { kind } = target;
  switch (kind) {
    case "slack": {
      const url = secureUrl(kind, target.url);
      return { kind, about: (event) => () => slackNotice(url, event) };
    }
    case "pagerduty": {
      const url = secureUrl(kind, target.url ?? PAGERDUTY_URL);
      const { routingKey } = target;
      if (!/^[A-Za-z0-9]{32}$/.test(routingKey))
        throw new FetchError("WEBHOOK_INVALID", "a routing key of PagerDuty's has 32 letters and digits");
      return {
        kind,
        about: (event) => {
          const notice = pagerDutyNotice(url, routingKey, event);
          return notice && (() => notice);
        },
      };
    }
    case "signed": {
      const [url, key] = [secureUrl(kind, target.url), parseSecret(target.secret)];
      return {
        kind,
        about: (event) => {
          const sign = signedNotice(url, key, event);
          return () => sign(Date.now());
        },
      };
    }
  }
}

/** What is sent holds secrets, or is one. @throws FetchError WEBHOOK_INVALID, which does not tell the URL */
function secureUrl(kind: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && url.username + url.password !== "")
    throw new FetchError("WEBHOOK_INVALID", `the URL of the ${kind} webhook holds a name or a password`);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url))) return url;
  throw new FetchError("WEBHOOK_INVALID", `the ${kind} webhook has no https URL`);
}

function posting(caFile: string | undefined): Send {
  return async (notice, signal) => {
    const direct = isLoopback(notice.url) && { environment: {} };
    const client = new HttpClient({ connections: 1, caFile, ...direct });
    try {
      const { status, headers, body } = await client.ask({ ...notice, signal });
      body.cancel();
      return { status, headers };
    } finally {
      await client.close();
    }
  };
}
