/** Faults 19 to 34: what comes is not the part that was asked for. */
import { type Answer, jsonAnswer, plainAnswer, withBody, withHeader, withoutHeader } from "./answer.ts";
import type { Asked, Behaviour, Exchange } from "./fault.ts";
import { type ByteRange, contentRange } from "./range.ts";

const asksForPart = ({ right }: Asked): boolean => right.part !== undefined;
const asksForHead = ({ request }: Asked): boolean => request.method === "HEAD";
const asksForSeveral = ({ request }: Asked): boolean => /^bytes=.*,/i.test(request.headers.range ?? "");

/** A 206 that is right for another range than the one that was asked for. */
function otherPart({ right, asset }: Exchange, start: number, end: number): Answer {
  const part: ByteRange = { start, end };
  return {
    ...withHeader(right, "content-range", contentRange(part, asset.bytes.length)),
    body: asset.bytes.subarray(start, end),
    part,
  };
}

function whole({ right, asset }: Exchange): Answer {
  return { ...withoutHeader(right, "content-range"), status: 200, body: asset.bytes, part: undefined };
}

/** A fault that changes the 206 and sends it as any other answer. */
function part(
  number: number,
  way: string,
  change: (exchange: Exchange, asked: ByteRange) => Answer,
): Behaviour {
  return {
    number,
    way,
    concerns: asksForPart,
    behave: async (exchange) => exchange.send(change(exchange, exchange.right.part!)),
  };
}

export const rangeFaults: readonly Behaviour[] = [
  part(19, "200", (exchange) => withoutHeader(whole(exchange), "accept-ranges")),
  part(20, "200", whole),
  part(21, "earlier", (exchange, { start, end }) =>
    otherPart(exchange, Math.max(0, start - exchange.settings.shiftBytes), end),
  ),
  part(22, "shorter", (exchange, { start, end }) =>
    otherPart(exchange, start, Math.max(start + 1, Math.min(start + exchange.settings.afterBytes, end - 1))),
  ),
  part(23, "longer", (exchange, { start, end }) =>
    otherPart(exchange, start, Math.min(end + exchange.settings.shiftBytes, exchange.asset.bytes.length)),
  ),
  part(24, "206", ({ right }) => withoutHeader(right, "content-range")),
  part(25, "206", (exchange) => otherPart(exchange, 0, exchange.asset.bytes.length)),
  part(26, "whole body", (exchange, asked) =>
    withHeader(whole(exchange), "content-range", contentRange(asked, exchange.asset.bytes.length)),
  ),
  part(26, "part for body", ({ right }) => ({ ...right, status: 200 })),
  part(27, "greater", ({ right, asset, settings }, asked) =>
    withHeader(right, "content-range", contentRange(asked, asset.bytes.length + settings.shiftBytes)),
  ),
  part(28, "*", ({ right }, asked) => withHeader(right, "content-range", contentRange(asked, "*"))),
  part(29, "one part", (exchange, asked) => multipart(exchange, [asked])),
  {
    number: 30,
    way: "unsupported",
    concerns: asksForSeveral,
    behave: async (exchange) => exchange.send(whole(exchange)),
  },
  {
    number: 30,
    way: "bogus",
    concerns: asksForSeveral,
    behave: async (exchange) =>
      exchange.send(
        withHeader(multipart(exchange, [{ start: 0, end: 1 }]), "content-type", "multipart/byteranges"),
      ),
  },
  {
    number: 30,
    way: "looping",
    concerns: asksForSeveral,
    behave: async (exchange) => {
      const first = { start: 0, end: Math.min(exchange.settings.shiftBytes, exchange.asset.bytes.length) };
      await exchange.send(
        multipart(
          exchange,
          Array.from({ length: 100 }, () => first),
        ),
      );
    },
  },
  {
    number: 31,
    way: "416",
    concerns: asksForPart,
    behave: async ({ asset, send }) =>
      send(
        plainAnswer(416, "text/plain", "no such range\n", ["content-range", `bytes */${asset.bytes.length}`]),
      ),
  },
  // Right service answers so to a range that begins at the end; here it has its number in the log.
  {
    number: 32,
    way: "416",
    concerns: ({ right }) => right.status === 416,
    behave: async ({ right, send }) => send(right),
  },
  ...[403, 405].map(
    (status): Behaviour => ({
      number: 33,
      way: String(status),
      concerns: asksForHead,
      behave: async ({ send }) => send(plainAnswer(status, "text/plain", "no HEAD here\n")),
    }),
  ),
  {
    number: 33,
    way: "lying",
    concerns: asksForHead,
    behave: async ({ right, settings, send }) =>
      send(withBody(withHeader(right, "etag", '"of-another"'), Buffer.alloc(settings.shiftBytes))),
  },
  part(34, "shifted", ({ right, asset, settings }, { start, end }) => {
    const length = asset.bytes.length;
    const at = (position: number): number => asset.bytes[(position + settings.shiftBytes) % length]!;
    return withBody(
      right,
      Uint8Array.from({ length: end - start }, (_, index) => at(start + index)),
    );
  }),
  part(34, "zeros", ({ right }) => withBody(right, Buffer.alloc(right.body.length))),
  {
    number: 34,
    way: "error page for body",
    concerns: asksForPart,
    behave: async ({ right, send }) => {
      const { body } = jsonAnswer(200, { error: "internal" });
      await send(withBody(right, Buffer.concat([body, Buffer.alloc(right.body.length)], right.body.length)));
    },
  },
];

/** RFC 9110, section 14.6. */
function multipart({ right, asset }: Exchange, parts: readonly ByteRange[]): Answer {
  const boundary = "THIS_STRING_SEPARATES";
  const pieces = parts.flatMap((each) => [
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\n` +
        `Content-Range: ${contentRange(each, asset.bytes.length)}\r\n\r\n`,
    ),
    asset.bytes.subarray(each.start, each.end),
  ]);
  const body = Buffer.concat([...pieces, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  const answer = withoutHeader({ ...right, status: 206, body }, "content-range");
  return withHeader(answer, "content-type", `multipart/byteranges; boundary=${boundary}`);
}
