/**
 * Of a long loop so many places at once, a multiple of every stride and of a block: an engine exchanges slow
 * code for fast code when a function is called again, and never while it runs.
 */
export const PORTION: u32 = 1 << 18;
