/**
 * Where the assets of an offline bundle lie in its one file, both directions.
 *
 *   [ manifest.json 1200 ]  <->  { name: "manifest.json", start: 512, size: 1200 }, 3072 bytes in all
 *
 * Reading goes from header to header and looks at nothing else, so a file of many GiB costs one small read
 * for each member. What stands behind the two empty blocks is not looked at: `tar` fills up its last record.
 */
import { ArchiveError } from "./archive-error.ts";
import { BLOCK_BYTES, decodeMemberHeader, END_OF_ARCHIVE, memberPadding } from "./ustar.ts";

export type Member = {
  readonly name: string;
  /** Of its first byte in the archive; its header stands right before it. */
  readonly start: number;
  readonly size: number;
};

export type ArchiveLayout = { readonly members: readonly Member[]; readonly totalBytes: number };

/** A release has at most 1000 assets; a bundle folder also holds what its publisher keeps (report-*.json). */
export const MAX_MEMBERS = 1100;

/** One archive of these assets in this order, without gaps. */
export function layOutArchive(assets: readonly Pick<Member, "name" | "size">[]): ArchiveLayout {
  let at = 0;
  const members = assets.map(({ name, size }): Member => {
    const start = at + BLOCK_BYTES;
    at = endOf({ start, size });
    return { name, start, size };
  });
  return { members, totalBytes: at + END_OF_ARCHIVE.length };
}

export type ArchiveBytes = {
  /** In bytes. */
  readonly size: number;
  /** Exactly so many bytes; never asked for more than there are. */
  readonly read: (start: number, length: number) => Promise<Uint8Array>;
};

/** @throws ArchiveError ARCHIVE_MALFORMED, ARCHIVE_TRUNCATED; what `read` throws */
export async function readArchiveIndex({ size, read }: ArchiveBytes): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>();
  let at = 0;
  const next = async () => {
    if (at + BLOCK_BYTES > size) throw truncated("it ends without the two empty blocks of an archive's end");
    const header = decodeMemberHeader(await read(at, BLOCK_BYTES));
    at += BLOCK_BYTES;
    return header;
  };
  for (let headers = 0; headers <= MAX_MEMBERS; headers++) {
    const header = await next();
    if (header.kind === "top") continue;
    if (header.kind === "empty") {
      if ((await next()).kind === "empty") return members;
      throw new ArchiveError("ARCHIVE_MALFORMED", "an empty block stands between its members");
    }
    const member = { name: header.name, start: at, size: header.size };
    if (members.has(member.name)) {
      throw new ArchiveError("ARCHIVE_MALFORMED", `it holds ${member.name} twice`);
    }
    if (member.start + member.size > size) throw truncated(`it ends inside of ${member.name}`);
    members.set(member.name, member);
    at = endOf(member);
  }
  throw new ArchiveError("ARCHIVE_MALFORMED", `it has more than ${MAX_MEMBERS} members`);
}

/** Where the next header begins. */
function endOf({ start, size }: Pick<Member, "start" | "size">): number {
  return start + size + memberPadding(size).length;
}

function truncated(message: string): ArchiveError {
  return new ArchiveError("ARCHIVE_TRUNCATED", message);
}
