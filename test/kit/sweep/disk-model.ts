/**
 * A disk as a power cut sees it: what lasts, and beside it what was asked for and may or may not have come there.
 *
 *   a file    its bytes as of its last fsync, then writes, sizes and permissions since
 *   a folder  its names as of its last fsync, then names put in and taken out since
 *
 * A recording is carried out on it call by call. It is stricter than ext4, xfs or btrfs: nothing lasts but by an
 * fsync of the very thing, and the two halves of a rename from folder to folder last each by itself.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Argument, SystemCall } from "./recording.ts";

export type FileChange =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "size"; readonly size: number }
  | { readonly kind: "mode"; readonly mode: number };

export type FolderChange =
  | { readonly kind: "put"; readonly name: string; readonly node: DiskNode }
  | { readonly kind: "take"; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string; readonly node: DiskNode }
  | { readonly kind: "mode"; readonly mode: number };

export type DiskFile = {
  readonly kind: "file";
  lasting: FileState;
  pending: FileChange[];
};
export type DiskFolder = {
  readonly kind: "folder";
  lasting: FolderState;
  pending: FolderChange[];
};
export type DiskLink = { readonly kind: "link"; readonly text: string };
export type DiskNode = DiskFile | DiskFolder | DiskLink;

export type FileState = { readonly bytes: Buffer; readonly mode: number };
export type FolderState = { readonly names: ReadonlyMap<string, DiskNode>; readonly mode: number };

export function changedFile(state: FileState, changes: readonly FileChange[]): FileState {
  let { bytes, mode } = state;
  for (const change of changes) {
    if (change.kind === "mode") mode = change.mode;
    else if (change.kind === "size") bytes = resized(bytes, change.size);
    else {
      bytes = resized(bytes, Math.max(bytes.length, change.offset + change.bytes.length));
      change.bytes.copy(bytes, change.offset);
    }
  }
  return { bytes, mode };
}

export function changedFolder(state: FolderState, changes: readonly FolderChange[]): FolderState {
  const names = new Map(state.names);
  let { mode } = state;
  for (const change of changes) {
    if (change.kind === "mode") mode = change.mode;
    else if (change.kind === "take") names.delete(change.name);
    else if (change.kind === "put") names.set(change.name, change.node);
    else {
      names.delete(change.from);
      names.set(change.to, change.node);
    }
  }
  return { names, mode };
}

/** A copy, so that no state shares bytes with another. */
function resized(bytes: Buffer, size: number): Buffer {
  const copy = Buffer.alloc(size);
  bytes.copy(copy, 0, 0, size);
  return copy;
}

export class DiskModel {
  readonly root: DiskFolder;
  /** All that ever was there: what a name no longer leads to may come back with the name. */
  readonly nodes = new Set<DiskNode>();
  readonly #umask = process.umask();
  /** Where the next write() of an open file goes, by its descriptor. */
  readonly #offsets = new Map<number, number>();

  /** @param root a folder as it is, all of it lasting */
  constructor(root: string) {
    this.root = this.#read(root) as DiskFolder;
  }

  /** @throws Error for a call that it does not know */
  apply(call: SystemCall): void {
    const path = call.paths[0]!;
    if (call.name === "openat" && call.result >= 0) this.#offsets.set(call.result, 0);
    if (!call.changes) return;
    switch (call.name) {
      case "openat":
        this.#open(call, path);
        break;
      case "write":
      case "pwrite64":
        this.#write(call, path);
        break;
      case "copy_file_range":
        this.#copy(call);
        break;
      case "ftruncate":
        this.#file(path).pending.push({ kind: "size", size: numberOf(call.args[1]) });
        break;
      case "fchmod":
      case "chmod":
        this.#changeable(path).pending.push({ kind: "mode", mode: octal(call.args[1]) });
        break;
      case "fsync":
      case "fdatasync":
        this.#sync(path);
        break;
      case "mkdir":
        this.#put(path, folder(octal(call.args[1]) & ~this.#umask));
        break;
      // One file with two names.
      case "link":
        this.#name(call.paths[1]!, this.#find(path)!);
        break;
      case "symlink":
        this.#put(path, { kind: "link", text: textOf(call.args[0]) });
        break;
      case "unlink":
      case "rmdir":
        this.#folder(dirname(path)).pending.push({ kind: "take", name: basename(path) });
        break;
      case "rename":
        this.#rename(path, call.paths[1]!);
        break;
      // As root SQLite gives its journal to whom the database belongs.
      case "fchown":
        break;
      default:
        throw new Error(`the model of a disk knows no ${call.name}`);
    }
  }

  #open({ args }: SystemCall, path: string): void {
    const flags = args.find((each) => each.kind === "other" && each.text.startsWith("O_")) as {
      text: string;
    };
    const node = this.#find(path);
    if (!node) {
      const mode = octal(args.at(-1)) & 0o777 & ~this.#umask;
      this.#put(path, { kind: "file", lasting: { bytes: Buffer.alloc(0), mode }, pending: [] });
    } else if (flags.text.includes("O_TRUNC")) this.#file(path).pending.push({ kind: "size", size: 0 });
  }

  #write({ name, args, result }: SystemCall, path: string): void {
    const [to, what] = args;
    const bytes = (what as { bytes: Buffer }).bytes.subarray(0, result);
    const offset = name === "pwrite64" ? numberOf(args[3]) : this.#advance(to, result);
    this.#file(path).pending.push({ kind: "write", offset, bytes });
  }

  #copy({ args, result, paths }: SystemCall): void {
    const from =
      args[1]?.kind === "other" && args[1].text !== "NULL"
        ? numberOf(args[1])
        : this.#advance(args[0], result);
    const source = this.#file(paths[0]!);
    const bytes = changedFile(source.lasting, source.pending).bytes.subarray(from, from + result);
    const offset = this.#advance(args[2], result);
    this.#file(paths[1]!).pending.push({ kind: "write", offset, bytes: Buffer.from(bytes) });
  }

  #advance(descriptor: Argument | undefined, bytes: number): number {
    const number = descriptor?.kind === "descriptor" ? descriptor.number : -1;
    const offset = this.#offsets.get(number) ?? 0;
    this.#offsets.set(number, offset + bytes);
    return offset;
  }

  #sync(path: string): void {
    const node = this.#changeable(path);
    if (node.kind === "file") node.lasting = changedFile(node.lasting, node.pending);
    else node.lasting = changedFolder(node.lasting, node.pending);
    node.pending = [];
  }

  #put(path: string, node: DiskNode): void {
    this.nodes.add(node);
    this.#name(path, node);
  }

  #name(path: string, node: DiskNode): void {
    this.#folder(dirname(path)).pending.push({ kind: "put", name: basename(path), node });
  }

  #rename(from: string, to: string): void {
    const node = this.#find(from)!;
    const [source, target] = [this.#folder(dirname(from)), this.#folder(dirname(to))];
    if (source === target) {
      source.pending.push({ kind: "rename", from: basename(from), to: basename(to), node });
      return;
    }
    target.pending.push({ kind: "put", name: basename(to), node });
    source.pending.push({ kind: "take", name: basename(from) });
  }

  /** As a running process sees it. */
  #find(path: string): DiskNode | undefined {
    if (path === ".") return this.root;
    const above = this.#folder(dirname(path));
    return changedFolder(above.lasting, above.pending).names.get(basename(path));
  }

  #changeable(path: string): DiskFile | DiskFolder {
    const node = this.#find(path);
    if (!node || node.kind === "link") throw new Error(`the model of a disk has no ${path}`);
    return node;
  }

  #file(path: string): DiskFile {
    const node = this.#find(path);
    if (node?.kind !== "file") throw new Error(`the model of a disk has no file ${path}`);
    return node;
  }

  #folder(path: string): DiskFolder {
    const node = this.#find(path);
    if (node?.kind !== "folder") throw new Error(`the model of a disk has no folder ${path}`);
    return node;
  }

  #read(path: string): DiskNode {
    const stat = lstatSync(path);
    const mode = stat.mode & 0o777;
    let node: DiskNode;
    if (stat.isSymbolicLink()) node = { kind: "link", text: readlinkSync(path) };
    else if (stat.isFile())
      node = { kind: "file", lasting: { bytes: readFileSync(path), mode }, pending: [] };
    else {
      const names = new Map(readdirSync(path).map((name) => [name, this.#read(join(path, name))]));
      node = { kind: "folder", lasting: { names, mode }, pending: [] };
    }
    this.nodes.add(node);
    return node;
  }
}

function folder(mode: number): DiskFolder {
  return { kind: "folder", lasting: { names: new Map(), mode }, pending: [] };
}

function numberOf(argument: Argument | undefined): number {
  const number = argument?.kind === "other" ? Number(argument.text.replace(/[[\]]/g, "")) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new Error(`no number: ${JSON.stringify(argument)}`);
  return number;
}

function octal(argument: Argument | undefined): number {
  return argument?.kind === "other" ? Number.parseInt(argument.text, 8) & 0o777 : Number.NaN;
}

function textOf(argument: Argument | undefined): string {
  return argument?.kind === "string" ? argument.bytes.toString() : "";
}
