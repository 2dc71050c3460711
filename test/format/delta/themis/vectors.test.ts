/** Patches that were written once, by the rules of schemas/delta-themis.md: they make what they made then. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeThemis, rebuild } from "./kit.ts";

const folder = join(import.meta.dirname, "../../../vectors/themis");
const vectors = readdirSync(folder).map((file) => {
  const vector = JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, string>;
  const bytes = (name: string): Buffer => Buffer.from(vector[name]!, "base64");
  return {
    file,
    why: vector.expectation,
    source: bytes("source"),
    target: bytes("target"),
    patch: bytes("patch"),
  };
});

it("there are some", () => {
  expect(vectors.length).toBeGreaterThanOrEqual(7);
});

it.each(vectors)("$file makes its target: $why", ({ source, target, patch }) => {
  expect(rebuild(source, patch, target.length).equals(target)).toBe(true);
});

it.each(vectors)("$file is what is written today", ({ source, target, patch }) => {
  expect(Buffer.compare(makeThemis(source, target), patch)).toBe(0);
});
