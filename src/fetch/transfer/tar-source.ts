/**
 * A bundle in one tar file: the source of a device that no network reaches.
 *
 *   BUNDLE.tar   manifest.json, manifest.json.p7s, delta-*.json, *.pack at its top level
 *
 * Nothing in it is believed, as nothing of any source is. The file is opened once: whatever is put in its
 * place meanwhile, one update reads one file.
 */
import type { FileHandle } from "node:fs/promises";
import { systemCode, ThemisError } from "../../base/error.ts";
import { InputError, openRegularFile } from "../../base/input-file.ts";
import { ArchiveError } from "../../format/pack/archive-error.ts";
import { type Member, readArchiveIndex } from "../../format/pack/archive-index.ts";
import { FetchError } from "../fetch-error.ts";
import { otherAsset, type Source, tooLong } from "./source.ts";

/** As much as a piece. */
const READ_BYTES = 1 << 20;

/** @throws FetchError SOURCE_INVALID, SOURCE_UNREACHABLE; ThemisError ARCHIVE_MALFORMED, ARCHIVE_TRUNCATED */
export async function openTarSource(path: string): Promise<Source> {
  const { file, size } = await openArchive(path);
  try {
    const read = (start: number, length: number) => readExactly(file, path, start, length);
    const members = await readArchiveIndex({ size, read });
    if (!members.has("manifest.json"))
      throw new ArchiveError("ARCHIVE_MALFORMED", "it holds no manifest.json, so it is no bundle");
    return tarSource(path, file, members);
  } catch (error) {
    await file.close();
    throw namingFile(error, path);
  }
}

function tarSource(name: string, file: FileHandle, members: ReadonlyMap<string, Member>): Source {
  return {
    name,
    // It is one bundle, whatever version is asked for, and has no folders.
    foldersOf: () => [""],
    folderOfTag: () => undefined,
    folderOfChannel: () => "",
    at: (folder) => tarSource(`${name}/${folder}`, file, new Map()),
    hasRanges: () => true,
    close: () => file.close(),
    readAll: async (asset, maxBytes) => {
      const member = members.get(asset);
      if (!member) return "absent";
      if (member.size > maxBytes) throw tooLong(`${name}/${asset}`, maxBytes);
      return { bytes: await readExactly(file, name, member.start, member.size), etag: "" };
    },
    readRange: async function* (asset, { start, end, total }, { signal } = {}) {
      const member = members.get(asset);
      if (!member) throw absent(name, asset);
      if (member.size !== total) throw otherAsset(`${name}/${asset}`, member.size, total);
      for (let at = start; at < end; at += READ_BYTES) {
        signal?.throwIfAborted();
        yield await readExactly(file, name, member.start + at, Math.min(READ_BYTES, end - at));
      }
    },
  };
}

async function openArchive(path: string): Promise<Awaited<ReturnType<typeof openRegularFile>>> {
  try {
    return await openRegularFile(path);
  } catch (cause) {
    const isOther = cause instanceof InputError;
    const why = isOther ? "is no regular file" : `cannot be read (${systemCode(cause)})`;
    throw new FetchError("SOURCE_INVALID", `${path} ${why}`, {
      cause,
      hint: "--offline takes one file, made by themis-fetch bundle; --source takes a folder or an address",
    });
  }
}

/** @throws ThemisError ARCHIVE_TRUNCATED: the file was long enough when it was opened; FetchError SOURCE_UNREACHABLE */
async function readExactly(file: FileHandle, path: string, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file
      .read(bytes, done, length - done, start + done)
      .catch((cause: unknown) => {
        throw new FetchError("SOURCE_UNREACHABLE", `${path} cannot be read (${systemCode(cause)})`, {
          cause,
          hint: "the medium may be damaged or gone; nothing was changed",
        });
      });
    if (bytesRead === 0)
      throw namingFile(new ArchiveError("ARCHIVE_TRUNCATED", "it was cut while it was read"), path);
    done += bytesRead;
  }
  return bytes;
}

function absent(name: string, asset: string): FetchError {
  return new FetchError("SOURCE_STATUS", `${asset} is not in ${name}`, {
    facts: { status: 404 },
    hint: "the offline bundle is incomplete: make it again with themis-fetch bundle",
  });
}

/** What is wrong with an archive, with its name in front. */
function namingFile(error: unknown, path: string): unknown {
  if (!(error instanceof ArchiveError)) return error;
  const { code, message, hint } = error;
  return new ThemisError(code, "refused", `${path} is no offline bundle: ${message}`, {
    cause: error,
    ...(hint && { hint }),
  });
}
