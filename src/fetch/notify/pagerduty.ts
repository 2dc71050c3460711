/**
 * An alert of PagerDuty's, by Events API v2: a failure opens one, the update that succeeds later resolves it.
 *
 *   { "routing_key": "...", "event_action": "trigger", "dedup_key": "themis/HOST/PRODUCT/VERSION",
 *     "payload": { "summary": "...", "source": "HOST", "severity": "error" } }
 *
 * The key of a version on a device is the same each time, so that a device that fails every hour is one alert. The
 * routing key stands in the body and is a secret. Lengths are those of the documented API.
 */
import { sha256 } from "../../base/digest.ts";
import { oneLine } from "../../base/one-line.ts";
import { headline, type Notice, type UpdateEvent } from "./update-event.ts";

export const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";

const MAX_SUMMARY_CHARACTERS = 1024;
const MAX_DEDUP_CHARACTERS = 255;
const MAX_SOURCE_CHARACTERS = 255;

/** undefined for an offer: nobody is called out of bed for one. */
export function pagerDutyNotice(url: URL, routingKey: string, event: UpdateEvent): Notice | undefined {
  if (event.kind === "offered") return undefined;
  const key = { routing_key: routingKey, dedup_key: dedupKey(event) };
  const body =
    event.kind === "updated"
      ? { ...key, event_action: "resolve" }
      : { ...key, event_action: "trigger", payload: payloadOf(event) };
  return { url, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function payloadOf(event: UpdateEvent) {
  const { kind, product, from, to, host, at } = event;
  return {
    summary: oneLine(headline(event), MAX_SUMMARY_CHARACTERS),
    source: oneLine(host, MAX_SOURCE_CHARACTERS),
    // A device that was rolled back ran a bad release for a while; one that failed runs what it ran.
    severity: kind === "rolled-back" ? "error" : "warning",
    timestamp: at.toISOString(),
    component: oneLine(product, MAX_SOURCE_CHARACTERS),
    class: `update ${kind}`,
    custom_details: { product, from, to },
  };
}

/** Long names keep their difference by a digest. */
function dedupKey({ host, product, to }: UpdateEvent): string {
  const key = `themis/${host}/${product}/${to}`;
  if (key.length <= MAX_DEDUP_CHARACTERS) return key;
  const digest = sha256(Buffer.from(key));
  return `${key.slice(0, MAX_DEDUP_CHARACTERS - digest.length - 1)}/${digest}`;
}
