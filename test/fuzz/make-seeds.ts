/**
 * Writes test/vectors/fuzz/seeds.json: a real hierarchy's messages and lists, and a real bundle's documents.
 *
 *   node test/fuzz/make-seeds.ts
 *
 * They are kept, and not made when they are needed, because signatures differ from run to run, and a run of the
 * fuzzer should be the same on each machine. Nobody has the keys any more.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { attachCrls } from "../../src/publish/sign/attach-crls.ts";
import { makeWorld } from "../kit/world.ts";
import { algorithmRows } from "../trust/agreement/algorithms.ts";
import { attributeRows } from "../trust/agreement/attributes.ts";
import { encodingRows } from "../trust/agreement/encoding.ts";
import { Hierarchy } from "../trust/agreement/hierarchy.ts";
import { content } from "../trust/agreement/row.ts";
import type { Seeds } from "./seeds.ts";

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

async function documents(): Promise<Pick<Seeds, "documents" | "manifestSignature" | "manifestRoot">> {
  const world = await makeWorld();
  try {
    const bundle = world.at("bundle-1.1.0");
    const names = readdirSync(bundle).filter((name) => name.endsWith(".json"));
    return {
      documents: Object.fromEntries(names.map((name) => [name, base64(readFileSync(join(bundle, name)))])),
      manifestSignature: base64(readFileSync(join(bundle, "manifest.json.p7s"))),
      manifestRoot: base64(readFileSync(world.anchor)),
    };
  } finally {
    world.remove();
  }
}

const hierarchy = new Hierarchy();
const { root, ca, signer } = hierarchy;
const lists = {
  ca: hierarchy.list({ number: 2, from: "20260301000000Z" }).der,
  root: hierarchy.list({ by: root }).der,
  revoking: hierarchy.list({ number: 1, revoked: [{ certificate: signer, reason: "keyCompromise" }] }).der,
};
const rows = [...algorithmRows, ...attributeRows, ...encodingRows].filter(
  ({ code, what }) =>
    code === undefined && !["an empty document", "the same CA's certificate 29 times"].includes(what),
);
const messages = rows.map((row) => [row.what, row.make(hierarchy).signature] as const);
const attached = (...inside: Buffer[]): Uint8Array =>
  attachCrls(hierarchy.sign(), inside.map(decodeCrl)).signature;
const all: (readonly [string, Uint8Array])[] = [
  ...messages,
  ["lists along", attached(lists.ca, lists.root)],
  ["a list along that revokes", attached(lists.revoking, lists.root)],
];
const seeds: Seeds = {
  content: base64(content),
  root: base64(root.der),
  ca: base64(ca.der),
  signer: base64(signer.der),
  lists: { ca: base64(lists.ca), root: base64(lists.root), revoking: base64(lists.revoking) },
  messages: Object.fromEntries(all.map(([what, bytes]) => [what, base64(bytes)])),
  ...(await documents()),
};
hierarchy.remove();
const file = resolve(import.meta.dirname, "../vectors/fuzz/seeds.json");
writeFileSync(file, `${JSON.stringify(seeds, null, 1)}\n`);
