/**
 * The door of a supervisor: `.themis/supervisor.sock`, a unix socket that its owner alone may use.
 *
 * Who holds the supervisor's lock may take the place of a socket that a killed one left behind. A client has
 * seconds for its line and a bound on it, and there are few at once; none can hold the others up for long.
 */
import { chmodSync, closeSync, constants, lstatSync, openSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { systemCode } from "../../base/error.ts";
import { FetchError } from "../fetch-error.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  decodeRequest,
  encodeAnswer,
  MAX_REQUEST_BYTES,
} from "./control-line.ts";

export const CONTROL_SOCKET = "supervisor.sock";

/** sockaddr_un has 108 bytes with the zero at the end. */
const MAX_PATH_BYTES = 107;
const MAX_CLIENTS = 16;
/** To send a line, and to take the answer. */
const CLIENT_MS = 5_000;

/** A name that a unix socket can have: where the path is too long, by the folder's descriptor (Linux). */
export function socketName(path: string): { readonly name: string; readonly close: () => void } {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return { name: path, close: () => {} };
  if (process.platform !== "linux") {
    throw new FetchError("SERVICE_FAILED", `${path} is too long for a socket: ${MAX_PATH_BYTES} bytes fit`, {
      hint: "install into a root with a shorter path",
    });
  }
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { name: `/proc/self/fd/${folder}/${CONTROL_SOCKET}`, close: () => closeSync(folder) };
}

export class ControlSocket {
  readonly #server: Server;
  readonly #closeName: () => void;
  readonly #clients: ReadonlySet<Socket>;

  private constructor(server: Server, clients: ReadonlySet<Socket>, closeName: () => void) {
    this.#server = server;
    this.#clients = clients;
    this.#closeName = closeName;
  }

  /** @param themis whose supervisor's lock is held. @throws FetchError SERVICE_FAILED */
  static async open(
    themis: string,
    answer: (request: ControlRequest) => Promise<ControlAnswer>,
  ): Promise<ControlSocket> {
    const path = join(themis, CONTROL_SOCKET);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found && !found.isSocket())
      throw new FetchError("SERVICE_FAILED", `${path} is no socket, and a supervisor needs that name`, {
        hint: "move it away",
      });
    if (found) rmSync(path);
    const clients = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      clients.add(socket);
      socket.once("close", () => clients.delete(socket));
      serve(socket, answer);
    });
    server.maxConnections = MAX_CLIENTS;
    const { name, close } = socketName(path);
    try {
      await listen(server, name);
      chmodSync(path, 0o600);
    } catch (cause) {
      close();
      throw new FetchError("SERVICE_FAILED", `nobody can be heard at ${path} (${systemCode(cause)})`, {
        cause,
        hint: "see to the rights and the room of that folder",
      });
    }
    return new ControlSocket(server, clients, close);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const client of this.#clients) client.destroy();
    await closed;
    this.#closeName();
  }
}

/** From its first moment on it is its owner's alone: listen() binds before it returns. */
function listen(server: Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const before = process.umask(0o177);
    try {
      server.listen(name, () => resolve());
    } finally {
      process.umask(before);
    }
  });
}

function serve(socket: Socket, answer: (request: ControlRequest) => Promise<ControlAnswer>): void {
  let received = "";
  const inTime = setTimeout(() => socket.destroy(), CLIENT_MS);
  socket.on("error", () => {});
  socket.on("close", () => clearTimeout(inTime));
  socket.on("end", () => {
    if (!received.includes("\n")) socket.destroy();
  });
  socket.setEncoding("latin1").on("data", (text: string) => {
    if (received.includes("\n")) return;
    received += text;
    const end = received.indexOf("\n");
    if (end === -1 && received.length < MAX_REQUEST_BYTES) return;
    clearTimeout(inTime);
    const request = end === -1 ? undefined : decodeRequest(received.slice(0, end));
    received = "\n";
    void (request ? answer(request) : Promise.resolve(NO_REQUEST))
      .catch((error: unknown) => ({ kind: "failed", why: String(error) }) as const)
      .then((said) => {
        socket.setTimeout(CLIENT_MS, () => socket.destroy());
        socket.end(encodeAnswer(said), () => socket.destroySoon());
      });
  });
}

const NO_REQUEST: ControlAnswer = {
  kind: "failed",
  why: "that is no request; status, start and stop MS are",
};
