/**
 * A repository on GitHub by plain URLs as long as they do, and by the API when they do not.
 *
 * A plain URL costs nothing of a rate limit, and says 404 of everything in a private repository. So the first
 * 404 is asked again by the API, if there is a token; whichever way brings something first is the way from then on.
 */
import { isAbsent, type Source } from "./source.ts";

/** Of one run; shared by all releases of the repository. */
type Way = { found: "none" | "plain" | "api" };

/** @param api made when it is needed */
export function githubSource(plain: Source, api: () => Source, way: Way = { found: "none" }): Source {
  let made: Source | undefined;
  const byApi = (): Source => {
    made ??= api();
    return made;
  };
  return {
    ...plain,
    at: (folder) => githubSource(plain.at(folder), () => byApi().at(folder), way),
    hasRanges: (asset) => (way.found === "api" ? byApi() : plain).hasRanges(asset),
    readAll: async (asset, maxBytes, asking) => {
      if (way.found !== "api") {
        const found = await plain.readAll(asset, maxBytes, asking);
        if (found !== "absent") way.found = "plain";
        if (way.found === "plain") return found;
      }
      const found = await byApi().readAll(asset, maxBytes, asking);
      if (found !== "absent") way.found = "api";
      return found;
    },
    readRange: async function* (asset, range, asking) {
      if (way.found !== "api") {
        try {
          yield* plain.readRange(asset, range, asking);
          way.found = "plain";
          return;
        } catch (error) {
          if (!isAbsent(error) || way.found === "plain") throw error;
        }
      }
      yield* byApi().readRange(asset, range, asking);
      way.found = "api";
    },
  };
}
