/** A device's process that is killed before the n-th step of a switch: argv = action root page anchor version n. */
import { readFileSync } from "node:fs";
import { rollBack } from "../../src/fetch/rollback.ts";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [action, root, source, anchor, version, dieAt] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const tools = {
  now: () => new Date(),
  onStep: (index: number) => {
    if (index === Number(dieAt)) process.kill(process.pid, "SIGKILL");
  },
};
if (action === "rollback") await rollBack({ root }, tools);
else
  await update(
    { root, source, version, connections: 2, anchors: readTrustAnchors(readFileSync(anchor)) },
    tools,
  );
