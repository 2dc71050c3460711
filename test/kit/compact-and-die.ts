/**
 * A device's update that is killed while its restore point is made small, before the n-th call that changes the
 * disk there: argv = root bundle anchor n. Alive, it prints how many there were.
 */
import fs, { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";

const [root, source, anchor, dieAt] = process.argv.slice(2) as [string, string, string, string];
let calls = 0;
let begun = false;

function counted(owner: object, name: string): void {
  const functions = owner as Record<string, (...args: unknown[]) => unknown>;
  const real = functions[name]!;
  functions[name] = (...args) => {
    begun ||= args.some((arg) => String(arg).includes(".compact"));
    if (begun && calls++ === Number(dieAt)) process.kill(process.pid, "SIGKILL");
    return real.apply(owner, args);
  };
}

for (const name of ["mkdir", "open", "rm", "link", "copyFile", "rename"]) counted(fs.promises, name);
for (const name of ["fsyncSync"]) counted(fs, name);
syncBuiltinESMExports();

const anchors = readTrustAnchors(readFileSync(anchor));
await update({ root, source, version: "", connections: 1, anchors }, { now: () => new Date() });
console.log(calls);
