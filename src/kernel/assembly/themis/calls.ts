/** What this kernel asks besides the bytes of the source: the coded bytes, and while encoding the target. */

/** The next coded bytes; fewer than asked are the last. */
// @ts-ignore: decorator
@external("env", "readCoded")
export declare function readCoded(into: usize, bytes: u32): u32;

// @ts-ignore: decorator
@external("env", "writeCoded")
export declare function writeCoded(from: usize, bytes: u32): void;

/** The next bytes of the target. */
// @ts-ignore: decorator
@external("env", "readTarget")
export declare function readTarget(into: usize, bytes: u32): void;
