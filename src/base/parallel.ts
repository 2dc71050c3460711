/** Bounded concurrency whose results come back in the order of the items, so output never depends on timing. */
export async function* mapInOrder<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T, index: number) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  let next = 0;
  const start = (): void => {
    const index = next++;
    const result = map(items[index]!, index);
    // A failure is seen when its turn comes; until then it must not count as unhandled.
    result.catch(() => {});
    running.push(result);
  };
  while (next < items.length && running.length < Math.max(1, limit)) start();
  while (running.length > 0) {
    const result = await running.shift()!;
    if (next < items.length) start();
    yield result;
  }
}
