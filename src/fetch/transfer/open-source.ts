/** From what a person named to a source: a folder, an http(s) URL, a repository on GitHub. */
import { statSync } from "node:fs";
import { FetchError } from "../fetch-error.ts";
import { AccessToken } from "./access-token.ts";
import { folderSource } from "./folder-source.ts";
import { GITHUB_FOLDERS, githubReleases, isGitHub } from "./github-page.ts";
import type { HttpClientOptions } from "./http-client.ts";
import type { HttpSourceOptions } from "./http-source.ts";
import { PAGE_FOLDERS, quotedPlace, type Source } from "./source.ts";

/** How a repository on GitHub is reached. */
export type GitHubAccess = {
  /** By the API at once; else only when plain URLs say 404 and there is a token. */
  readonly api: boolean;
  /** Default: of the environment. */
  readonly token?: AccessToken | undefined;
};

export type SourceOptions = HttpClientOptions & {
  readonly github?: GitHubAccess | undefined;
  /** What a person would wonder about, such as a long wait. */
  readonly notice?: ((message: string) => void) | undefined;
};

export type HttpPlace = Required<Pick<HttpSourceOptions, "base" | "credentials" | "folders">>;

/** @throws FetchError SOURCE_INVALID, CA_UNREADABLE, TOKEN_INVALID */
export async function openSource(location: string, options: SourceOptions): Promise<Source> {
  if (location.trim() === "") {
    throw new FetchError("SOURCE_INVALID", "the source is empty", {
      hint: "name a folder, an http(s) URL or github:OWNER/REPO; a variable of a script may not be set",
    });
  }
  if (isGitHub(location)) return openGitHub(location, options);
  const place = httpPlace(location, options.environment ?? process.env);
  if (place) return openHttp(place, options);
  if (/^[a-z][a-z0-9+.-]+:/i.test(location) && !location.startsWith("file:")) {
    throw new FetchError(
      "SOURCE_INVALID",
      `the source ${quotedPlace(location)} is neither a folder nor an http(s) URL nor github:OWNER/REPO`,
    );
  }
  const folder = location.replace(/^file:(\/\/)?/, "");
  if (statSync(folder, { throwIfNoEntry: false })?.isFile())
    throw new FetchError("SOURCE_INVALID", `the source ${folder} is a file`, {
      hint: "a bundle in one file, made by themis-fetch bundle, is named by --offline FILE",
    });
  return folderSource(folder);
}

/** undefined for what is not reached by HTTP. @throws FetchError SOURCE_INVALID */
export function httpPlace(location: string, environment: NodeJS.ProcessEnv): HttpPlace | undefined {
  if (isGitHub(location)) {
    return { base: githubReleases(location, environment), credentials: {}, folders: GITHUB_FOLDERS };
  }
  if (!/^https?:\/\//i.test(location)) return undefined;
  if (!URL.canParse(location))
    throw new FetchError("SOURCE_INVALID", `${quotedPlace(location)} is not a URL`, { hint: LOOK_AT_URL });
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
  return httpSource({ ...place, client: new HttpClient(options), notice: options.notice });
}

async function openGitHub(location: string, options: SourceOptions): Promise<Source> {
  const { environment = process.env, github, notice } = options;
  const token = tokenOf(github, environment);
  const base = githubReleases(location, environment);
  const [{ HttpClient }, { httpSource }, { githubApiSource }, { githubSource }] = await Promise.all([
    import("./http-client.ts"),
    import("./http-source.ts"),
    import("./github-api.ts"),
    import("./github-source.ts"),
  ]);
  const client = new HttpClient(options);
  const byApi = (): Source => githubApiSource({ client, location, environment, token, notice });
  if (github?.api) return byApi();
  const plain = httpSource({ base, folders: GITHUB_FOLDERS, client, notice });
  return token ? githubSource(plain, byApi) : plain;
}

/** @throws FetchError TOKEN_INVALID */
export function tokenOf(
  github: GitHubAccess | undefined,
  environment: NodeJS.ProcessEnv,
): AccessToken | undefined {
  return github?.token ?? AccessToken.fromEnvironment(environment);
}

const LOOK_AT_URL = "look at its host and port, and write what is not plain in a name or password as %XX";

/** RFC 7617. As a header it stays with its origin; in a URL it would end up in messages. @throws FetchError SOURCE_INVALID */
function basicAuthorization({ username, password, host }: URL): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  let pair: string;
  try {
    pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw new FetchError(
      "SOURCE_INVALID",
      `the name or the password for ${host} holds a % that escapes nothing`,
      {
        hint: "write % as %25",
      },
    );
  }
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
