/**
 * Applies a patch of the bsdiff family: the target comes forward in pieces, memory stays flat.
 *
 * The kernel follows the control stream and decodes bzip2; here its streams are opened, and those that are
 * compressed otherwise are filled when it waits for them.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeviceKernel, type StreamNumbers } from "../../../kernel/device-kernel.ts";
import { streamReader } from "../bzip2/decode.ts";
import { DeltaError } from "../error.ts";
import { refuse } from "../refusal.ts";
import { type BsdiffHeader, type Part, readBsdiffHeader } from "./container.ts";
import { OtherStream } from "./other-stream.ts";

const TRIPLE_BYTES = 24;
/** Of triples that make nothing, beyond one for each byte that was made; the kernel refuses more. */
const MAX_IDLE = 1024;

export type BsdiffRequest = {
  readonly source: ByteSource;
  readonly patch: ByteSource;
  /** Exactly what the patch must make, in bytes. */
  readonly targetSize: number;
};

type Stream = { readonly part: Part; readonly maxBytes: number };

/** A piece is valid until the next one is asked for. @throws DeltaError */
export async function* applyBsdiff({ source, patch, targetSize }: BsdiffRequest): AsyncGenerator<Uint8Array> {
  const header = readBsdiffHeader(patch);
  if (header.targetSize !== targetSize) {
    throw new DeltaError(
      "DELTA_TARGET_SIZE",
      `the patch makes ${header.targetSize} bytes, expected ${targetSize}`,
    );
  }
  const { streams, numbers } = streamsOf(header, targetSize);
  const readers = streams.map(({ part }) => streamReader(patch, part.start, part.end));
  const others = streams.map(({ part, maxBytes }) =>
    part.compressor === "bzip2" ? undefined : new OtherStream(patch, part, maxBytes),
  );
  const kernel = DeviceKernel.take({
    readStream: (stream, into) => readers[stream]!(into),
    readSource: source.read,
    refuse,
  });
  try {
    kernel.openSource(source.size);
    kernel.openRebuild(targetSize, numbers);
    for (const [stream, { maxBytes }] of streams.entries()) {
      kernel.openStream(stream, maxBytes, others[stream] !== undefined);
    }
    for (let made = kernel.rebuild(); made !== undefined; made = kernel.rebuild()) {
      if (typeof made === "number") await others[made]!.fill(kernel, made);
      else yield made;
    }
    // To the end, so that every checksum is checked.
    for (const [stream, other] of others.entries()) {
      while (kernel.mustFillToFinish(stream)) await other!.fill(kernel, stream);
    }
  } finally {
    kernel.giveBack();
    for (const other of others) await other?.close();
  }
}

function streamsOf(
  { parts }: BsdiffHeader,
  targetSize: number,
): { readonly streams: readonly Stream[]; readonly numbers: StreamNumbers } {
  // Every second triple but a few moves the target forward by at least a byte.
  const controlBytes = TRIPLE_BYTES * (2 * targetSize + MAX_IDLE + 1);
  const most = (bytes: number): number => Math.min(bytes, Number.MAX_SAFE_INTEGER);
  if ("all" in parts) {
    return {
      streams: [{ part: parts.all, maxBytes: most(controlBytes + targetSize) }],
      numbers: { control: 0, diff: 0, extra: 0 },
    };
  }
  return {
    streams: [
      { part: parts.control, maxBytes: most(controlBytes) },
      { part: parts.diff, maxBytes: targetSize },
      { part: parts.extra, maxBytes: targetSize },
    ],
    numbers: { control: 0, diff: 1, extra: 2 },
  };
}
