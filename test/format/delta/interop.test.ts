/**
 * The matrix: our writers and other people's readers, their writers and our readers, on pairs of files of
 * every kind. A cell is one input, one writer and one reader; it is proven by the SHA-256 of the rebuilt file.
 *
 * What cannot be, by a peer's nature, is a cell too: it holds that the peer refuses, and with which words.
 * The table with the sizes of the patches is printed at the end.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memorySource } from "../../../src/base/byte-source.ts";
import { sha256OfFile } from "../../../src/base/digest.ts";
import { describeVcdiff } from "../../../src/format/delta/vcdiff/describe.ts";
import { hasTool } from "../../kit/tools.ts";
import {
  closeOurs,
  hasAddon,
  INPUTS,
  type Input,
  ourReader,
  type Reader,
  WRITERS,
  type Writer,
  writeByXdelta3,
} from "./interop-kit.ts";
import { type Recorded, readRecording, recordedInputs } from "./recorded.ts";

/** For the pair of 200 MB on a machine that does other things too. */
const CELL_TIMEOUT_MS = 900_000;

const folder = mkdtempSync(join(tmpdir(), "themis-interop-"));
const at = (name: string): string => join(folder, name);
const pair = { source: at("source"), target: at("target") };

/** By writer, reader and input. */
const table = new Map<string, Map<Input, string>>();

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  console.log(printed());
});

describe.each(INPUTS)("$name", (input) => {
  let wanted = "";

  beforeAll(async () => {
    input.make(pair);
    wanted = await sha256OfFile(pair.target);
  }, CELL_TIMEOUT_MS);

  afterAll(closeOurs);

  const writers = WRITERS.map((writer) => ({ ...writer, readers: readersOf(writer, input) }));
  describe.each(writers.filter(({ readers }) => readers.length > 0))("$name", (writer) => {
    const limit = writer.limits?.find(({ empty }) => input.empty?.includes(empty));
    let made: Promise<void> | undefined;
    const write = (): Promise<void> => {
      made ??= writer.write(pair, at("patch"));
      return made;
    };

    const prove = async (reader: Reader): Promise<void> => {
      await write();
      rmSync(at("rebuilt"), { force: true });
      await reader.rebuild(pair, at("patch"), at("rebuilt"));
      expect(await sha256OfFile(at("rebuilt"))).toBe(wanted);
      note(writer, reader, input, String(statSync(at("patch")).size));
    };

    for (const reader of writer.readers) {
      const way = limit ? `refuses, because ${limit.why}` : `is read by ${reader.name}`;
      const isMissing = !isHere(writer.needs) || !isHere(reader.needs);
      it.skipIf(isMissing)(way, { timeout: CELL_TIMEOUT_MS }, async () => {
        const refused = limit && (await refusal(write()));
        // A version that has learned it is read like any other.
        if (refused === undefined) return prove(reader);
        expect(refused).toMatch(limit!.says);
        note(writer, reader, input, "refuses");
      });
    }
  });
});

/** What it says, or undefined when it does not refuse. */
function refusal(work: Promise<void>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

describe.skipIf(!isHere("xdelta3"))("what xdelta3 writes for nobody but itself is refused by name", () => {
  afterAll(closeOurs);

  it.each([
    {
      why: "squeezed by FGK",
      input: "a Rust library for Linux x64",
      options: ["-D", "-S", "fgk"],
      code: "DELTA_SECONDARY",
    },
    {
      why: "of what two .tgz hold, as it is written without -D",
      input: "a .tgz",
      options: [],
      code: "DELTA_OFFSET",
    },
  ])("a patch $why", async ({ input, options, code }) => {
    INPUTS.find(({ name }) => name.startsWith(input))!.make(pair);
    await writeByXdelta3(pair, at("patch"), ...options);
    const reading = ourReader.rebuild(pair, at("patch"), at("rebuilt"));
    await expect(reading).rejects.toMatchObject({ code, kind: "refused" });
  });
});

describe("what open-vcdiff wrote, once recorded", () => {
  const { cases } = readRecording<Recorded & { readonly options: string }>("open-vcdiff-writes");

  it.each(cases)("is read: $input $options", async (recorded) => {
    const wanted = await replay(recorded);
    await ourReader.rebuild(pair, at("patch"), at("rebuilt"));
    expect(await sha256OfFile(at("rebuilt"))).toBe(wanted);
  });
});

describe("what we wrote, once recorded", () => {
  const { cases } = readRecording<Recorded & { readonly madeSha256: string }>("open-vcdiff-reads");
  afterAll(closeOurs);

  it.each(cases)("was read by open-vcdiff and is by us: $input", async (recorded) => {
    const wanted = await replay(recorded);
    expect(recorded.madeSha256).toBe(wanted);
    await ourReader.rebuild(pair, at("patch"), at("rebuilt"));
    expect(await sha256OfFile(at("rebuilt"))).toBe(wanted);
  });

  it.each(cases)("uses of the format what our patches use today: $input", async (recorded) => {
    await replay(recorded);
    const today = WRITERS.find(({ name }) => name === "our VCDIFF")!;
    await today.write(pair, at("patch-today"));
    const described = (file: string): unknown => {
      const { dialect, secondary, codeTable, usesTarget, checksum, appHeader } = describeVcdiff(
        memorySource(readFileSync(at(file))),
      );
      return { dialect, secondary, codeTable, usesTarget, checksum, appHeader };
    };
    expect(described("patch-today")).toEqual(described("patch"));
  });
});

/** Puts the recorded patch and its inputs down. @returns the digest of what it must make */
async function replay({ input, sourceSha256, targetSha256, patch }: Recorded): Promise<string> {
  const made = recordedInputs().find(({ name }) => name === input)!;
  writeFileSync(pair.source, made.source);
  writeFileSync(pair.target, made.target);
  writeFileSync(at("patch"), Buffer.from(patch, "base64"));
  expect([await sha256OfFile(pair.source), await sha256OfFile(pair.target)]).toEqual([
    sourceSha256,
    targetSha256,
  ]);
  return targetSha256;
}

function readersOf(writer: Writer, { without }: Input): Writer["readers"] {
  return writer.readers.filter(({ name }) => !without?.cells.test(`${writer.name} -> ${name}`));
}

function isHere(needs: string | undefined): boolean {
  if (needs === undefined) return true;
  return needs === "bsdiff-node" ? hasAddon() : hasTool(needs);
}

function note(writer: Writer, reader: Reader, input: Input, text: string): void {
  const way = `${writer.name} -> ${reader.name}`;
  table.set(way, (table.get(way) ?? new Map<Input, string>()).set(input, text));
}

function printed(): string {
  const line = (cells: readonly string[], last: string): string =>
    `${cells.map((cell) => cell.padStart(9)).join("")}  ${last}`;
  const letter = (index: number): string => String.fromCharCode(65 + index);
  return [
    "Bytes of the patch from which the target was rebuilt, by input and way; what is left out and why:",
    ...INPUTS.map(
      ({ name, without }, index) => `  ${letter(index)}  ${name}${without ? ` (·: ${without.why})` : ""}`,
    ),
    line(
      INPUTS.map((_, index) => letter(index)),
      "",
    ),
    ...[...table].map(([way, row]) =>
      line(
        INPUTS.map((input) => row.get(input) ?? "·"),
        way,
      ),
    ),
  ].join("\n");
}
