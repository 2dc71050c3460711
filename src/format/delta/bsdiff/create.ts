/** From two files to a patch, in the memory that is allowed: what a publisher makes, and a device that saves room. */
import type { ByteSource } from "../../../base/byte-source.ts";
import { type CoverSizes, findCovers, fitsBestWay, planCovers } from "../covers.ts";
import { bsdiffWriterMemory, type WantedContainer, writeBsdiff } from "./write.ts";

export type BsdiffRequest = {
  readonly source: ByteSource;
  readonly target: ByteSource;
  readonly container: WantedContainer;
  /** In bytes; more is refused before it is taken. */
  readonly memoryLimit: number;
  /** Beyond this the patch is given up. */
  readonly maxBytes?: number | undefined;
};

/** @throws ThemisError DIFF_TOO_LARGE; PatchTooLong */
export function createBsdiff(request: BsdiffRequest): Uint8Array {
  const { source, target, memoryLimit, maxBytes } = request;
  const container = containerWithin(request);
  const sizes = sizesOf(source, target, bsdiffWriterMemory(container, target.size));
  const segments = findCovers(source, target, "add", planCovers(sizes, memoryLimit));
  return writeBsdiff({ source, target, segments, container, maxBytes });
}

/** The streams of the shortest container are held only where the search lacks no memory for it. */
function containerWithin({ source, target, container, memoryLimit }: BsdiffRequest): WantedContainer {
  if (container !== "shortest") return container;
  const sizes = sizesOf(source, target, bsdiffWriterMemory("shortest", target.size));
  return fitsBestWay(sizes, memoryLimit) ? "shortest" : "bsdiff40";
}

function sizesOf(source: ByteSource, target: ByteSource, writerBytes: number): CoverSizes {
  return { sourceSize: source.size, targetSize: target.size, purpose: "add", writerBytes };
}
