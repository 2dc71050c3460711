import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const LINES = join(import.meta.dirname, "verified.types.ts");
const DIRECTIVE = /^ *\/\/ @ts-expect-error (.+)$/;
const TIMEOUT_MS = 120_000;

it(
  "unproven values reach nothing that writes: the compiler refuses each line that tries, and nothing else",
  () => {
    expect(compile(readFileSync(LINES, "utf8"))).toEqual([]);
  },
  TIMEOUT_MS,
);

it(
  "it is the mark that is missing there, and not something else",
  () => {
    const lines = readFileSync(LINES, "utf8").split("\n");
    const wanted = lines.flatMap((line, i) => (DIRECTIVE.test(line) ? [i + 2] : []));
    expect(wanted.length).toBeGreaterThan(20);
    const errors = compile(lines.map((line) => (DIRECTIVE.test(line) ? "" : line)).join("\n"));
    expect([...new Set(errors.map(({ line }) => line))]).toEqual(wanted);
    for (const { line, text } of errors)
      expect(text, lines[line - 2]).toMatch(
        /required in type '(Checked|Warrant)'|Property 'believed' is missing/,
      );
  },
  TIMEOUT_MS,
);

/** Each error of the compiler in a file of this text beside the lines themselves, by its first line. */
function compile(text: string): readonly { readonly line: number; readonly text: string }[] {
  const folder = mkdtempSync(join(dirname(LINES), ".verified-"));
  try {
    const file = join(folder, "lines.ts");
    writeFileSync(file, text.replaceAll('"../../src/', '"../../../src/'));
    const options = {
      extends: join(root, "tsconfig.json"),
      include: [join(root, "src/**/*.d.ts")],
      files: [file],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
    const tsc = join(root, "node_modules/.bin/tsc");
    const { stdout, status } = spawnSync(tsc, ["--noEmit", "--pretty", "false", "-p", folder], {
      cwd: folder,
      encoding: "utf8",
    });
    const errors: { line: number; text: string }[] = [];
    for (const said of stdout.split("\n")) {
      const place = /^(.*)\((\d+),\d+\): error /.exec(said);
      if (place?.[1]?.endsWith("lines.ts")) errors.push({ line: Number(place[2]), text: said });
      else if (place) throw new Error(said);
      else errors.at(-1) && Object.assign(errors.at(-1)!, { text: `${errors.at(-1)!.text}\n${said}` });
    }
    if (status === null || (errors.length === 0) !== (status === 0)) throw new Error(`tsc failed: ${stdout}`);
    return errors;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
