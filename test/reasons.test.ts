/**
 * Every code that a failure can have is expected by some test, by its name: a reason that nobody provokes may be wrong,
 * or gone, and nobody would know.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const CODE = /"?\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b"?/g;

/** Codes that no test provokes, and why none can. */
const NOT_PROVOKED: Readonly<Record<string, string>> = {
  TOKEN_PIN_FINAL_TRY:
    "SoftHSM, the only token here, never locks a PIN, so it never says that one try is left",
};

function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|json)$/.test(name) && !name.startsWith("kernel/assembly/"))
    .map((name) => join(root, folder, name));
}

/** Where codes are listed: tables of kinds, unions of codes, and failures that have no class of their own. */
const LISTS = [
  /^const kinds = \{$[\s\S]*?^\} as const;$/gm,
  /^export type \w*Code =[\s\S]*?;$/gm,
  /\bextends ThemisError<\s*("[A-Z][^>]*)>/g,
  /\bnew ThemisError\(\s*"[A-Z_]+"/g,
];

/** Without comments, and in tables of kinds only the keys. */
function codesOf(file: string): string[] {
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  return LISTS.flatMap((list) => [...text.matchAll(list)]).flatMap(([found]) =>
    [...found.matchAll(CODE)].map(([, code]) => code!),
  );
}

const codes = new Set(filesOf("src").flatMap(codesOf));

const expected = new Set(
  filesOf("test")
    .filter((file) => file !== import.meta.filename)
    .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g)])
    .map(([, code]) => code!),
);

it("finds codes of every floor", () => {
  expect(codes.size).toBeGreaterThan(150);
  for (const code of ["PATH_UNSAFE", "DELTA_MAGIC", "CHAIN_POLICY", "TREE_EMPTY", "NO_SPACE", "DIFF_FAILED"])
    expect(codes).toContain(code);
});

it("each is expected by a test, by its name", () => {
  const missing = [...codes].filter((code) => !expected.has(code));
  expect(missing.sort()).toEqual(Object.keys(NOT_PROVOKED).sort());
});
