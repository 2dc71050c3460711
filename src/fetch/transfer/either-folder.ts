/**
 * A mirror of which nobody knows where below it the release lies: a page has it in a folder, a bundle at its top.
 * Folders are tried in order as long as they answer that there is no such thing; the first that has something is it.
 */
import { isAbsent, type Source } from "./source.ts";

/** @param folders at least one */
export function eitherFolder(place: Source, folders: readonly string[]): Source {
  const sources = folders.map((folder) => (folder === "" ? place : place.at(folder)));
  let found: Source | undefined = sources.length === 1 ? sources[0] : undefined;
  const candidates = (): readonly Source[] => (found ? [found] : sources);
  return {
    ...sources[0]!,
    hasRanges: (asset) => (found ?? sources[0]!).hasRanges(asset),
    readAll: async (asset, maxBytes, asking) => {
      for (const source of candidates()) {
        const document = await source.readAll(asset, maxBytes, asking);
        if (document === "absent") continue;
        found = source;
        return document;
      }
      return "absent";
    },
    readRange: async function* (asset, range, asking) {
      const all = candidates();
      for (const [i, source] of all.entries()) {
        try {
          for await (const piece of source.readRange(asset, range, asking)) {
            found = source;
            yield piece;
          }
          return;
        } catch (error) {
          if (!isAbsent(error) || i + 1 === all.length) throw error;
        }
      }
    },
  };
}
