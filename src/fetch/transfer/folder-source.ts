/** A bundle or release page in a folder of this machine. */
import { join } from "node:path";
import { systemCode } from "../../base/error.ts";
import { openRegularFile } from "../../base/input-file.ts";
import { FetchError } from "../fetch-error.ts";
import { otherAsset, PAGE_FOLDERS, type Source, statusError, tooLong } from "./source.ts";

/** The default of 64 KiB makes sixteen reads of a piece. */
const READ_BYTES = 1 << 20;

export function folderSource(folder: string): Source {
  return {
    ...PAGE_FOLDERS,
    name: folder,
    at: (below) => folderSource(join(folder, below)),
    hasRanges: () => true,
    close: async () => {},
    readAll: async (asset, maxBytes) => {
      try {
        const { file, size } = await openRegularFile(join(folder, asset));
        try {
          if (size > maxBytes) throw tooLong(asset, maxBytes);
          const bytes = Buffer.alloc(size);
          const { bytesRead } = await file.read(bytes, 0, size, 0);
          return { bytes: bytes.subarray(0, bytesRead), etag: "" };
        } finally {
          await file.close();
        }
      } catch (error) {
        return absentOrThrow(error, join(folder, asset));
      }
    },
    readRange: async function* (asset, { start, end, total }, { signal } = {}) {
      const path = join(folder, asset);
      try {
        const { file, size } = await openRegularFile(path);
        if (size !== total) {
          await file.close();
          throw otherAsset(path, size, total);
        }
        const reading = { start, end: end - 1, highWaterMark: READ_BYTES, ...(signal && { signal }) };
        yield* file.createReadStream(reading);
      } catch (error) {
        if (absentOrThrow(error, path) === "absent") throw statusError(path, 404);
      }
    },
  };
}

function absentOrThrow(error: unknown, path: string): "absent" {
  const code = systemCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return "absent";
  if (code === undefined || error instanceof FetchError || code === "ABORT_ERR") throw error;
  throw new FetchError("SOURCE_UNREACHABLE", `${path} cannot be read (${code})`, { cause: error });
}
