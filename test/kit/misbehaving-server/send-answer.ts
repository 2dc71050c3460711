/** An answer, framed in one of the three ways of RFC 9112, section 6.3. */
import { type Answer, encodeHead, type Header } from "./answer.ts";
import type { Framing } from "./fault.ts";
import type { Wire } from "./wire.ts";

export async function sendAnswer(wire: Wire, answer: Answer, framing: Framing = "length"): Promise<void> {
  const { status, headers, body } = answer;
  await wire.write(encodeHead(status, [...headers, ...framingHeaders(answer, framing)]));
  if (framing !== "chunked") await wire.writeBody(body);
  else await sendChunks(wire, body);
  if (framing === "close") wire.finish();
}

/** The right head and the beginning of the body; returns what is left. */
export async function sendBeginning(wire: Wire, answer: Answer, afterBytes: number): Promise<Uint8Array> {
  const cut = cutPoint(answer.body, afterBytes);
  await wire.write(encodeFullHead(answer));
  await wire.writeBody(answer.body.subarray(0, cut));
  return answer.body.subarray(cut);
}

/** The same as a chunk, after which there should be another or the last. */
export async function sendFirstChunk(wire: Wire, answer: Answer, afterBytes: number): Promise<Uint8Array> {
  const cut = cutPoint(answer.body, afterBytes);
  await wire.write(encodeHead(answer.status, [...answer.headers, ...framingHeaders(answer, "chunked")]));
  if (cut > 0) await wire.writeChunk(answer.body.subarray(0, cut));
  return answer.body.subarray(cut);
}

/** Never the end of a body, because a cut there would be none. */
export function cutPoint(body: Uint8Array, afterBytes: number): number {
  return Math.min(afterBytes, Math.max(0, body.length - 1));
}

/** The head of an answer whose body is told by its length. */
export function encodeFullHead(answer: Answer): string {
  return encodeHead(answer.status, [...answer.headers, ...framingHeaders(answer, "length")]);
}

async function sendChunks(wire: Wire, body: Uint8Array): Promise<void> {
  const half = Math.ceil(body.length / 2);
  for (const chunk of [body.subarray(0, half), body.subarray(half)])
    if (chunk.length > 0) await wire.writeChunk(chunk);
  await wire.writeChunk(Buffer.alloc(0));
}

function framingHeaders({ status, body }: Answer, framing: Framing): Header[] {
  switch (framing) {
    case "length":
      // RFC 9110, section 8.6: a 304 has no body, and would have to tell the length of the whole.
      return status === 304 ? [] : [["content-length", String(body.length)]];
    case "chunked":
      return [["transfer-encoding", "chunked"]];
    case "close":
      return [["connection", "close"]];
  }
}
