/**
 * Requests as they come out of a socket (RFC 9112, section 2 and 3), one after the other.
 *
 * The socket is always read, also while an answer is stalled: only so does a server see that its client has left.
 */
import type { Socket } from "node:net";

export type Request = {
  readonly method: string;
  /** As it was sent: origin-form, or absolute-form and authority-form on the way to a proxy. */
  readonly target: string;
  readonly version: string;
  /** Names in lower case; what came twice is joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
};

export type RequestReader = {
  /** undefined when the client has ended the connection. @throws SyntaxError */
  readonly next: () => Promise<Request | undefined>;
  /** Stops reading and hands over what was read too much. */
  readonly release: () => Buffer;
};

const HEAD_END = "\r\n\r\n";

export function readRequests(socket: Socket): RequestReader {
  let buffer = Buffer.alloc(0);
  let ended = false;
  let wake = (): void => {};
  const take = (chunk: Buffer): void => {
    buffer = Buffer.concat([buffer, chunk]);
    wake();
  };
  const end = (): void => {
    ended = true;
    wake();
  };
  socket.on("data", take).on("end", end).on("close", end);
  const more = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  const next = async (): Promise<Request | undefined> => {
    let headEnd = buffer.indexOf(HEAD_END);
    for (; headEnd < 0; headEnd = buffer.indexOf(HEAD_END)) {
      if (ended) return undefined;
      await more();
    }
    const request = parseHead(buffer.toString("latin1", 0, headEnd));
    const bodyEnd = headEnd + HEAD_END.length + Number(request.headers["content-length"] ?? 0);
    while (buffer.length < bodyEnd && !ended) await more();
    buffer = buffer.subarray(bodyEnd);
    return request;
  };
  const release = (): Buffer => {
    socket.off("data", take);
    return buffer;
  };
  return { next, release };
}

export function wantsClose({ version, headers }: Request): boolean {
  return version === "HTTP/1.0" || /\bclose\b/i.test(headers.connection ?? "");
}

function parseHead(head: string): Request {
  const [first = "", ...lines] = head.split("\r\n");
  const [, method, target, version] = /^(\S+) (\S+) (HTTP\/1\.[01])$/.exec(first) ?? [];
  if (method === undefined || target === undefined || version === undefined)
    throw new SyntaxError(`${JSON.stringify(first)} is not the first line of a request`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { method, target, version, headers };
}
