/**
 * What a device does with one patch, in a process of its own: argv = source patch target, or nothing; prints its
 * peak of resident memory in bytes. Linux's VmHWM is of this program alone, while getrusage's ru_maxrss counts
 * what the process was before exec: the test that started it.
 */
import { readFileSync } from "node:fs";
import { DeltaUpdateEngine } from "../../src/fetch/delta-update-engine.ts";

const [source, patch, target] = process.argv.slice(2);
if (source && patch && target) await new DeltaUpdateEngine().apply({ source, patch, target });
const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))!;
console.log(Number(kibibytes) * 1024);
