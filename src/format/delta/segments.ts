/** How an engine tells a writer what stands behind each byte of a target, in order and without gaps. */

/**
 * Batches of three numbers each: where it begins in the target, where in the source or NO_SOURCE, its length.
 * A place behind the source's end is the target itself: sourceSize + n is its byte n.
 */
export type Segments = Iterable<Float64Array>;

export const NO_SOURCE = -1;
