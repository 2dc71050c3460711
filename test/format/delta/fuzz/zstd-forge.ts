/**
 * Zstd frames in parts (RFC 8878, section 3.1.1): descriptor, window, content size, blocks, checksum.
 *
 * A forged frame is changed in its parts and written again with its block sizes right, mostly without the
 * checksum, so that what is tested lies in literals, sequences and offsets.
 */
import { constants, zstdCompressSync } from "node:zlib";
import { readZstdFrame } from "../../../../src/format/delta/zstd-dict/zstd-dict.ts";
import { noise } from "../../../kit/world.ts";
import type { Roll } from "./dice.ts";
import type { HostileFormat, Seed } from "./hostile-format.ts";
import { edgeNumber, mutateBytes } from "./mutate.ts";

type Block = { type: number; size: number; bytes: Uint8Array };
type Frame = { header: Uint8Array; blocks: Block[]; checksum: Uint8Array };

type ZstdSeed = Seed & { readonly frame: Frame };

const RLE = 1;
const CHECKSUM = 4;

function parse(patch: Uint8Array): Frame {
  const { headerBytes, checksum } = readZstdFrame(patch);
  const blocks: Block[] = [];
  let at = headerBytes;
  for (let last = 0; last === 0; ) {
    const header = Buffer.from(patch).readUIntLE(at, 3);
    const [type, size] = [(header >>> 1) & 3, header >>> 3];
    const end = at + 3 + (type === RLE ? 1 : size);
    blocks.push({ type, size, bytes: patch.slice(at + 3, end) });
    at = end;
    last = header & 1;
  }
  return {
    header: patch.slice(0, headerBytes),
    blocks,
    checksum: checksum ? patch.slice(at) : new Uint8Array(0),
  };
}

function write({ header, blocks, checksum }: Frame): Uint8Array {
  const parts = blocks.flatMap(({ type, size, bytes }, i) => {
    const head = Buffer.alloc(3);
    head.writeUIntLE(((size & 0x1fffff) << 3) | (type << 1) | (i === blocks.length - 1 ? 1 : 0), 0, 3);
    return [head, bytes];
  });
  return Buffer.concat([header, ...parts, checksum]);
}

function forge({ frame: { header, blocks, checksum }, source, target }: ZstdSeed, roll: Roll): Uint8Array {
  const frame: Frame = {
    header: Uint8Array.from(header),
    blocks: blocks.map((block) => ({ ...block })),
    checksum,
  };
  if (roll(8)) {
    frame.header[4] = frame.header[4]! & ~CHECKSUM;
    frame.checksum = new Uint8Array(0);
  }
  for (let edits = 1 + roll(2); edits > 0; edits--) editFrame(frame, [source.length, target.length], roll);
  return write(frame);
}

function editFrame(frame: Frame, near: readonly number[], roll: Roll): void {
  const { blocks } = frame;
  const at = roll(blocks.length);
  const block = blocks[at];
  switch (block ? roll(12) : 0) {
    case 0:
      frame.header = mutateBytes(frame.header, [frame.header], roll);
      return;
    case 1:
      // Single segment or window, width of the content size, dictionary: what follows is then read otherwise.
      frame.header[4] = roll(256);
      return;
    case 2:
      blocks.splice(roll(blocks.length + 1), 0, { ...block! });
      return;
    case 3:
      blocks.splice(at, 1);
      return;
    case 4:
      block!.type = roll(4);
      return;
    case 5:
      block!.size = edgeNumber([...near, 1 << 17, block!.size], roll) % (1 << 21);
      return;
    case 6:
      blocks.splice(at, 0, { type: RLE, size: roll(300), bytes: Uint8Array.of(roll(256)) });
      return;
    default:
      block!.bytes = mutateBytes(block!.bytes, [block!.bytes], roll);
      if (block!.type !== RLE) block!.size = block!.bytes.length;
  }
}

function makeSeed(name: string, source: Uint8Array, target: Uint8Array, params = {}): ZstdSeed {
  const dictionary = source.length > 0 && { dictionary: Buffer.from(source) };
  const patch = zstdCompressSync(target, { ...dictionary, params, pledgedSrcSize: target.length });
  return { name, source, target, patch, frame: parse(patch) };
}

/** The same bytes in blocks of one's own. */
function inBlocks(name: string, target: Uint8Array): ZstdSeed {
  const whole = makeSeed(name, new Uint8Array(0), target);
  const blocks: Block[] = [];
  for (let at = 0; at < target.length; at += 100) {
    const bytes = target.slice(at, at + 100);
    blocks.push({ type: 0, size: bytes.length, bytes });
  }
  const patch = write({ ...whole.frame, blocks });
  return { ...whole, patch, frame: parse(patch) };
}

const lines = (last: string): Buffer =>
  Buffer.from(Array.from({ length: 60 }, (_, i) => `line ${i} of ${(i * 7919) % 997} ${last}\n`).join(""));
const mixed = Buffer.concat([lines("new"), noise(200, 9), lines("old").subarray(300), Buffer.alloc(400, 97)]);

export const hostileZstd: HostileFormat<ZstdSeed> = {
  name: "ZSTD_DICT",
  algorithm: "ZSTD_DICT",
  seeds: [
    makeSeed("that edits a text", lines("old"), mixed, { [constants.ZSTD_c_compressionLevel]: 19 }),
    makeSeed("with a checksum", lines("old"), lines("new"), { [constants.ZSTD_c_checksumFlag]: 1 }),
    makeSeed("that does not say its size", lines("old"), mixed, { [constants.ZSTD_c_contentSizeFlag]: 0 }),
    makeSeed("of an empty source", new Uint8Array(0), lines("new"), {
      [constants.ZSTD_c_compressionLevel]: 1,
    }),
    makeSeed("of an empty target", lines("old"), new Uint8Array(0)),
    inBlocks("of many blocks", noise(700, 4)),
  ],
  forge,
};
