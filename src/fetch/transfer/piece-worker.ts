/**
 * A thread that proves pieces and writes the right ones.
 *
 * A piece is written only when its bytes have the digest of the signed manifest, so that whatever lies at the
 * place of a piece is right, or was never written, or rotted. The file is opened by the main thread; threads of
 * one process share its descriptors.
 */
import { createHash } from "node:crypto";
import { readSync, writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { systemCode } from "../../base/error.ts";

export type PieceJob = {
  readonly kind: "write" | "check";
  readonly descriptor: number;
  /** In the file, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** Where the bytes stand, or (check) where they are read to. */
  readonly slot: SharedArrayBuffer;
  readonly sha256: string;
};

export type PieceAnswer = {
  /** "right" also says that it is written. */
  readonly outcome: "right" | "wrong" | "failed";
  /** Of the system, when it failed: ENOSPC and the like. */
  readonly errno: string;
};

parentPort?.on("message", (job: PieceJob) => {
  parentPort?.postMessage(carryOut(job));
});

function carryOut({ kind, descriptor, offset, length, slot, sha256 }: PieceJob): PieceAnswer {
  const bytes = new Uint8Array(slot, 0, length);
  try {
    if (kind === "check" && !readWhole(descriptor, bytes, offset)) return { outcome: "wrong", errno: "" };
    if (createHash("sha256").update(bytes).digest("hex") !== sha256) return { outcome: "wrong", errno: "" };
    if (kind === "write") writeWhole(descriptor, bytes, offset);
    return { outcome: "right", errno: "" };
  } catch (error) {
    return { outcome: "failed", errno: systemCode(error) ?? "unknown" };
  }
}

function readWhole(descriptor: number, bytes: Uint8Array, offset: number): boolean {
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(descriptor, bytes, done, bytes.length - done, offset + done);
    if (read === 0) return false;
    done += read;
  }
  return true;
}

/** A write may be short (write(2)). */
function writeWhole(descriptor: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
}
