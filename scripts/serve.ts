/** A folder over HTTP on loopback, with byte ranges: a release page for one machine. */
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize, sep } from "node:path";

export async function serveFolder(folder: string): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const path = normalize(join(folder, name));
    const stat = path.startsWith(folder + sep) ? statSync(path, { throwIfNoEntry: false }) : undefined;
    if (!stat?.isFile() || request.method !== "GET") {
      response.writeHead(404).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    const end = Math.min(range?.[2] ? Number(range[2]) : stat.size - 1, stat.size - 1);
    if (start > end) {
      response.writeHead(stat.size === 0 ? 200 : 416, { "content-range": `bytes */${stat.size}` }).end();
      return;
    }
    response.writeHead(range ? 206 : 200, {
      "content-length": end - start + 1,
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      ...(range && { "content-range": `bytes ${start}-${end}/${stat.size}` }),
    });
    createReadStream(path, { start, end }).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
