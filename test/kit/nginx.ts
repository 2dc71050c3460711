/** A real nginx on loopback, with a configuration of the test's, in the foreground of a process that the test ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTool } from "./tools.ts";

export type NginxAnswer = {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  /** As it was asked for; "-" for none. */
  readonly range: string;
  readonly path: string;
};

export type Nginx = {
  /** Without a slash at the end. */
  readonly url: string;
  /** What it answered, in the order of the answers' ends. */
  readonly log: () => readonly NginxAnswer[];
  /** Ends at once, connections too, and comes back on the same port. */
  readonly restart: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** @param directives of the location that serves `folder`, such as "limit_rate 1m;" */
export async function startNginx(folder: string, directives = ""): Promise<Nginx> {
  const prefix = mkdtempSync(join(tmpdir(), "themis-nginx-"));
  mkdirSync(join(prefix, "logs"));
  const port = await freePort();
  writeFileSync(join(prefix, "nginx.conf"), configuration(prefix, folder, port, directives));
  let process = await start(prefix, port);
  return {
    url: `http://127.0.0.1:${port}`,
    log: () =>
      readFileSync(join(prefix, "logs/access"), "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split("\t"))
        .map(([status, bytes, range, path]) => ({
          status: Number(status),
          bytes: Number(bytes),
          range: range!,
          path: path!,
        })),
    restart: async () => {
      await stop(process);
      process = await start(prefix, port);
    },
    close: async () => {
      await stop(process);
      rmSync(prefix, { recursive: true, force: true });
    },
  };
}

function configuration(prefix: string, folder: string, port: number, directives: string): string {
  const isRoot = globalThis.process.getuid?.() === 0;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${join(prefix, name)};`,
  );
  return `
${isRoot ? "user root;" : ""}
worker_processes 1;
daemon off;
pid ${join(prefix, "pid")};
error_log ${join(prefix, "logs/error")};
events { worker_connections 256; }
http {
${temporary.join("\n")}
  log_format exact "$status\\t$body_bytes_sent\\t$http_range\\t$request_uri";
  access_log ${join(prefix, "logs/access")} exact;
  sendfile on;
  server {
    listen 127.0.0.1:${port};
    location / { root ${folder}; ${directives} }
  }
}
`;
}

async function start(prefix: string, port: number): Promise<ChildProcess> {
  const error = join(prefix, "logs/error");
  const child = spawn(findTool("nginx")!, ["-p", prefix, "-c", join(prefix, "nginx.conf"), "-e", error], {
    stdio: "ignore",
  });
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null)
      throw new Error(`nginx ended: ${existsSync(error) ? readFileSync(error, "utf8") : child.exitCode}`);
    const isThere = await fetch(`http://127.0.0.1:${port}/`).then(
      async (response) => {
        await response.body?.cancel();
        return true;
      },
      () => false,
    );
    if (isThere) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGKILL");
  throw new Error("nginx does not answer");
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  // TERM is its quick shutdown: connections are closed as they are.
  child.kill("SIGTERM");
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, "close");
  return port;
}
