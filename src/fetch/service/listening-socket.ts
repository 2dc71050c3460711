/**
 * A socket that listens while nobody accepts: connections are established by the kernel and wait in its backlog
 * until a process that inherits the descriptor takes them.
 *
 * net.Server would accept by itself, so the socket is bound without one (net.BoundSocket) and made to listen by
 * a process of a moment: that it listens is a property of the socket, not of who said so. When the backlog is
 * full, Linux leaves a SYN unanswered and the client sends it again; it refuses none.
 */
import { spawn, spawnSync } from "node:child_process";
import net, { type AddressInfo } from "node:net";
import { systemCode } from "../../base/error.ts";
import { FetchError } from "../fetch-error.ts";

export type ListenAt = {
  /** A numeric address. */
  readonly host: string;
  /** 0 for one that is free. */
  readonly port: number;
};

/** Linux cuts it to net.core.somaxconn, 4096 by default. */
const BACKLOG = 4096;
/** To start Node on a machine that is busy. */
const LISTEN_MS = 30_000;
/** It ends before its event loop would accept anything. */
const LISTEN = `require("node:net").createServer().listen({ fd: 3, backlog: ${BACKLOG} }, () => process.exit(0));`;

export class ListeningSocket {
  readonly address: AddressInfo;
  readonly #bound: net.BoundSocket;

  private constructor(bound: net.BoundSocket) {
    this.#bound = bound;
    this.address = bound.address();
  }

  /** @throws FetchError SERVICE_FAILED */
  static async open({ host, port }: ListenAt): Promise<ListeningSocket> {
    if (net.BoundSocket === undefined || process.platform === "win32") {
      throw new FetchError("SERVICE_FAILED", "a socket cannot be kept open for a service here", {
        hint: "Node 24.19 or newer on a POSIX system can",
      });
    }
    const at = net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
    let bound: net.BoundSocket;
    try {
      bound = new net.BoundSocket({ host, port });
    } catch (cause) {
      throw new FetchError("SERVICE_FAILED", `nothing can listen at ${at} (${systemCode(cause)})`, {
        cause,
        facts: { host, port },
        hint: "is the service still running by itself?",
      });
    }
    try {
      await listen(bound.fd(), at);
    } catch (error) {
      bound.close();
      throw error;
    }
    return new ListeningSocket(bound);
  }

  /** Valid in this process; a child gets it as an entry of `stdio`. */
  get descriptor(): number {
    return this.#bound.fd();
  }

  /**
   * Clears O_NONBLOCK, with which Node opens sockets and a service of Node leaves them: whoever inherits one expects
   * what systemd gives. Node cannot, but libuv does for the standard input of a child, and all who have the socket
   * share the flag.
   */
  makeBlocking(): void {
    spawnSync("/bin/sh", ["-c", ":"], { stdio: [this.descriptor, "ignore", "ignore"], env: {} });
  }

  close(): void {
    this.#bound[Symbol.dispose]();
  }
}

async function listen(descriptor: number, at: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (why: string, cause?: unknown): void =>
    reject(
      new FetchError("SERVICE_FAILED", `nothing can listen at ${at}: ${why}`, {
        cause,
        hint: "does another program listen there?",
      }),
    );
  // Without an environment: NODE_OPTIONS could bring foreign code or a debugger in.
  const options = { env: {}, timeout: LISTEN_MS, killSignal: "SIGKILL" } as const;
  spawn(process.execPath, ["-e", LISTEN], { stdio: ["ignore", "ignore", "ignore", descriptor], ...options })
    .once("error", (cause) => failed(systemCode(cause) ?? cause.message, cause))
    .once("exit", (status, signal) => (status === 0 ? resolve() : failed(`status ${status ?? signal}`)));
  return promise;
}
