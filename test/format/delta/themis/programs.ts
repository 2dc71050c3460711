/**
 * Small C programs, compiled before and after a change of a few lines: many functions that call one another,
 * tables of functions and of texts, a switch, globals. A line more in one of the first moves all that is behind.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dice } from "../fuzz/dice.ts";

export const COMPILERS = ["gcc", "aarch64-linux-gnu-gcc"] as const;
export type Compiler = (typeof COMPILERS)[number];

const FUNCTIONS = 256;

function programText(changed: boolean): string {
  const roll = dice(7, 1);
  const lines = ["typedef unsigned long u64;", "u64 counters[64]; const char *names[];"];
  for (let i = 0; i < FUNCTIONS; i++) lines.push(`u64 f${i}(u64 a, u64 b);`);
  for (let i = 0; i < FUNCTIONS; i++) {
    const call = (): string => `f${roll(FUNCTIONS)}(a ^ ${roll(1000)}, b + ${roll(50)})`;
    lines.push(`__attribute__((noinline)) u64 f${i}(u64 a, u64 b) {`);
    lines.push(`  if (a > ${roll(100_000)}) return b * ${1 + roll(9)};`);
    if (changed && i % 61 === 3) lines.push(`  counters[${i % 64}] ^= a * 31 + b; if (b == 12345) return 7;`);
    lines.push(`  counters[${roll(64)}] += a;`);
    if (i % 5 === 0) {
      lines.push(`  switch (b & 7) {`);
      for (let c = 0; c < 7; c++) lines.push(`    case ${c}: a += ${call()}; break;`);
      lines.push("  }");
    } else lines.push(`  for (u64 i = 0; i < (b & 3); i++) a += ${call()} + (u64)names[i & 15];`);
    lines.push(`  return a + ${call()};`, "}");
  }
  lines.push(`u64 (*const table[])(u64, u64) = {${Array.from({ length: FUNCTIONS }, (_, i) => `f${i}`)}};`);
  const text = (i: number): string =>
    `"the text of number ${i}${changed && i === 3 ? ", which is longer" : ""}"`;
  lines.push(`const char *names[] = {${Array.from({ length: 200 }, (_, i) => text(i))}};`);
  lines.push("void _start(void) { counters[0] = table[counters[1] & 255](counters[2], 1); for (;;); }");
  return lines.join("\n");
}

/** @param options such as -fPIE, besides -O2 */
export function compiledPair(
  compiler: Compiler,
  options: readonly string[],
): { readonly source: Uint8Array; readonly target: Uint8Array } {
  const folder = mkdtempSync(join(tmpdir(), "themis-programs-"));
  try {
    const compile = (changed: boolean): Uint8Array => {
      const [text, program] = [join(folder, "program.c"), join(folder, "program")];
      writeFileSync(text, programText(changed));
      const flags = ["-O2", "-ffreestanding", "-nostdlib", "-w", "-Wl,--build-id=none", ...options];
      execFileSync(compiler, [...flags, "-o", program, text], { stdio: ["ignore", "ignore", "pipe"] });
      return readFileSync(program);
    };
    return { source: compile(false), target: compile(true) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
