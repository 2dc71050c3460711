/** Cells of 32 bits in linear memory: what arrays are in this kernel. */

// @ts-ignore: decorator
@inline
export function get(array: usize, index: u32): u32 {
  return load<u32>(array + ((<usize>index) << 2));
}

// @ts-ignore: decorator
@inline
export function set(array: usize, index: u32, value: u32): void {
  store<u32>(array + ((<usize>index) << 2), value);
}
