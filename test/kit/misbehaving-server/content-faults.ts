/** Faults 43 to 53: encodings, lengths and contents that are not what was signed. */
import { gzipSync } from "node:zlib";
import { type Answer, encodeHead, jsonAnswer, plainAnswer, withBody, withHeader } from "./answer.ts";
import type { Behaviour, Exchange } from "./fault.ts";
import { rightAnswer } from "./right-answer.ts";
import { cutPoint } from "./send-answer.ts";

const MIB = 1024 * 1024;

function sending(number: number, way: string, change: (exchange: Exchange) => Answer): Behaviour {
  return { number, way, behave: async (exchange) => exchange.send(change(exchange)) };
}

function encoded(answer: Answer): Answer {
  return withHeader(answer, "content-encoding", "gzip");
}

function disposed(way: string, value: string): Behaviour {
  return sending(53, way, ({ right }) => withHeader(right, "content-disposition", value));
}

export const contentFaults: readonly Behaviour[] = [
  sending(43, "each body", ({ right }) => encoded(withBody(right, gzipSync(right.body)))),
  sending(43, "part of the encoded whole", ({ request, asset }) =>
    encoded(rightAnswer(request, { ...asset, bytes: gzipSync(asset.bytes) })),
  ),
  sending(44, "plain", ({ right }) => encoded(right)),
  sending(45, "zeros", ({ right, settings }) =>
    encoded({ ...right, status: 200, part: undefined, body: zerosInGzip(settings.floodBytes) }),
  ),
  { number: 46, way: "close-delimited", behave: async ({ right, send }) => send(right, "close") },
  { number: 46, way: "chunked", behave: async ({ right, send }) => send(right, "chunked") },
  sending(47, "shorter", ({ right, settings }) =>
    withBody(right, right.body.subarray(0, cutPoint(right.body, settings.afterBytes))),
  ),
  sending(48, "extra bytes in the length", ({ right, settings }) =>
    withBody(right, Buffer.concat([right.body, Buffer.alloc(settings.shiftBytes, 0x58)])),
  ),
  {
    number: 48,
    way: "extra bytes after the length",
    behave: async ({ wire, right, settings, send }) => {
      await send(right);
      await wire.writeBody(Buffer.alloc(settings.shiftBytes, 0x58));
    },
  },
  {
    number: 48,
    way: "endless",
    behave: async ({ wire, right, settings }) => {
      await wire.write(encodeHead(right.status, [...right.headers, ["connection", "close"]]));
      await wire.writeBody(right.body);
      const more = Buffer.alloc(64 * 1024, 0x58);
      for (let sent = 0; sent < settings.floodBytes; sent += more.length) await wire.writeBody(more);
      wire.finish();
    },
  },
  sending(49, "200", ({ right }) => ({
    ...right,
    status: 200,
    part: undefined,
    headers: [],
    body: Buffer.alloc(0),
  })),
  sending(50, "in the middle", ({ right }) => {
    const body = Buffer.from(right.body);
    const middle = Math.floor(body.length / 2);
    if (body.length > 0) body[middle] = body[middle]! ^ 1;
    return withBody(right, body);
  }),
  sending(51, "200", () =>
    plainAnswer(
      200,
      "text/html; charset=utf-8",
      "<!doctype html><title>Log in</title><h1>Welcome to the hotel</h1>\n",
    ),
  ),
  sending(52, "200", () => jsonAnswer(200, { error: { code: 17, message: "the backend is away" } })),
  disposed("traversal", 'attachment; filename="../../evil"'),
  disposed("absolute", 'attachment; filename="/etc/cron.d/evil"'),
  disposed("Windows drive", 'attachment; filename="C:\\Windows\\evil.dll"'),
  disposed("Windows device", 'attachment; filename="CON"'),
  disposed("encoded", "attachment; filename=ok; filename*=UTF-8''..%2F..%2Fevil"),
];

/** A gzip file may be several, one after the other (RFC 1952, section 2.2): a MiB takes about 1 KiB. */
function zerosInGzip(bytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(MIB), { level: 9 });
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / MIB) }, () => member));
}
