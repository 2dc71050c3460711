/** A device's process that is killed before the n-th step of a switch: argv = action root page anchor version n [strategy]. */
import { readFileSync } from "node:fs";
import type { StrategyName } from "../../src/fetch/install/strategy.ts";
import { rollBack } from "../../src/fetch/rollback.ts";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [action, root, source, anchor, version, dieAt, strategy] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
  StrategyName | undefined,
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
    { root, source, version, strategy, connections: 2, anchors: readTrustAnchors(readFileSync(anchor)) },
    tools,
  );
