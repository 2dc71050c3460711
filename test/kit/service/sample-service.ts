/**
 * A small HTTP service as a release would hold one: it takes the socket that it is given, answers with the text
 * of the file `version` in its folder, which it reads once, and drains when it is asked to end.
 *
 *   /         at once          /slow    after 300 ms          argv: "stubborn" heeds no SIGTERM
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const { LISTEN_PID, LISTEN_FDS } = process.env;
if (LISTEN_PID !== String(process.pid) || LISTEN_FDS !== "1") {
  console.error(`this is ${process.pid}, and LISTEN_PID is ${LISTEN_PID}, LISTEN_FDS ${LISTEN_FDS}`);
  process.exit(64);
}

const version = readFileSync("version", "utf8");
let draining = false;
const server = createServer((request, response) => {
  const answer = (): void => {
    if (draining) response.setHeader("connection", "close");
    response.end(version);
  };
  if (request.url === "/slow") setTimeout(answer, 300);
  else answer();
});
// Clients decide how long they keep a connection.
server.keepAliveTimeout = 0;
server.listen({ fd: 3 });
process.on("SIGTERM", () => {
  if (process.argv[2] === "stubborn") return;
  draining = true;
  server.close();
});
