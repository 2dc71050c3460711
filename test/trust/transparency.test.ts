/** What a log proof makes a device believe, and everything that it does not: forged, stale, endless, lying ones. */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ThemisError } from "../../src/base/error.ts";
import { encodeLogEntry, logEntryOf } from "../../src/format/log/log-entry.ts";
import { decodeLogProof, encodeLogProof, MAX_LOG_PROOF_BYTES } from "../../src/format/log/log-proof.ts";
import { tailOf, tailRoots } from "../../src/format/log/log-tail.ts";
import { inclusionProof } from "../../src/format/log/merkle-proof.ts";
import { type Hash, leafHash, treeRoot } from "../../src/format/log/merkle-tree.ts";
import type { Manifest } from "../../src/format/manifest/manifest.ts";
import { generateLogKey, type LogSigner, openLogKey } from "../../src/publish/log/log-key.ts";
import { checkGrown, type Logged, proveLogged, type SeenCheckpoint } from "../../src/trust/transparency.ts";

let folder: string;
let signer: LogSigner;
let impostor: LogSigner;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "themis-transparency-"));
  [signer, impostor] = (await Promise.all(
    ["one", "two"].map(async (name) =>
      openLogKey((await generateLogKey("example.com/log", join(folder, name))).secret),
    ),
  )) as [LogSigner, LogSigner];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As much of a manifest as a log asks for. */
const MANIFEST = { product: "app", version: "1.0.0", sequence: 7 } as Manifest;
const MANIFEST_BYTES = Buffer.from("the bytes of a manifest");
const OWN = leafHash(encodeLogEntry(logEntryOf(MANIFEST, MANIFEST_BYTES)));

function leavesOf(count: number, history = "h"): Hash[] {
  return Array.from({ length: count }, (_, i) => leafHash(Buffer.from(`${history} ${i}`)));
}

/** The log of these leaves, with our release behind `before`. */
type Log = { readonly leaves: readonly Hash[]; readonly index: number };

function logOf(before: number, after: number, history = "h"): Log {
  const leaves = leavesOf(before + after, history);
  return { leaves: [...leaves.slice(0, before), OWN, ...leaves.slice(before)], index: before };
}

function proofOf({ leaves, index }: Log, { withTail = true, by = signer } = {}): Uint8Array {
  const note = by.sign({ size: leaves.length, root: treeRoot(leaves) });
  return encodeLogProof({
    index,
    path: inclusionProof(leaves, index),
    tail: withTail ? tailOf(leaves) : undefined,
    note,
  });
}

function prove(proofBytes: Uint8Array | undefined): Logged {
  return proveLogged({ proofBytes, keys: [signer.key], manifest: MANIFEST, manifestBytes: MANIFEST_BYTES });
}

function seen(leaves: readonly Hash[]): SeenCheckpoint {
  const root = Buffer.from(treeRoot(leaves)).toString("base64");
  return { origin: "example.com/log", size: leaves.length, root, note: "" };
}

const code = (name: string) => expect.objectContaining({ code: name, kind: "refused" });

describe("the log that has grown", () => {
  it("is taken from each size that the tail reaches, up to 2,000 entries", () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.nat(40), fc.nat(), (before, after, dice) => {
        const log = logOf(before, after);
        const logged = prove(proofOf(log));
        const size = log.leaves.length;
        const oldSize = size - (dice % (Math.min(256, size) + 1));
        if (oldSize > 0) checkGrown(logged, [seen(log.leaves.slice(0, oldSize))]);
        expect(logged.seen.size).toBe(size);
      }),
      { numRuns: 60 },
    );
  });

  it("is refused when any one of the older entries was rewritten", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.nat(), fc.nat(), (before, which, dice) => {
        const log = logOf(before, 3);
        const oldSize = log.leaves.length - (dice % Math.min(256, log.leaves.length - 1));
        const rewritten = log.leaves.slice(0, oldSize);
        rewritten[which % oldSize] = leafHash(Buffer.from("what the device saw"));
        expect(() => checkGrown(prove(proofOf(log)), [seen(rewritten)])).toThrow(code("LOG_FORKED"));
      }),
      { numRuns: 60 },
    );
  });

  it("is refused by a device that slept through more than the tail has", () => {
    const log = logOf(299, 0);
    const logged = prove(proofOf(log));
    checkGrown(logged, [seen(log.leaves.slice(0, 44))]);
    expect(() => checkGrown(logged, [seen(log.leaves.slice(0, 43))])).toThrow(
      code("LOG_CONSISTENCY_MISSING"),
    );
  });

  it("needs a tail only where something is remembered", () => {
    const log = logOf(5, 5);
    const logged = prove(proofOf(log, { withTail: false }));
    checkGrown(logged, []);
    checkGrown(logged, [seen(log.leaves)]);
    expect(() => checkGrown(logged, [seen(log.leaves.slice(0, 9))])).toThrow(code("LOG_CONSISTENCY_MISSING"));
  });

  it("says nothing about another log that is remembered", () => {
    checkGrown(prove(proofOf(logOf(1, 0))), [{ ...seen(leavesOf(9)), origin: "example.org/log" }]);
  });

  it("is not the one whose tail is of another log, though that has the remembered root", () => {
    const [log, other] = [logOf(5, 5), logOf(5, 5, "other")];
    const proof = decodeLogProof(proofOf(log));
    const mixed = encodeLogProof({ ...proof, tail: tailOf(other.leaves) });
    expect(() => checkGrown(prove(mixed), [seen(other.leaves.slice(0, 4))])).toThrow(
      code("LOG_PROOF_INVALID"),
    );
  });
});

describe("a proof", () => {
  it("comes back byte for byte", () => {
    const bytes = proofOf(logOf(300, 7));
    expect(Buffer.from(encodeLogProof(decodeLogProof(bytes))).equals(bytes)).toBe(true);
    expect(bytes.length).toBeLessThan(16 << 10);
  });

  it("is of this very manifest and no other", () => {
    const proofBytes = proofOf(logOf(3, 3));
    const forged = {
      proofBytes,
      keys: [signer.key],
      manifest: MANIFEST,
      manifestBytes: Buffer.from("other bytes"),
    };
    expect(() => proveLogged(forged)).toThrow(code("LOG_PROOF_INVALID"));
    const renamed = { ...forged, manifestBytes: MANIFEST_BYTES, manifest: { ...MANIFEST, version: "2.0.0" } };
    expect(() => proveLogged(renamed)).toThrow(code("LOG_PROOF_INVALID"));
  });

  it("by a key of the same name is none", () => {
    expect(() => prove(proofOf(logOf(3, 3), { by: impostor }))).toThrow(code("LOG_KEY_UNKNOWN"));
  });

  it("by a known key as somebody else's log is none", () => {
    const { note, ...proof } = decodeLogProof(proofOf(logOf(3, 3)));
    const text = note.text.replace("example.com/log", "example.org/log");
    expect(() => prove(encodeLogProof({ ...proof, note: { ...note, text } }))).toThrow(
      code("LOG_CHECKPOINT_INVALID"),
    );
  });

  it("that is missing is said to be", () => {
    expect(() => prove(undefined)).toThrow(code("LOG_PROOF_MISSING"));
  });

  it("may bear signatures that nobody knows", () => {
    const { note, ...proof } = decodeLogProof(proofOf(logOf(3, 3)));
    const witness = { name: "witness.example", keyId: "0a0b0c0d", signature: Buffer.alloc(76) };
    prove(encodeLogProof({ ...proof, note: { ...note, signatures: [witness, ...note.signatures] } }));
  });
});

describe("hostile proofs", () => {
  const changed = (change: (text: string) => string) => (): Uint8Array =>
    Buffer.from(change(Buffer.from(proofOf(logOf(5, 5))).toString("utf8")));

  it.each([
    { why: "that is empty", make: () => Buffer.alloc(0) },
    { why: "that is endless", make: () => Buffer.alloc(MAX_LOG_PROOF_BYTES + 1, "A\n") },
    {
      why: "with a path of 54 steps",
      make: changed((text) =>
        text.replace(/(index 5\n)/, `$1${`${Buffer.alloc(32).toString("base64")}\n`.repeat(54)}`),
      ),
    },
    { why: "with half a hash", make: changed((text) => text.replace(/(index 5\n)./, "$1")) },
    { why: "with a negative index", make: changed((text) => text.replace("index 5", "index -5")) },
    { why: "with an index in hexadecimal", make: changed((text) => text.replace("index 5", "index 0x5")) },
    {
      why: "with an index beyond 2^53",
      make: changed((text) => text.replace("index 5", "index 99999999999999999999")),
    },
    { why: "of another format", make: changed((text) => text.replace("@v1", "@v2")) },
    { why: "with two extra lines", make: changed((text) => text.replace(/(extra .*\n)/, "$1$1")) },
    { why: "whose tail is cut", make: changed((text) => text.replace(/extra .{8}/, "extra ")) },
    {
      why: "whose tail starts far behind the log",
      make: changed((text) => text.replace(/extra .*/, `extra ${Buffer.alloc(8, 0xff).toString("base64")}`)),
    },
    {
      why: "whose tail has more leaves than one may have",
      make: () => {
        const leaves = leavesOf(300);
        const note = signer.sign({ size: 300, root: treeRoot(leaves) });
        return encodeLogProof({ index: 0, path: [], tail: { start: 0, frontier: [], leaves }, note });
      },
    },
    { why: "with carriage returns", make: changed((text) => text.replaceAll("\n", "\r\n")) },
    { why: "without a checkpoint", make: changed((text) => text.slice(0, text.indexOf("\n\n") + 2)) },
    {
      why: "whose checkpoint has a size that no log has",
      make: changed((text) => text.replace("\n11\n", "\n99999999999999999999\n")),
    },
  ])("refuses one $why", ({ make }) => {
    expect(() => prove(make())).toThrow(code("LOG_PROOF_MALFORMED"));
  });

  it("refuses a size and an index that lie about one another", () => {
    const swap = changed((text) => text.replace("index 5", "index 11"));
    expect(() => prove(swap())).toThrow(code("LOG_PROOF_INVALID"));
    const short = decodeLogProof(proofOf(logOf(5, 5)));
    expect(() => prove(encodeLogProof({ ...short, path: short.path.slice(1) }))).toThrow(
      code("LOG_PROOF_INVALID"),
    );
  });

  it("no changed byte makes anything else of a proof than a refusal by name, or the same proof", () => {
    const log = logOf(60, 5);
    const good = Buffer.from(proofOf(log));
    const before = [seen(log.leaves.slice(0, 40))];
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const bytes = Buffer.from(good);
        bytes[at]! ^= bits;
        try {
          const logged = prove(bytes);
          checkGrown(logged, before);
          expect(logged.seen.root).toBe(Buffer.from(treeRoot(log.leaves)).toString("base64"));
        } catch (error) {
          expect(error).toBeInstanceOf(ThemisError);
          expect(error).toMatchObject({ kind: "refused", code: expect.stringMatching(/^LOG_/) });
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("noise is refused by name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        const bytes = Buffer.concat([Buffer.from("c2sp.org/tlog-proof@v1\nindex 0\n"), noise]);
        expect(() => prove(bytes)).toThrow(code("LOG_PROOF_MALFORMED"));
      }),
    );
  });
});

it("a tail gives the root of each size from its start on", () => {
  const leaves = leavesOf(300);
  const sizes = [44, 45, 64, 128, 255, 256, 257, 300];
  const expected = sizes.map((size) => treeRoot(leaves.slice(0, size)));
  expect(tailRoots(tailOf(leaves), sizes)).toEqual(expected.map((root) => Buffer.from(root)));
});
