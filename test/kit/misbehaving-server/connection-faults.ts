/** Faults 1 to 18: what goes wrong below HTTP, or in its framing. */
import { encodeHead, withBody, withHeader } from "./answer.ts";
import type { Asked, Behaviour } from "./fault.ts";
import { encodeFullHead, sendAnswer, sendBeginning, sendFirstChunk } from "./send-answer.ts";

const isReused = ({ connection }: Asked): boolean => connection.requestsBefore > 0;

export const connectionFaults: readonly Behaviour[] = [
  { number: 1, way: "RST", behave: async ({ wire }) => wire.reset() },
  {
    number: 1,
    way: "refused",
    behave: async ({ wire, origin, settings }) => {
      origin.refuse(settings.outageMs);
      wire.reset();
    },
  },
  {
    number: 2,
    way: "RST",
    behave: async ({ wire, right, settings }) => {
      await sendBeginning(wire, right, settings.afterBytes);
      await wire.pause(settings.lingerMs);
      wire.reset();
    },
  },
  {
    number: 3,
    way: "FIN",
    behave: async ({ wire, right, settings }) => {
      await sendBeginning(wire, right, settings.afterBytes);
      wire.finish();
    },
  },
  {
    number: 4,
    way: "FIN between chunks",
    behave: async ({ wire, right, settings }) => {
      await sendFirstChunk(wire, right, settings.afterBytes);
      wire.finish();
    },
  },
  {
    number: 4,
    way: "FIN for the last chunk",
    behave: async ({ wire, right }) => {
      await wire.writeChunk(await sendFirstChunk(wire, right, right.body.length));
      wire.finish();
    },
  },
  {
    number: 5,
    way: "FIN",
    behave: async ({ wire, right }) => {
      await wire.write(encodeFullHead(right));
      wire.finish();
    },
  },
  {
    number: 6,
    way: "silence",
    behave: async ({ wire, right, settings, send }) => {
      await wire.pause(settings.stallMs);
      await send(right);
    },
  },
  {
    number: 6,
    way: "silence in the head",
    behave: async ({ wire, right, settings }) => {
      const head = encodeFullHead(right);
      await wire.write(head.slice(0, head.length / 2));
      await wire.pause(settings.stallMs);
      await wire.write(head.slice(head.length / 2));
      await wire.writeBody(right.body);
    },
  },
  {
    number: 7,
    way: "silence",
    behave: async ({ wire, right, settings }) => {
      const rest = await sendBeginning(wire, right, settings.afterBytes);
      await wire.pause(settings.stallMs);
      await wire.writeBody(rest);
    },
  },
  {
    number: 8,
    way: "drip",
    behave: async ({ wire, right, settings }) => {
      const rest = await sendBeginning(wire, right, settings.afterBytes);
      for (let at = 0; at < rest.length; at += settings.dripBytes) {
        await wire.pause(settings.dripMs);
        await wire.writeBody(rest.subarray(at, at + settings.dripBytes));
      }
    },
  },
  {
    number: 9,
    way: "drip",
    behave: async ({ wire, right, settings }) => {
      for (const byte of encodeFullHead(right)) {
        await wire.write(byte);
        await wire.pause(settings.dripMs);
      }
      await wire.writeBody(right.body);
    },
  },
  { number: 10, way: "RST", concerns: isReused, behave: async ({ wire }) => wire.reset() },
  { number: 10, way: "FIN", concerns: isReused, behave: async ({ wire }) => wire.finish() },
  {
    number: 10,
    way: "silence",
    concerns: isReused,
    behave: async ({ wire, settings }) => {
      await wire.pause(settings.stallMs);
      wire.reset();
    },
  },
  {
    number: 11,
    way: "another protocol",
    behave: async ({ wire }) => {
      await wire.write("SSH-2.0-OpenSSH_9.6\r\n");
      wire.finish();
    },
  },
  {
    number: 11,
    way: "noise",
    behave: async ({ wire }) => {
      await wire.write(Uint8Array.from({ length: 256 }, (_, at) => (at * 167 + 128) & 0xff));
      wire.finish();
    },
  },
  {
    number: 12,
    way: "one long",
    behave: async ({ right, settings, send }) =>
      send(withHeader(right, "x-long", "a".repeat(settings.headBytes))),
  },
  {
    number: 12,
    way: "many short",
    behave: async ({ right, settings, send }) => {
      const many = Array.from({ length: settings.headBytes / 64 }, (_, at) => {
        return [`x-${String(at).padStart(6, "0")}`, "a".repeat(52)] as const;
      });
      await send({ ...right, headers: [...right.headers, ...many] });
    },
  },
  {
    number: 13,
    way: "two lengths",
    behave: async ({ right, settings, send }) =>
      send(withHeader(right, "content-length", String(right.body.length + settings.shiftBytes))),
  },
  {
    number: 13,
    way: "length and chunked",
    behave: async ({ right, send }) =>
      send(withHeader(right, "content-length", String(right.body.length)), "chunked"),
  },
  {
    number: 14,
    way: "size is no number",
    behave: async ({ wire, right, settings }) => {
      await sendFirstChunk(wire, right, settings.afterBytes);
      await wire.write("zz\r\n");
      wire.finish();
    },
  },
  {
    number: 14,
    way: "size is too small",
    behave: async ({ wire, right, settings }) => {
      const rest = await sendFirstChunk(wire, right, settings.afterBytes);
      await wire.write("1\r\n");
      await wire.writeBody(rest);
      wire.finish();
    },
  },
  {
    number: 15,
    way: "103",
    behave: async ({ wire, right, send }) => {
      await wire.write(encodeHead(103, [["link", "</style.css>; rel=preload"]]));
      await send(right);
    },
  },
  // By itself, because libraries take it for the answer to an Expect that they did not send.
  {
    number: 15,
    way: "100",
    behave: async ({ wire, right, send }) => {
      await wire.write(encodeHead(100, []));
      await send(right);
    },
  },
  {
    number: 15,
    way: "102 and 199",
    behave: async ({ wire, right, send }) => {
      for (const status of [102, 199]) await wire.write(encodeHead(status, []));
      await send(right);
    },
  },
  {
    number: 16,
    way: "503",
    behave: async ({ connection, settings, wire, right, send }) => {
      if (connection.rank <= settings.maxConnections) return send(right);
      const busy = withHeader({ ...right, headers: [], status: 503, part: undefined }, "connection", "close");
      await sendAnswer(wire, withBody(busy, Buffer.from("too many connections\n")));
      wire.finish();
    },
  },
  {
    number: 16,
    way: "RST",
    behave: async ({ connection, settings, wire, right, send }) => {
      if (connection.rank <= settings.maxConnections) return send(right);
      wire.reset();
    },
  },
  {
    number: 18,
    way: "RST everywhere, then refused",
    behave: async ({ wire, right, settings, origin }) => {
      await sendBeginning(wire, right, settings.afterBytes);
      await wire.pause(settings.lingerMs);
      origin.refuse(settings.outageMs);
      origin.resetAll();
    },
  },
];
