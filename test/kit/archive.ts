/** Tar archives in which every field may be wrong, written by hand: what is proven is not proven by itself. */

export type MemberChanges = {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** "0", a regular file, unless another one is named. */
  readonly type?: string;
  /** Whole fields as they stand there; by default what the rest asks for. */
  readonly size?: string;
  readonly checksum?: string;
  readonly magic?: string;
  readonly prefix?: string;
  readonly linkname?: string;
};

export function archiveOf(members: readonly MemberChanges[]): Buffer {
  return Buffer.concat([...members.map(memberOf), Buffer.alloc(1024)]);
}

export function memberOf({ bytes, ...header }: MemberChanges): Buffer {
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return Buffer.concat([headerOf(header, bytes.length), bytes, padding]);
}

function headerOf(member: Omit<MemberChanges, "bytes">, length: number): Buffer {
  const block = Buffer.alloc(512);
  const size = member.size ?? length.toString(8).padStart(11, "0");
  block.write(member.name, 0, 100, "latin1");
  block.write("0000644\0", 100, "latin1");
  block.write(size, 124, 12, "latin1");
  block.write(" ".repeat(8), 148, "latin1");
  block.write(member.type ?? "0", 156, "latin1");
  block.write(member.linkname ?? "", 157, 100, "latin1");
  block.write(member.magic ?? "ustar\u000000", 257, "latin1");
  block.write(member.prefix ?? "", 345, 155, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(member.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
