/** A device's process that follows a channel and is killed: argv = root page anchor when; when is "fetching" or a step's number. */
import { readFileSync } from "node:fs";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [root, source, anchor, when] = process.argv.slice(2) as [string, string, string, string];
const die = (): never => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("it is still alive");
};
const anchors = readTrustAnchors(readFileSync(anchor));
await update(
  { root, source, version: "", channel: "stable", connections: 2, anchors },
  {
    now: () => new Date(),
    progress: () => {
      if (when === "fetching") die();
    },
    onStep: (index) => {
      if (index === Number(when)) die();
    },
  },
);
