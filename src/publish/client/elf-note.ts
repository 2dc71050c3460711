/**
 * A note in a finished ELF executable (System V gABI, 4 and 5; little-endian, 64 bits), where the program finds it at
 * run time by dl_iterate_phdr(3).
 *
 *   before   | ELF header | program headers | segments … sections |
 *   after    | ELF header |  (unused)       | segments … sections | pad | program headers + 2 | note |
 *
 * The table of program headers has no room for more, so it moves behind the end of the file, into a segment of its own
 * (PT_LOAD) that the note is in, too (PT_NOTE). That segment keeps the distance between address and offset that the
 * first one has: Linux before 5.18 tells a program where its headers are by adding their offset to its base.
 */
import { PublishError } from "../publish-error.ts";

const HEADER = { phoff: 32, phentsize: 54, phnum: 56, type: 16, machine: 18 } as const;
const ENTRY_BYTES = 56;
const PT = { load: 1, note: 4, phdr: 6 } as const;
const READABLE = 4;
/** The largest page of arm64, of which all others are parts. */
const PAGE = 65_536n;
/** PN_XNUM: from here on the number stands elsewhere. */
const MAX_ENTRIES = 0xfffe;

type Entry = {
  type: number;
  flags: number;
  offset: bigint;
  vaddr: bigint;
  paddr: bigint;
  filesz: bigint;
  memsz: bigint;
  align: bigint;
};

/** @param name of the note, ASCII @throws PublishError NODE_UNSUITABLE: not such a file, or one that is damaged */
export function withElfNote(file: Buffer, name: string, note: Uint8Array): Buffer {
  demandElf(file);
  const entries = readEntries(file);
  const loads = entries.filter(({ type }) => type === PT.load);
  const [first] = loads;
  if (!first || loads.some((load) => load.offset + load.filesz > BigInt(file.length)))
    throw unsuitable("its segments are not in the file");
  const distance = first.vaddr - first.offset;
  const endInMemory = loads.reduce(
    (end, { vaddr, memsz }) => (vaddr + memsz > end ? vaddr + memsz : end),
    0n,
  );
  const at = aligned(bigger(BigInt(file.length), endInMemory - distance), PAGE);

  const tableBytes = BigInt((entries.length + 2) * ENTRY_BYTES);
  const noteBytes = encodeNote(name, note);
  const noteAt = at + aligned(tableBytes, 16n);
  const size = noteAt - at + BigInt(noteBytes.length);
  const place = (offset: bigint, bytes: bigint) => ({
    ...{ flags: READABLE, offset, vaddr: offset + distance, paddr: offset + distance },
    ...{ filesz: bytes, memsz: bytes },
  });
  const moved = entries.map((entry) =>
    entry.type === PT.phdr ? { ...entry, ...place(at, tableBytes), align: 8n } : entry,
  );
  // Segments stand in the order of their addresses, and this one has the highest.
  const last = moved.findLastIndex(({ type }) => type === PT.load);
  moved.splice(last + 1, 0, { type: PT.load, ...place(at, size), align: PAGE });
  moved.push({ type: PT.note, ...place(noteAt, BigInt(noteBytes.length)), align: 4n });

  const made = Buffer.alloc(Number(at + size));
  file.copy(made);
  for (const [index, entry] of moved.entries()) writeEntry(made, Number(at) + index * ENTRY_BYTES, entry);
  noteBytes.copy(made, Number(noteAt));
  made.writeBigUInt64LE(at, HEADER.phoff);
  made.writeUInt16LE(moved.length, HEADER.phnum);
  return made;
}

/** What e_machine says: 62 is x86-64, 183 is AArch64. */
export function elfMachine(file: Buffer): number {
  demandElf(file);
  return file.readUInt16LE(HEADER.machine);
}

/** Elf64_Nhdr: lengths of name and content, a type; each is filled up to four bytes. */
function encodeNote(name: string, note: Uint8Array): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(name.length + 1, 0);
  header.writeUInt32LE(note.length, 4);
  const filled = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  return Buffer.concat([header, filled(Buffer.from(`${name}\0`, "latin1")), filled(note)]);
}

function demandElf(file: Buffer): void {
  const isElf = file.length > 64 && file.readUInt32BE(0) === 0x7f454c46;
  if (!isElf || file[4] !== 2 || file[5] !== 1)
    throw unsuitable("it is no ELF file of 64 bits, little-endian");
}

function readEntries(file: Buffer): Entry[] {
  const at = file.readBigUInt64LE(HEADER.phoff);
  const count = file.readUInt16LE(HEADER.phnum);
  const isThere = at + BigInt(count * ENTRY_BYTES) <= BigInt(file.length);
  if (
    !isThere ||
    file.readUInt16LE(HEADER.phentsize) !== ENTRY_BYTES ||
    count === 0 ||
    count + 2 > MAX_ENTRIES
  )
    throw unsuitable("its program headers are not where it says");
  return Array.from({ length: count }, (_, index) => readEntry(file, Number(at) + index * ENTRY_BYTES));
}

function readEntry(file: Buffer, at: number): Entry {
  return {
    type: file.readUInt32LE(at),
    flags: file.readUInt32LE(at + 4),
    offset: file.readBigUInt64LE(at + 8),
    vaddr: file.readBigUInt64LE(at + 16),
    paddr: file.readBigUInt64LE(at + 24),
    filesz: file.readBigUInt64LE(at + 32),
    memsz: file.readBigUInt64LE(at + 40),
    align: file.readBigUInt64LE(at + 48),
  };
}

function writeEntry(file: Buffer, at: number, entry: Entry): void {
  file.writeUInt32LE(entry.type, at);
  file.writeUInt32LE(entry.flags, at + 4);
  const rest = [entry.offset, entry.vaddr, entry.paddr, entry.filesz, entry.memsz, entry.align];
  for (const [index, value] of rest.entries()) file.writeBigUInt64LE(value, at + 8 + index * 8);
}

function bigger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function aligned(value: bigint, to: bigint): bigint {
  return ((value + to - 1n) / to) * to;
}

function unsuitable(what: string): PublishError {
  return new PublishError("NODE_UNSUITABLE", `no executable can be made of this Node: ${what}`, {
    hint: "name Node's own build for Linux, x64 or arm64, by --node",
  });
}
