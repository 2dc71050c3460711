/**
 * An HTTP client that hides nothing: it says which bytes came, when, and how the connection ended.
 *
 * It is the witness for a server that misbehaves, because every library would repair or refuse part of what it sees.
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type RawRequest = {
  readonly method?: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long a complete answer is listened to for more. */
  readonly quietMs?: number;
  /** How long an answer may say nothing before it is complete; a test of silence makes it short. */
  readonly patienceMs?: number;
};

export type RawAnswer = {
  /** As they came, from the first byte on. */
  readonly bytes: Buffer;
  /** Of 1xx answers before the last head. */
  readonly informational: readonly number[];
  /** 0 when there was no head. */
  readonly status: number;
  readonly headBytes: number;
  /** All values of a header, in the order of sending. */
  readonly header: (name: string) => readonly string[];
  /** Everything behind the head; chunks are not taken apart. */
  readonly rest: Buffer;
  readonly end: RawEnd;
  /** Of each piece that came, since the request. */
  readonly arrivalsMs: readonly number[];
};

/** "open": the answer is complete, or nothing came for too long. */
export type RawEnd = "open" | "FIN" | "RST" | "refused";

export type RawConnection = {
  readonly ask: (request: RawRequest) => Promise<RawAnswer>;
  readonly close: () => void;
};

/** `ca` makes it TLS, by whatever name. */
export function rawConnection(port: number, ca?: Buffer): RawConnection {
  const socket: Socket = ca
    ? connectTls({ host: "127.0.0.1", port, ca, checkServerIdentity: () => undefined })
    : connect(port, "127.0.0.1");
  let bytes = Buffer.alloc(0);
  let arrivals: number[] = [];
  let end: RawEnd = "open";
  let wake = (): void => {};
  socket.setNoDelay(true);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    arrivals.push(performance.now());
    wake();
  });
  socket.on("end", () => {
    end = "FIN";
    wake();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    end = error.code === "ECONNREFUSED" ? "refused" : "RST";
    wake();
  });
  const news = (ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  return {
    ask: async ({ method = "GET", target, headers = {}, quietMs = 30, patienceMs = 5000 }) => {
      bytes = Buffer.alloc(0);
      arrivals = [];
      const start = performance.now();
      const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
      let parsed = parse(bytes);
      while (end === "open" && (await news(isComplete(parsed, method) ? quietMs : patienceMs))) {
        parsed = parse(bytes);
      }
      return { ...parsed, end, arrivalsMs: arrivals.map((at) => at - start) };
    },
    close: () => socket.destroy(),
  };
}

/** One request on a connection of its own. */
export async function rawAsk(port: number, request: RawRequest, ca?: Buffer): Promise<RawAnswer> {
  const connection = rawConnection(port, ca);
  try {
    return await connection.ask(request);
  } finally {
    connection.close();
  }
}

/** The content of chunks that are whole; stops at the first that is not. */
export function joinChunks(rest: Buffer): { readonly content: Buffer; readonly complete: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf("\r\n", at);
    const digits = lineEnd < 0 ? "" : rest.toString("latin1", at, lineEnd);
    const length = Number.parseInt(digits, 16);
    const start = lineEnd + 2;
    const isWhole =
      /^[0-9a-f]+$/.test(digits) && rest.toString("latin1", start + length, start + length + 2) === "\r\n";
    if (!isWhole) return { content: Buffer.concat(parts), complete: false };
    if (length === 0) return { content: Buffer.concat(parts), complete: true };
    parts.push(rest.subarray(start, start + length));
    at = start + length + 2;
  }
}

type Parsed = Omit<RawAnswer, "end" | "arrivalsMs">;

function parse(bytes: Buffer): Parsed {
  const informational: number[] = [];
  for (let at = 0; ; ) {
    const headEnd = bytes.indexOf("\r\n\r\n", at);
    const [first = "", ...lines] = headEnd < 0 ? [] : bytes.toString("latin1", at, headEnd).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0);
    const headBytes = status === 0 ? 0 : headEnd + 4 - at;
    at += headBytes;
    if (status >= 100 && status < 200) {
      informational.push(status);
      continue;
    }
    const header = (name: string): string[] =>
      lines
        .filter((line) => line.toLowerCase().startsWith(`${name}: `))
        .map((line) => line.slice(name.length + 2));
    return { bytes, informational, status, headBytes, header, rest: bytes.subarray(at) };
  }
}

/** RFC 9112, section 6.3; without length and chunks only the end of the connection says it. */
function isComplete({ status, header, rest }: Parsed, method: string): boolean {
  if (status === 0) return false;
  if (method === "HEAD" || status === 304) return true;
  if (header("transfer-encoding").length > 0) return joinChunks(rest).complete;
  return header("content-length").some((length) => rest.length >= Number(length));
}
