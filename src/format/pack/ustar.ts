/**
 * Members of an uncompressed tar archive (POSIX.1-1988, ustar): what stands before and behind their bytes.
 *
 *   header 512 | bytes | zeros to 512 | header | bytes | ... | 1024 zeros
 *
 * Packs and offline bundles are such archives: `tar tf` lists them and `tar xf` takes them apart. What is
 * written has its owner, time and mode fixed, so equal members give equal archives. What is read are regular
 * files whose names are the names of assets, and nothing that changes the meaning of another header (pax,
 * GNU's long names, sparse files): two readers never see two archives in one.
 */
import { ASSET_NAME, MAX_ASSET_BYTES } from "../manifest/blob.ts";
import { ArchiveError } from "./archive-error.ts";

export const BLOCK_BYTES = 512;
/** The name has a field of so many bytes; the prefix, which adds folders to it, stays empty. */
const NAME_BYTES = 100;

/** Where a field stands in the header, and how many bytes it has. */
const FIELDS = {
  name: [0, NAME_BYTES],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
} as const;

type Field = keyof typeof FIELDS;

/** The magic and its version 00; GNU tar writes its own when nobody asks it for ustar, and means the same. */
const MAGIC = "ustar\u000000";
const GNU_MAGIC = "ustar  \u0000";

/** What is no regular file, as a person calls it. */
const OTHER_TYPES: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symlink",
  "3": "a device",
  "4": "a device",
  "5": "a folder",
  "6": "a FIFO",
  g: "a pax header",
  x: "a pax header",
  K: "a long name of GNU tar",
  L: "a long name of GNU tar",
  S: "a sparse file",
};

/**
 * The bytes that stand before a member's own.
 *
 * @throws ArchiveError ARCHIVE_MALFORMED: the name does not fit; a manifest may name assets of 128 bytes
 */
export function encodeMemberHeader(name: string, lengthBytes: number): Uint8Array {
  if (name.length > NAME_BYTES) throw malformed(`${name} is longer than the ${NAME_BYTES} bytes of a name`);
  const block = Buffer.alloc(BLOCK_BYTES);
  const write = (field: Field, text: string): void => {
    block.write(text, FIELDS[field][0], "latin1");
  };
  write("name", name);
  write("mode", octal("mode", 0o644));
  for (const field of ["uid", "gid", "mtime", "devmajor", "devminor"] as const) write(field, octal(field, 0));
  write("size", octal("size", lengthBytes));
  write("type", "0");
  write("magic", MAGIC);
  write("checksum", octal("checksum", checksumOf(block)));
  return block;
}

/** The zeros that stand behind a member's bytes. */
export function memberPadding(lengthBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (lengthBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** Two empty blocks end an archive. */
export const END_OF_ARCHIVE: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

export type MemberHeader =
  | { readonly kind: "file"; readonly name: string; readonly size: number }
  /** `./`, which `tar -C FOLDER .` puts first. */
  | { readonly kind: "top" }
  /** One of the two empty blocks. */
  | { readonly kind: "empty" };

/** @throws ArchiveError ARCHIVE_MALFORMED */
export function decodeMemberHeader(block: Uint8Array): MemberHeader {
  if (block.every((byte) => byte === 0)) return { kind: "empty" };
  const read = (field: Field): string => {
    const [start, length] = FIELDS[field];
    return Buffer.from(block.subarray(start, start + length)).toString("latin1");
  };
  const magic = read("magic");
  if (magic !== MAGIC && magic !== GNU_MAGIC) throw malformed("there is no tar header where one should be");
  if (parseOctal(read("checksum")) !== checksumOf(block)) throw malformed("a header has a wrong checksum");

  const name = beforeNul(read("name"));
  const quoted = JSON.stringify(name);
  const type = read("type");
  const isTop = name === "./" || name === ".";
  if (type === "5" && isTop) return { kind: "top" };
  if (HEADERS_OF_OTHERS.has(type)) throw otherType(quoted, type);
  if (name.replace(/^\.\//, "").includes("/") || beforeNul(read("prefix")) !== "") {
    throw malformed(`${quoted} lies in a folder, and the assets of a bundle lie at the top`, {
      hint: "pack what is in the folder, not the folder: tar cf BUNDLE.tar -C FOLDER .",
    });
  }
  if (type !== "0" && type !== "\u0000") throw otherType(quoted, type);
  const asset = name.replace(/^\.\//, "");
  if (!new RegExp(ASSET_NAME).test(asset)) throw malformed(`${quoted} is not the name of an asset`);
  const size = parseOctal(read("size"));
  if (size === undefined) throw malformed(`the size of ${quoted} is not an octal number`);
  if (size > MAX_ASSET_BYTES) throw malformed(`${quoted} has ${size} bytes, more than an asset may have`);
  return { kind: "file", name: asset, size };
}

/** Members that only say something of the next one, under names that nobody chose. */
const HEADERS_OF_OTHERS = new Set(["x", "g", "K", "L"]);

function otherType(quoted: string, type: string): ArchiveError {
  return malformed(`${quoted} is ${OTHER_TYPES[type] ?? "of a type that is not known"}, not a regular file`, {
    hint: "an offline bundle holds regular files only: tar --format=ustar -cf BUNDLE.tar -C FOLDER .",
  });
}

/** Digits, a space and a NUL as long as the digits leave room for both. */
function octal(field: Field, value: number): string {
  const [, length] = FIELDS[field];
  const digits = value.toString(8).padStart(length - 2, "0");
  return digits.length < length - 1 ? `${digits} \u0000` : `${digits}\u0000`;
}

/** undefined for everything else, GNU's base-256 (the first bit set) too: no asset needs it. */
function parseOctal(text: string): number | undefined {
  const [, digits] = /^ *([0-7]{1,12})[ \0]*$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

/** The sum of all bytes, those of the checksum counted as spaces. */
function checksumOf(block: Uint8Array): number {
  const [start, length] = FIELDS.checksum;
  const isOwn = (at: number): boolean => at >= start && at < start + length;
  return block.reduce((sum, byte, at) => sum + (isOwn(at) ? 0x20 : byte), 0);
}

function beforeNul(text: string): string {
  return text.split("\u0000", 1)[0]!;
}

function malformed(message: string, details?: { readonly hint: string }): ArchiveError {
  return new ArchiveError("ARCHIVE_MALFORMED", message, details);
}
