/**
 * The mark on a value that was believed after its signature, signer and freshness were checked.
 *
 *   Verified<Manifest>.packs[0]   ->   Verified<Pack>         what stands in a believed value is believed
 *   { ...verified, path }         ->   no mark any more       what is put together anew is not
 *
 * It exists only in types. Code outside `trust` asks for `Verified<T>` in its parameters and can get one
 * only from here, so forgetting the check does not compile. `markVerified` is for files of `trust` alone.
 */

/** Of a class, because a spread leaves out what is protected, and a mapped type too. */
declare class Checked {
  protected readonly checked: true;
}

type Primitive = string | number | bigint | boolean | null | undefined;

/** Nobody reaches into these. */
type Whole = Uint8Array | Date | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>;

export type Verified<T> = T extends Primitive
  ? T
  : T extends Whole
    ? T & Checked
    : T extends readonly (infer Each)[]
      ? readonly Verified<Each>[]
      : { readonly [Key in keyof T]: Verified<T[Key]> } & Checked;

export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}

/** The same file under another name, such as one beside an operator's own: what is in it is as believed as before. */
export function renamed<T extends { readonly path: string }>(target: Verified<T>, path: string): Verified<T> {
  return markVerified({ ...target, path }) as Verified<T>;
}
