/** Takes what is posted to it, and answers as it is told. */
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export type Posted = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Receiver = {
  readonly url: string;
  readonly posted: readonly Posted[];
  readonly close: () => Promise<void>;
};

/**
 * @param answer gets how many came before; default 202
 * @param tls PEM
 */
export async function receiver(
  answer: (response: ServerResponse, before: number) => void = (response) => response.writeHead(202).end(),
  tls?: { readonly key: Buffer; readonly cert: Buffer },
): Promise<Receiver> {
  const posted: Posted[] = [];
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      posted.push({ method: request.method!, path: request.url!, headers: request.headers, body });
      answer(response, posted.length - 1);
    });
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
