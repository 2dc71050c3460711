/**
 * A check that asks by HTTP: status, latency, and what the body says.
 *
 * Each attempt is a connection of its own, so that an old process that still holds one is not asked. Loopback
 * is reached directly, whatever proxy the environment names.
 */

import type { HttpBody } from "../transfer/http-body.ts";
import { HttpClient } from "../transfer/http-client.ts";
import { isLoopback } from "../transfer/loopback.ts";
import type { HttpRun, Verdict } from "./check.ts";

const MAX_BODY_BYTES = 64 << 10;

/** @throws FetchError for what ends a request; the signal's reason */
export async function httpVerdict(run: HttpRun, signal: AbortSignal): Promise<Verdict> {
  const url = new URL(run.http);
  const direct = isLoopback(url) && { environment: {} };
  const client = new HttpClient({ connections: 1, caFile: run.caFile, ...direct });
  const latency = new AbortController();
  const timer = setTimeout(() => latency.abort(), run.maxLatencyMs);
  const startedMs = performance.now();
  const expected = httpExpectation(run);
  try {
    const { status, body } = await client.ask({ url, signal: AbortSignal.any([signal, latency.signal]) });
    const text = await beginning(body);
    const tookMs = Math.round(performance.now() - startedMs);
    const lacks = run.expectBody !== undefined && !text.includes(run.expectBody);
    const passed = status === run.expectStatus && tookMs <= run.maxLatencyMs && !lacks;
    const missing = lacks && status === run.expectStatus ? ", and its body lacks that" : "";
    return { passed, expected, found: `status ${status} in ${tookMs} ms${missing}` };
  } catch (error) {
    signal.throwIfAborted();
    if (!latency.signal.aborted) throw error;
    return { passed: false, expected, found: `no whole answer in ${run.maxLatencyMs} ms` };
  } finally {
    clearTimeout(timer);
    await client.close();
  }
}

export function httpExpectation({ expectStatus, maxLatencyMs, expectBody }: HttpRun): string {
  const body = expectBody === undefined ? "" : ` with ${JSON.stringify(expectBody)} in its body`;
  return `status ${expectStatus} within ${maxLatencyMs} ms${body}`;
}

async function beginning(body: HttpBody): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of body) {
    chunks.push(bytes);
    length += bytes.length;
    if (length >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString("utf8");
}
