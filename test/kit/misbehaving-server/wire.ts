/**
 * The way of one answer to its client, with everything that HTTP libraries do not let a server do.
 *
 * A byte of a body counts when the kernel has taken it. What lies in the kernel's buffers when a client leaves is
 * counted too: the count is what a transfer cost the server, and never less than what the client received.
 */
import type { Socket } from "node:net";

/** The client has left, or the server is closed; the rest of an answer has nowhere to go. */
export class ConnectionEnded extends Error {}

export type Wire = {
  /** Head and framing; not counted. */
  readonly write: (bytes: string | Uint8Array) => Promise<void>;
  /** Counted. An answer to HEAD has no body, and nothing is sent. */
  readonly writeBody: (bytes: Uint8Array) => Promise<void>;
  /** One chunk (RFC 9112, section 7.1); the empty one is the last. */
  readonly writeChunk: (bytes: Uint8Array) => Promise<void>;
  readonly pause: (ms: number) => Promise<void>;
  /** FIN. */
  readonly finish: () => void;
  /** RST. */
  readonly reset: () => void;
  readonly ended: () => boolean;
};

export type WireEnds = {
  /** What is written to: TLS, or the connection itself. */
  readonly socket: Socket;
  /** Only TCP can be reset. */
  readonly raw: Socket;
  readonly bodiless: boolean;
  readonly count: (bodyBytes: number) => void;
};

/** Small enough that a client that leaves early is not charged for much. */
const SLICE_BYTES = 64 * 1024;

export function openWire({ socket, raw, bodiless, count }: WireEnds): Wire {
  let finished = false;
  const ended = (): boolean => finished || raw.destroyed || socket.destroyed || !socket.writable;
  const write = (bytes: string | Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      if (ended()) reject(new ConnectionEnded("the connection has ended"));
      else socket.write(bytes, (error) => (error ? reject(new ConnectionEnded(error.message)) : resolve()));
    });
  const writeBody = async (bytes: Uint8Array): Promise<void> => {
    if (bodiless) return;
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      const slice = bytes.subarray(at, at + SLICE_BYTES);
      await write(slice);
      count(slice.length);
    }
  };
  const writeChunk = async (bytes: Uint8Array): Promise<void> => {
    if (bodiless) return;
    await write(`${bytes.length.toString(16)}\r\n`);
    await writeBody(bytes);
    await write("\r\n");
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        raw.off("close", end);
        if (ended()) reject(new ConnectionEnded("the connection has ended"));
        else resolve();
      };
      const timer = Number.isFinite(ms) ? setTimeout(end, ms) : undefined;
      if (ended()) end();
      else raw.once("close", end);
    });
  const finish = (): void => {
    finished = true;
    socket.end();
  };
  const reset = (): void => {
    finished = true;
    if (!raw.destroyed) raw.resetAndDestroy();
  };
  return { write, writeBody, writeChunk, pause, finish, reset, ended };
}
