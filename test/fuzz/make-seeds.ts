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
import { encodeChannel } from "../../src/format/channel/channel.ts";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { decodeSignedData } from "../../src/format/cms/signed-data.ts";
import { LOG_PROOF } from "../../src/format/log/log-proof.ts";
import { attachCrls } from "../../src/publish/sign/attach-crls.ts";
import { stampSignature } from "../../src/publish/sign/stamp-signature.ts";
import { channelOf, listed, recallOf } from "../kit/channel-facts.ts";
import { makeStampedWorld } from "../kit/stamped-world.ts";
import { startTimeStampAuthority } from "../kit/time-stamp-authority.ts";
import { signedBy, TrustRoots, trustRoot } from "../kit/trust-roots.ts";
import { makeWorld, ok, type World } from "../kit/world.ts";
import { algorithmRows } from "../trust/agreement/algorithms.ts";
import { attributeRows } from "../trust/agreement/attributes.ts";
import { encodingRows } from "../trust/agreement/encoding.ts";
import { Hierarchy } from "../trust/agreement/hierarchy.ts";
import { content } from "../trust/agreement/row.ts";
import type { Seeds } from "./seeds.ts";

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

async function documents(): Promise<Pick<Seeds, "documents" | "manifestSignature" | "manifestRoot" | "log">> {
  const world = await makeWorld();
  try {
    const bundle = world.at("bundle-1.1.0");
    const names = readdirSync(bundle).filter((name) => name.endsWith(".json"));
    return {
      documents: Object.fromEntries(names.map((name) => [name, base64(readFileSync(join(bundle, name)))])),
      manifestSignature: base64(readFileSync(join(bundle, "manifest.json.p7s"))),
      manifestRoot: base64(readFileSync(world.anchor)),
      log: await logOf(world),
    };
  } finally {
    world.remove();
  }
}

/** Of both releases; the first one's proof is from when it was alone. */
async function logOf({ at }: World): Promise<Seeds["log"]> {
  const key = ["--key", at("keys/log-key.txt")];
  await ok("themis-bundle", "log", "keygen", "--name", "example.com/releases", "--out", at("keys"));
  await ok("themis-bundle", "log", "create", at("log"), ...key);
  const proofs: string[] = [];
  for (const bundle of [at("bundle-1.0.0"), at("bundle-1.1.0")]) {
    await ok("themis-bundle", "log", "append", at("log"), bundle, ...key);
    await ok("themis-bundle", "log", "prove", at("log"), bundle);
    proofs.push(base64(readFileSync(join(bundle, LOG_PROOF))));
  }
  return { key: readFileSync(at("keys/log-key.pub"), "utf8"), before: proofs[0]!, proof: proofs[1]! };
}

/** The second follows the first; two of three sign. */
function trustRoots(): Seeds["trustRoots"] {
  const made = new TrustRoots();
  try {
    const [a, b, c] = [made.party("a"), made.party("b"), made.party("c")];
    const root = { of: [a, b, c], threshold: 2, anchor_threshold: 2 };
    const first = trustRoot({ root, release: { of: [c] } });
    const { content: next, signature } = signedBy(
      trustRoot({ root, release: { of: [b] }, version: 2, revoked: [made.party("d")] }),
      ...[a, b],
    );
    return { first: base64(first), next: base64(next), signature: base64(signature) };
  } finally {
    made.remove();
  }
}

/** By `openssl ts`, of a signature's value. */
async function timeStamp(): Promise<Seeds["timeStamp"]> {
  const { authority, tsa, tsaRoot, timestampAnchors, signature: bare } = makeStampedWorld();
  const server = await startTimeStampAuthority({ identity: tsa });
  try {
    const { signal } = new AbortController();
    const request = { signature: bare, authorities: [server.url], signal, anchors: timestampAnchors };
    const { signature } = await stampSignature(request, { now: () => new Date() });
    const [signer] = decodeSignedData(signature).signers;
    const [token] = signer!.timeStampTokens;
    return { root: base64(tsaRoot.der), token: base64(token!), stamped: base64(signer!.signature) };
  } finally {
    await server.close();
    authority.remove();
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
const channel = encodeChannel(
  channelOf(
    [listed("1.0.0"), listed("1.1.0", { rollout: 5000, min_upgrade_from: "1.0.0", is_critical: true })],
    {
      expires: "2049-01-01T00:00:00Z",
      recalls: [recallOf("0.9.0", true)],
    },
  ),
);
const seeds: Seeds = {
  content: base64(content),
  root: base64(root.der),
  ca: base64(ca.der),
  signer: base64(signer.der),
  lists: { ca: base64(lists.ca), root: base64(lists.root), revoking: base64(lists.revoking) },
  messages: Object.fromEntries(all.map(([what, bytes]) => [what, base64(bytes)])),
  channel: {
    document: base64(channel),
    signature: base64(hierarchy.sign(signer, [ca], { content: channel })),
  },
  trustRoots: trustRoots(),
  timeStamp: await timeStamp(),
  ...(await documents()),
};
hierarchy.remove();
const file = resolve(import.meta.dirname, "../vectors/fuzz/seeds.json");
writeFileSync(file, `${JSON.stringify(seeds, null, 1)}\n`);
