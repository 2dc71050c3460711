/**
 * The mark on a value that was believed after its signature, signer and freshness were checked.
 *
 * It exists only in types. Code outside `trust` asks for `Verified<T>` in its parameters and can get one
 * only from here, so forgetting the check does not compile. `markVerified` is for files of `trust` alone.
 */
declare const checked: unique symbol;

export type Verified<T> = T & { readonly [checked]: true };

export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}
