/** From what a person named to a source: a folder, an http(s) URL, a repository on GitHub. */
import { FetchError } from "../fetch-error.ts";
import { folderSource } from "./folder-source.ts";
import { GITHUB_FOLDERS, githubReleases } from "./github-page.ts";
import type { HttpClientOptions } from "./http-client.ts";
import type { HttpSourceOptions } from "./http-source.ts";
import type { Source } from "./source.ts";

export type SourceOptions = Omit<HttpClientOptions, "connections"> & { readonly connections: number };

/** @throws FetchError SOURCE_INVALID, CA_UNREADABLE */
export async function openSource(location: string, options: SourceOptions): Promise<Source> {
  if (/^github:/i.test(location)) {
    const base = githubReleases(location, options.environment ?? process.env);
    return openHttp({ base, folders: GITHUB_FOLDERS }, options);
  }
  if (/^https?:\/\//i.test(location)) {
    if (!URL.canParse(location))
      throw new FetchError("SOURCE_INVALID", `${JSON.stringify(location)} is not a URL`);
    const base = new URL(location);
    const credentials = basicAuthorization(base);
    base.username = "";
    base.password = "";
    return openHttp({ base, credentials }, options);
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(location) && !location.startsWith("file:")) {
    throw new FetchError(
      "SOURCE_INVALID",
      `the source ${JSON.stringify(location)} is neither a folder nor an http(s) URL nor github:OWNER/REPO`,
    );
  }
  return folderSource(location.replace(/^file:(\/\/)?/, ""));
}

/** undici is loaded by those who need it. */
async function openHttp(place: Omit<HttpSourceOptions, "client">, options: SourceOptions): Promise<Source> {
  const [{ HttpClient }, { httpSource }] = await Promise.all([
    import("./http-client.ts"),
    import("./http-source.ts"),
  ]);
  return httpSource({ ...place, client: new HttpClient(options) });
}

/** RFC 7617. As a header it stays with its origin; in a URL it would end up in messages. */
function basicAuthorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
