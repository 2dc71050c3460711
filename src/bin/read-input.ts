import { type FileSource, openFileSource } from "../base/byte-source.ts";
import { systemCode, ThemisError } from "../base/error.ts";
import { InputError, readRegularFile } from "../base/input-file.ts";

/** As large as the largest document; certificates and anchors are far smaller. */
const MAX_INPUT_BYTES = 16 << 20;

/** A file that the person named: not being there is a usage error. @throws ThemisError FILE_UNREADABLE */
export async function readInput(path: string, maxBytes = MAX_INPUT_BYTES): Promise<Buffer> {
  try {
    return await readRegularFile(path, maxBytes);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The same for a file that is read by position. @throws ThemisError FILE_UNREADABLE */
export function openInput(path: string): FileSource {
  try {
    return openFileSource(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): ThemisError {
  if (cause instanceof InputError) {
    const { code, message, facts, hint } = cause;
    return new ThemisError(code, "usage", message, { cause, facts, ...(hint && { hint }) });
  }
  return new ThemisError("FILE_UNREADABLE", "usage", `${path} cannot be read (${systemCode(cause)})`, {
    cause,
  });
}
