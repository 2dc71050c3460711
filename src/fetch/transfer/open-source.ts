/** From what a person named to a source: a folder, an http(s) URL, a repository on GitHub. */
import { FetchError } from "../fetch-error.ts";
import { folderSource } from "./folder-source.ts";
import { GITHUB_FOLDERS, githubReleases } from "./github-page.ts";
import type { HttpClientOptions } from "./http-client.ts";
import type { HttpSourceOptions } from "./http-source.ts";
import { PAGE_FOLDERS, type Source } from "./source.ts";

export type SourceOptions = Omit<HttpClientOptions, "connections"> & { readonly connections: number };

export type HttpPlace = Required<Pick<HttpSourceOptions, "base" | "credentials" | "folders">>;

/** @throws FetchError SOURCE_INVALID, CA_UNREADABLE */
export async function openSource(location: string, options: SourceOptions): Promise<Source> {
  const place = httpPlace(location, options.environment ?? process.env);
  if (place) return openHttp(place, options);
  if (/^[a-z][a-z0-9+.-]+:/i.test(location) && !location.startsWith("file:")) {
    throw new FetchError(
      "SOURCE_INVALID",
      `the source ${JSON.stringify(location)} is neither a folder nor an http(s) URL nor github:OWNER/REPO`,
    );
  }
  return folderSource(location.replace(/^file:(\/\/)?/, ""));
}

/** undefined for what is not reached by HTTP. @throws FetchError SOURCE_INVALID */
export function httpPlace(location: string, environment: NodeJS.ProcessEnv): HttpPlace | undefined {
  if (/^github:/i.test(location)) {
    return { base: githubReleases(location, environment), credentials: {}, folders: GITHUB_FOLDERS };
  }
  if (!/^https?:\/\//i.test(location)) return undefined;
  if (!URL.canParse(location))
    throw new FetchError("SOURCE_INVALID", `${JSON.stringify(location)} is not a URL`);
  const base = new URL(location);
  const credentials = basicAuthorization(base);
  base.username = "";
  base.password = "";
  return { base, credentials, folders: PAGE_FOLDERS };
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
