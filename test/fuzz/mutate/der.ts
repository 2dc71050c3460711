/**
 * Mutations of DER by someone who knows it: elements go, come twice, change places, types and contents, come from
 * elsewhere, are wrapped and emptied, and the lengths around them are made to fit; now and then they are not, or a
 * length is spelled as only BER spells it.
 *
 * What lies in OCTET STRINGs and BIT STRINGs is taken apart too: there are extensions and keys.
 */
import { pick, type Roll } from "../../format/delta/fuzz/dice.ts";
import { mutateBytes } from "../../format/delta/fuzz/mutate.ts";

type Node = {
  readonly tag: number;
  readonly start: number;
  /** Where the content begins and ends. */
  readonly from: number;
  readonly to: number;
  /** From the outermost one inwards. */
  readonly above: readonly Node[];
};

const MAX_DEPTH = 24;
const MAX_NODES = 3000;

const OCTET_STRING = 0x04;
const BIT_STRING = 0x03;

const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31];
const INTEGERS = ["00", "01", "02", "7f", "0080", "ff", "00", "7fffffff", "00ffffffffffffffff", "80", ""];
const TIMES = ["500101000000Z", "491231235959Z", "19500101000000Z", "20500101000000Z", "99991231235959Z"];

export function mutateDer(bytes: Uint8Array, others: readonly Uint8Array[], roll: Roll): Uint8Array {
  const nodes = nodesOf(bytes);
  if (nodes.length === 0 || roll(12) === 0) return mutateBytes(bytes, others, roll);
  const node = pick(nodes, roll);
  const whole = bytes.subarray(node.start, node.to);
  const content = bytes.subarray(node.from, node.to);
  const elsewhere = (): Uint8Array => {
    const other = roll(2) ? bytes : pick(others, roll);
    const found = other === bytes ? nodes : nodesOf(other);
    if (found.length === 0) return other.subarray(0, 64);
    const { start, to } = pick(found, roll);
    return other.subarray(start, to);
  };
  switch (roll(14)) {
    case 0:
      return put(bytes, node, new Uint8Array(0), roll);
    case 1:
      return put(bytes, node, Buffer.concat([whole, whole]), roll);
    case 2:
      return put(bytes, node, elsewhere(), roll);
    case 3:
      return put(bytes, node, Buffer.concat(roll(2) ? [whole, elsewhere()] : [elsewhere(), whole]), roll);
    case 4:
      return put(bytes, node, element(roll(3) ? pick(TAGS, roll) : roll(256), content), roll);
    case 5:
      return put(bytes, node, element(node.tag, new Uint8Array(0)), roll);
    case 6:
      return put(bytes, node, element(roll(2) ? 0x30 : 0xa0 + roll(4), whole), roll);
    case 7:
      return put(bytes, node, shuffled(bytes, node, nodes, roll), roll);
    case 8:
      return put(bytes, node, Buffer.concat([oddHead(node.tag, content, roll), content]), roll);
    case 9:
      return put(bytes, node, edge(node, content, roll), roll);
    default:
      return put(bytes, node, element(node.tag, mutateBytes(content, [content], roll)), roll);
  }
}

/** All elements that can be told apart; none when the bytes are no DER. */
function nodesOf(bytes: Uint8Array): Node[] {
  const nodes: Node[] = [];
  read(bytes, 0, bytes.length, [], nodes);
  return nodes;
}

function read(bytes: Uint8Array, from: number, to: number, above: readonly Node[], nodes: Node[]): boolean {
  const before = nodes.length;
  for (let at = from; at < to; ) {
    const node = headAt(bytes, at, to, above);
    if (node === undefined || nodes.length > MAX_NODES) {
      nodes.length = before;
      return false;
    }
    nodes.push(node);
    if (above.length < MAX_DEPTH) readInside(bytes, node, nodes);
    at = node.to;
  }
  return true;
}

function readInside(bytes: Uint8Array, node: Node, nodes: Node[]): void {
  const above = [...node.above, node];
  if (node.tag & 0x20) read(bytes, node.from, node.to, above, nodes);
  else if (node.tag === OCTET_STRING) read(bytes, node.from, node.to, above, nodes);
  else if (node.tag === BIT_STRING && bytes[node.from] === 0 && bytes[node.from + 1] === 0x30)
    read(bytes, node.from + 1, node.to, above, nodes);
}

function headAt(bytes: Uint8Array, start: number, end: number, above: readonly Node[]): Node | undefined {
  const [tag, first] = [bytes[start]!, bytes[start + 1]];
  if (first === undefined || start + 1 >= end) return undefined;
  let from = start + 2;
  let length = first;
  if (first & 0x80) {
    length = 0;
    for (let i = first & 0x7f; i > 0; i--) length = length * 256 + (bytes[from++] ?? 0);
  }
  return from + length > end ? undefined : { tag, start, from, to: from + length, above };
}

/** The bytes with an element exchanged, and mostly with the lengths above it made right. */
function put(bytes: Uint8Array, node: Node, by: Uint8Array, roll: Roll): Uint8Array {
  let inner = by;
  let { start, to } = node;
  // Someone who does not mend the lengths from some level on.
  const honest = roll(16) === 0 ? roll(node.above.length + 1) : 0;
  for (let level = node.above.length - 1; level >= honest; level--) {
    const parent = node.above[level]!;
    const content = Buffer.concat([bytes.subarray(parent.from, start), inner, bytes.subarray(to, parent.to)]);
    inner = element(parent.tag, content);
    ({ start, to } = parent);
  }
  return Buffer.concat([bytes.subarray(0, start), inner, bytes.subarray(to)]);
}

function element(tag: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([head(tag, content.length), content]);
}

function head(tag: number, length: number): Uint8Array {
  const groups: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) groups.unshift(rest % 256);
  return Uint8Array.from(length < 0x80 ? [tag, length] : [tag, 0x80 + groups.length, ...groups]);
}

/** A length in too many bytes, without end, too long, or of a type with a long name. */
function oddHead(tag: number, content: Uint8Array, roll: Roll): Uint8Array {
  const { length } = content;
  switch (roll(5)) {
    case 0:
      return Uint8Array.of(tag, 0x82, length >> 8, length);
    case 1:
      return Uint8Array.of(tag, 0x80);
    case 2:
      return Uint8Array.of(tag, 0x84, 0xff, 0xff, 0xff, 0xff);
    case 3:
      return Uint8Array.of(tag | 0x1f, 0x81, 1, Math.min(length, 0x7f));
    default:
      return head(tag, length + roll(5) - 2 < 0 ? 0 : length + roll(3) - 1);
  }
}

/** The components of an element in another order. */
function shuffled(bytes: Uint8Array, node: Node, nodes: readonly Node[], roll: Roll): Uint8Array {
  const children = nodes.filter(({ above }) => above.at(-1) === node);
  const parts = children.map(({ start, to }) => bytes.subarray(start, to));
  if (roll(2)) parts.reverse();
  else if (parts.length > 1) {
    const [a, b] = [roll(parts.length), roll(parts.length)];
    [parts[a], parts[b]] = [parts[b]!, parts[a]!];
  }
  const until = children[0]?.start ?? node.to;
  return element(node.tag, Buffer.concat([bytes.subarray(node.from, until), ...parts]));
}

/** A content at the edge of what its type holds. */
function edge({ tag }: Node, content: Uint8Array, roll: Roll): Uint8Array {
  switch (tag) {
    case 0x01:
      return element(tag, Uint8Array.of(roll(256)));
    case 0x02:
    case 0x0a:
      return element(tag, Buffer.from(pick(INTEGERS, roll), "hex"));
    case 0x06:
      return element(
        tag,
        Buffer.concat([content.subarray(0, -1), Buffer.alloc(roll(70), 0x80), Buffer.of(1)]),
      );
    case 0x17:
    case 0x18:
      return element(tag, Buffer.from(pick(TIMES, roll)));
    default:
      return element(
        tag,
        Buffer.concat(Array.from({ length: 1 + roll(20) }, () => content)).subarray(0, 8192),
      );
  }
}
