/**
 * Writes test/vectors/themis: for each kind of content a source, a patch and what it makes, small enough to be
 * read. To be run when a rule of schemas/delta-themis.md changed, and never else: a patch that was once written
 * must be read for ever.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostileThemis } from "../test/format/delta/fuzz/themis-forge.ts";
import { machO, pe } from "../test/format/delta/themis/images.ts";
import { makeThemis } from "../test/format/delta/themis/kit.ts";

const folder = join(import.meta.dirname, "../test/vectors/themis");
mkdirSync(folder, { recursive: true });

const [text, x86, arm64, emptySource, emptyTarget] = hostileThemis.seeds;
const code = (seed: { readonly source: Uint8Array; readonly target: Uint8Array }) =>
  [seed.source, seed.target].map((bytes) => {
    const contents = Buffer.alloc(0x3000);
    contents.set(bytes.subarray(64, 2064));
    contents.set(bytes.subarray(1064, 2064), 0x2000);
    return contents;
  });
const [x86Old, x86New] = code(x86!);
const [arm64Old, arm64New] = code(arm64!);

write("text", "plain bytes: words of lines are others, a part is noise", text!.source, text!.target);
write("elf-x86-64", "ELF: calls and addresses that moved by four bytes, and words", x86!.source, x86!.target);
write("elf-arm64", "ELF: branches with link, and words", arm64!.source, arm64!.target);
write("pe-x86-64", "PE: a base that words count from", pe(0x8664, x86Old!), pe(0x8664, x86New!));
write("mach-o-arm64", "Mach-O", machO("arm64", arm64Old!), machO("arm64", arm64New!));
write("empty-source", "literals alone", emptySource!.source, emptySource!.target);
write("empty-target", "nothing is made", emptyTarget!.source, emptyTarget!.target);

function write(name: string, expectation: string, source: Uint8Array, target: Uint8Array): void {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const vector = {
    expectation,
    source: base64(source),
    target: base64(target),
    patch: base64(makeThemis(source, target)),
  };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, undefined, 2)}\n`);
}
