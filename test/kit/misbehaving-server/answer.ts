/** An answer as a value, before anybody decides how it goes over the wire. */
import type { ByteRange } from "./range.ts";

export type Answer = {
  readonly status: number;
  /** In the order of sending; a list, because a fault may say one twice. Framing is not among them. */
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
  /** Which part of the asset the body is, when it is a 206. */
  readonly part: ByteRange | undefined;
};

export type Header = readonly [name: string, value: string];

export function plainAnswer(status: number, type: string, text: string, ...headers: Header[]): Answer {
  return {
    status,
    headers: [["content-type", type], ...headers],
    body: Buffer.from(text),
    part: undefined,
  };
}

export function jsonAnswer(status: number, value: unknown, ...headers: Header[]): Answer {
  return plainAnswer(status, "application/json; charset=utf-8", JSON.stringify(value), ...headers);
}

/** The same answer with a header replaced, or added. */
export function withHeader(answer: Answer, name: string, value: string): Answer {
  const { headers } = withoutHeader(answer, name);
  return { ...answer, headers: [...headers, [name, value]] };
}

export function withoutHeader(answer: Answer, ...names: string[]): Answer {
  return { ...answer, headers: answer.headers.filter(([name]) => !names.includes(name)) };
}

export function withBody(answer: Answer, body: Uint8Array): Answer {
  return { ...answer, body };
}

/** Status line and fields (RFC 9112, section 4 and 5). Reason phrases mean nothing; there is one for all. */
export function encodeHead(status: number, headers: readonly Header[]): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${status < 400 ? "OK" : "No"}\r\n${lines.join("")}\r\n`;
}
