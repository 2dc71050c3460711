/** How an engine tells a writer what stands behind each byte of a target, in order and without gaps. */

/** Batches of three numbers each: where it begins in the target, where in the source or NO_SOURCE, its length. */
export type Segments = Iterable<Uint32Array>;

export const NO_SOURCE = 0xffffffff;
