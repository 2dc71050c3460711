/** Clients of a service: those that stay connected, and those that come all the time. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

export class KeptConnection {
  readonly #socket: Socket;
  #received = "";
  #error: string | undefined;
  readonly #closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8").on("data", (text: string) => {
      this.#received += text;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message;
    });
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  static async open(port: number): Promise<KeptConnection> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new KeptConnection(socket);
  }

  /** Asks and does not wait. */
  ask(path: string): void {
    this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  }

  /** The body of the next answer, which has a content-length. */
  async answer(): Promise<string> {
    for (;;) {
      const found = /\r\ncontent-length: (\d+)\r\n(?:[^\r]+\r\n)*\r\n/i.exec(this.#received);
      const end = found ? found.index + found[0].length + Number(found[1]) : Number.POSITIVE_INFINITY;
      if (found && this.#received.length >= end) {
        const body = this.#received.slice(end - Number(found[1]), end);
        this.#received = this.#received.slice(end);
        return body;
      }
      if (this.#socket.destroyed) throw new Error(`closed without an answer (${this.#error ?? "orderly"})`);
      await Promise.race([once(this.#socket, "data"), this.#closed]);
    }
  }

  /** How the other side closed it: an error's code, or "orderly". */
  async closed(): Promise<string> {
    await this.#closed;
    return this.#error ?? "orderly";
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** @param count in portions, so that a backlog need not hold all of them */
export async function openConnections(port: number, count: number): Promise<KeptConnection[]> {
  const open: KeptConnection[] = [];
  while (open.length < count) {
    const portion = Math.min(100, count - open.length);
    const some = await Promise.all(Array.from({ length: portion }, () => KeptConnection.open(port)));
    for (const connection of some) connection.ask("/");
    await Promise.all(some.map((connection) => connection.answer()));
    open.push(...some);
  }
  return open;
}

/** A new connection every few milliseconds, with one request each. */
export class Visitors {
  readonly #port: number;
  readonly #visits: Promise<string>[] = [];
  readonly #running: Promise<void>;
  #over = false;

  constructor(port: number, everyMs: number) {
    this.#port = port;
    this.#running = this.#come(everyMs);
  }

  /** What each got, in their order: a body, or the code of an error. */
  async end(): Promise<string[]> {
    this.#over = true;
    await this.#running;
    return Promise.all(this.#visits);
  }

  async #come(everyMs: number): Promise<void> {
    while (!this.#over) {
      this.#visits.push(visit(this.#port));
      await setTimeout(everyMs);
    }
  }
}

function visit(port: number): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(port, "127.0.0.1", () =>
      socket.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    );
    socket.setEncoding("utf8").on("data", (text: string) => {
      received += text;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on("close", () => resolve(received.split("\r\n\r\n")[1] ?? "no answer"));
  });
}
