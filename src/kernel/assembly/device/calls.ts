/**
 * What a kernel of the device asks of whoever called it: bytes, and to be told no.
 *
 * Each returns only when it was answered; `refuse` never does: it throws through the kernel.
 */

/** Writes the next bytes of a compressed stream; fewer than asked are its last, and then come none. */
// @ts-ignore: decorator
@external("env", "readStream")
export declare function readStream(stream: u32, into: usize, bytes: u32): u32;

/** Writes bytes of the source; only what lies inside of it is asked for. */
// @ts-ignore: decorator
@external("env", "readSource")
export declare function readSource(position: f64, into: usize, bytes: u32): void;

// @ts-ignore: decorator
@external("env", "refuse")
export declare function refuse(reason: u32): void;
