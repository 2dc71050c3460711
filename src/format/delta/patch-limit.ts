/**
 * How long a patch may become before its making is given up: another one is shorter already.
 *
 * Writers ask between batches, with what surely stands in the patch by then. The bound is a number of bytes
 * and not a time, so what is given up is the same on every machine.
 */
import { ThemisError } from "../../base/error.ts";

export class PatchTooLong extends ThemisError<"PATCH_TOO_LONG"> {
  /** @param bytes what surely stands in the patch, although it is not complete */
  constructor(bytes: number, maxBytes: number, cause?: unknown) {
    super("PATCH_TOO_LONG", "failed", `the patch has ${bytes} bytes, more than the ${maxBytes} it may have`, {
      cause,
      facts: { bytes, maxBytes },
    });
  }
}

/** @throws PatchTooLong */
export function checkLength(bytes: number, maxBytes: number | undefined): void {
  if (maxBytes !== undefined && bytes > maxBytes) throw new PatchTooLong(bytes, maxBytes);
}
