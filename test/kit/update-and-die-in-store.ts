/** A device's process that is killed before the n-th name is given in a store: argv = root source anchor store n. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [root, source, anchor, store, dieAt] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const { rename } = fs.promises;
let named = 0;
fs.promises.rename = async (from, to) => {
  if (String(to).startsWith(`${store}/`) && named++ === Number(dieAt)) process.kill(process.pid, "SIGKILL");
  return rename(from, to);
};
syncBuiltinESMExports();

const anchors = readTrustAnchors(fs.readFileSync(anchor));
await update({ root, source, version: "", connections: 1, anchors, store }, { now: () => new Date() });
