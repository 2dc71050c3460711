/**
 * Hostile certificates and lists: every answer is a value or a refusal by name, and there is one.
 *
 *   THEMIS_FUZZ_SEED=7 THEMIS_FUZZ_RUNS=200000    other mutations, and more of them
 *
 * NIST's files are taken apart and put together wrongly, so that lengths still fit and the reader comes far.
 * Then chains are signed with real keys over such parts: what an evil CA below an honest one could issue.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { decodeCertificate } from "../../src/format/cms/certificate.ts";
import { CmsError } from "../../src/format/cms/cms-error.ts";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { type DerElement, readDer } from "../../src/format/cms/der.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../src/trust/certification-path.ts";
import { TrustError } from "../../src/trust/trust-error.ts";
import { dice, pick, type Roll } from "../format/delta/fuzz/dice.ts";
import { der, integer, octets, sequence } from "./craft.ts";
import {
  extension,
  forgeCertificate,
  forgeList,
  keyIdentifier,
  name,
  newKey,
  revokedEntry,
} from "./forge.ts";

const SEED = Number(process.env.THEMIS_FUZZ_SEED ?? 1);
const RUNS = Number(process.env.THEMIS_FUZZ_RUNS ?? 8_000);

type Data = { readonly certificates: Record<string, string>; readonly crls: Record<string, string> };
const file = resolve(import.meta.dirname, "../vectors/pkits/data.json.gz");
const data: Data = JSON.parse(gunzipSync(readFileSync(file)).toString());
const bytesOf = (files: Record<string, string>) =>
  Object.values(files).map((text) => Buffer.from(text, "base64"));
const certificates = bytesOf(data.certificates);
const lists = bytesOf(data.crls);

type Tree = { readonly element: DerElement; readonly children: readonly Tree[] };

/** What lies in an OCTET STRING is taken apart too: there are the extensions. */
function treeOf(element: DerElement): Tree {
  if (element.tag !== 0x04) return { element, children: element.children.map(treeOf) };
  try {
    return { element, children: [treeOf(readDer(element.content))] };
  } catch {
    return { element, children: [] };
  }
}

function nodesOf(tree: Tree): Tree[] {
  return [tree, ...tree.children.flatMap(nodesOf)];
}

const parts = [...certificates, ...lists]
  .flatMap((bytes) => nodesOf(treeOf(readDer(bytes))).map(({ element }) => Buffer.from(element.bytes)))
  .filter(({ length }) => length < 300);
const extensions = parts.filter(
  (bytes) => bytes[0] === 0x30 && bytes[2] === 0x06 && bytes.subarray(4, 6).equals(Buffer.of(0x55, 0x1d)),
);

/** One thing is wrong: gone, doubled, exchanged, of another type, changed, emptied or out of order. */
function mutate(bytes: Buffer, roll: Roll): Buffer {
  const tree = treeOf(readDer(bytes));
  const target = pick(nodesOf(tree), roll);
  const kind = roll(7);
  const honest = ({ element, children }: Tree, built: readonly Buffer[]): Buffer =>
    children.length === 0 ? Buffer.from(element.bytes) : der(element.tag, ...built);
  const build = (node: Tree): Buffer => {
    const built = node.children.map(build);
    if (node !== target) return honest(node, built);
    const same = honest(node, built);
    switch (kind) {
      case 0:
        return Buffer.alloc(0);
      case 1:
        return Buffer.concat([same, same]);
      case 2:
        return pick(parts, roll);
      case 3:
        return Buffer.concat([Buffer.of(roll(256)), same.subarray(1)]);
      case 4: {
        const content = Buffer.from(node.element.content);
        if (content.length > 0) content[roll(content.length)] = roll(256);
        return der(node.element.tag, content);
      }
      case 5:
        return der(node.element.tag);
      default:
        return honest(node, built.toReversed());
    }
  };
  return build(tree);
}

/** Anything but a refusal by name passes through and fails the test. */
function survive(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CmsError || error instanceof TrustError)) throw error;
  }
}

it.each([
  { what: "certificates", seeds: certificates, decode: decodeCertificate },
  { what: "lists", seeds: lists, decode: decodeCrl },
])("mutated $what are read or refused", ({ seeds, decode }) => {
  const roll = dice(SEED, seeds.length);
  for (let run = 0; run < RUNS; run++) {
    let bytes: Buffer = pick(seeds, roll);
    for (let edits = 1 + roll(3); edits > 0; edits--) {
      // After an edit it may not be DER any more, and then it is mutated enough.
      try {
        bytes = mutate(bytes, roll);
      } catch {
        break;
      }
    }
    survive(() => decode(bytes));
  }
});

it("chains of any extensions, with lists of any entries, are decided", () => {
  const roll = dice(SEED, 7);
  const keys = Array.from({ length: 4 }, newKey);
  const names = [name("root"), name("a"), name("b"), name("a", "b")];
  const ca = extension("2.5.29.19", sequence(der(0x01, Buffer.of(0xff))), true);
  const anchors = readTrustAnchors(
    forgeCertificate({
      subject: names[0]!,
      issuer: names[0]!,
      key: keys[0]!,
      by: keys[0]!,
      extensions: [ca],
    }),
  );
  const someExtensions = (): Buffer[] => {
    const chosen = Array.from({ length: roll(5) }, () => pick(extensions, roll));
    return [...new Map(chosen.map((each) => [each.subarray(2, 7).toString("hex"), each])).values()];
  };
  let accepted = 0;
  for (let run = 0; run < RUNS / 8; run++) {
    // Who signs whom is up to chance, within four keys and four names: circles, twins, dead ends.
    const pool = Array.from({ length: 2 + roll(8) }, (_, serial) => {
      const by = roll(keys.length);
      const subject = roll(keys.length);
      const more = someExtensions().filter(
        (each) => !each.subarray(4, 7).equals(Buffer.of(0x55, 0x1d, 0x13)),
      );
      const identified = roll(2) === 0 ? [extension("2.5.29.14", octets(keyIdentifier(keys[subject]!)))] : [];
      const own = more.filter((each) => !each.subarray(4, 7).equals(Buffer.of(0x55, 0x1d, 0x0e)));
      return forgeCertificate({
        subject: names[subject]!,
        issuer: names[roll(4) === 0 ? by : Math.min(by, subject)]!,
        key: keys[subject]!,
        by: keys[roll(4) === 0 ? by : Math.min(by, subject)]!,
        serial: serial + 1,
        extensions: [ca, ...identified, ...own],
      });
    });
    const crls = Array.from({ length: roll(5) }, () => {
      const by = roll(keys.length);
      const entries = roll(3) === 0 ? [revokedEntry(1 + roll(9))] : [];
      return forgeList({
        issuer: names[by]!,
        by: keys[by]!,
        entries,
        extensions: [extension("2.5.29.20", integer(1 + roll(9)))],
      });
    });
    survive(() => {
      const [signer, ...intermediates] = pool.map(decodeCertificate);
      const now = new Date("2026-06-01T00:00:00Z");
      const request = { signer: signer!, intermediates, anchors, now, purpose: "any" } as const;
      verifyCertificatePath({ ...request, crls: crls.map(decodeCrl), requireCrl: roll(2) === 0 });
      accepted++;
    });
  }
  // Not all of it dies at the door.
  expect(accepted).toBeGreaterThan(RUNS / 800);
});
