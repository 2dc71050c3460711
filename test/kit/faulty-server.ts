/** A folder over HTTP that misbehaves on demand, and counts what it sent. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export type Exchange = {
  readonly asset: string;
  /** How often this asset was asked for before. */
  readonly before: number;
  readonly bytes: Buffer;
  readonly range: { readonly start: number; readonly end: number } | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The right answer. */
  readonly answer: () => void;
};

/** Returns true when it has answered by itself. */
export type Fault = (exchange: Exchange) => boolean;

export type FaultyServer = {
  readonly url: string;
  readonly port: number;
  readonly sentBytes: (asset: string) => number;
  readonly requests: (asset: string) => number;
  readonly close: () => Promise<void>;
};

export async function faultyServer(folder: string, fault: Fault): Promise<FaultyServer> {
  const counts = new Map<string, number>();
  const sent = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const asset = path.split("/").at(-1)!;
    const before = counts.get(asset) ?? 0;
    counts.set(asset, before + 1);
    const write = response.write.bind(response);
    const count = (chunk: unknown): void => {
      if (chunk instanceof Uint8Array) sent.set(asset, (sent.get(asset) ?? 0) + chunk.length);
    };
    response.write = ((chunk: Uint8Array) => {
      count(chunk);
      return write(chunk);
    }) as typeof response.write;
    const file = join(folder, path);
    const bytes = existsSync(file) && statSync(file).isFile() ? readFileSync(file) : Buffer.alloc(0);
    const header = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const range = header
      ? { start: Number(header[1]), end: Math.min(Number(header[2]) + 1, bytes.length) }
      : undefined;
    const answer = (): void => {
      if (bytes.length === 0) {
        response.writeHead(404).end();
        return;
      }
      const body = range ? bytes.subarray(range.start, range.end) : bytes;
      response.writeHead(range ? 206 : 200, {
        "content-length": body.length,
        ...(range && { "content-range": `bytes ${range.start}-${range.end - 1}/${bytes.length}` }),
      });
      response.write(body);
      response.end();
    };
    if (!fault({ asset, before, bytes, range, request, response, answer })) answer();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    sentBytes: (asset) => sent.get(asset) ?? 0,
    requests: (asset) => counts.get(asset) ?? 0,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
