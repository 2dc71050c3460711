/**
 * Releases on GitHub by its API, which knows private repositories and counts its calls.
 *
 *   GET /repos/O/R/releases/latest, /releases/tags/TAG     which asset has which number (github-releases.ts)
 *   GET /repos/O/R/releases/assets/ID                      its bytes, by Accept: application/octet-stream
 *
 * An asset's bytes come at once (200) or from a storage behind a signed URL (302), which expires: then the API
 * names a new one, and the transfer goes on where it was. So a release costs one call, and each asset one.
 *
 *   GITHUB_API_URL, or by GITHUB_SERVER_URL:
 *     https://github.com        https://api.github.com
 *     https://SUB.ghe.com       https://api.SUB.ghe.com
 *     https://HOST              https://HOST/api/v3
 */
import { FetchError } from "../fetch-error.ts";
import type { AccessToken } from "./access-token.ts";
import { below, GITHUB_FOLDERS, githubRepository, githubServer, serverOf } from "./github-page.ts";
import { GitHubReleases } from "./github-releases.ts";
import { type HttpClient, plainUrl } from "./http-client.ts";
import { type Headers, type HttpSourceOptions, httpSource } from "./http-source.ts";
import { type Asking, isAbsent, type Source, waitFact } from "./source.ts";

const VERSION: Headers = { "x-github-api-version": "2022-11-28", "user-agent": "themis-fetch" };
const JSON_HEADERS: Headers = { ...VERSION, accept: "application/vnd.github+json" };
const BYTES_HEADERS: Headers = { ...VERSION, accept: "application/octet-stream" };

export type GitHubApiOptions = {
  readonly client: HttpClient;
  /** "github:OWNER/REPO" */
  readonly location: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Sent to the API's origin and nowhere else. */
  readonly token: AccessToken | undefined;
  readonly notice?: ((message: string) => void) | undefined;
};

/** @throws FetchError SOURCE_INVALID */
export function githubApiBase(environment: NodeJS.ProcessEnv): URL {
  const named = environment.GITHUB_API_URL;
  if (named) return serverOf("GITHUB_API_URL", named);
  const server = githubServer(environment);
  if (server.hostname !== "github.com" && !/^[a-z0-9-]+\.ghe\.com$/.test(server.hostname))
    return below(server, "api/v3");
  server.hostname = `api.${server.hostname}`;
  return server;
}

/** Where assets are, and how to ask for their bytes. */
export type GitHubAssets = Required<Pick<HttpSourceOptions, "base" | "credentials" | "headers">> & {
  /** @param folder as of plain URLs, `latest/download` or `download/TAG` */
  readonly idOf: (folder: string, asset: string, asking: Asking) => Promise<number | "absent">;
  readonly urlOf: (id: number) => URL;
  readonly explain: (error: unknown) => unknown;
};

/** @throws FetchError SOURCE_INVALID, TOKEN_INVALID */
export function githubAssets({
  client,
  location,
  environment,
  token,
  notice,
}: GitHubApiOptions): GitHubAssets {
  const base = githubApiBase(environment);
  if (token) refuseInTheClear(base);
  const repository = githubRepository(location);
  const credentials = token?.authorization() ?? {};
  const json = httpSource({
    ...{ client, base, credentials, notice },
    headers: JSON_HEADERS,
    locate: async (path) => new URL(`${plainUrl(base).replace(/\/$/, "")}/${path}`),
  });
  const releases = new GitHubReleases(json, repository);
  return {
    ...{ base, credentials, headers: BYTES_HEADERS },
    idOf: (folder, asset, asking) => releases.assetId(releaseOf(folder), asset, asking),
    urlOf: (id) => below(base, `repos/${repository}/releases/assets/${id}`),
    explain: (error) => explained(error, base, token !== undefined),
  };
}

/** @throws FetchError SOURCE_INVALID, TOKEN_INVALID */
export function githubApiSource(options: GitHubApiOptions): Source {
  const { client, notice, location } = options;
  const assets = githubAssets(options);
  const name = plainUrl(below(assets.base, `repos/${githubRepository(location)}/releases`));

  const at = (folder: string): Source => {
    const idOf = (asset: string, asking: Asking) => assets.idOf(folder, asset, asking);
    const bytes = httpSource({
      ...{ ...assets, client, notice, folders: GITHUB_FOLDERS },
      locate: async (asset, asking) => {
        const id = await idOf(asset, asking);
        return id === "absent" ? id : assets.urlOf(id);
      },
    });
    /** An asset that is gone may have been put there anew, under another number. */
    const isReplaced = async (asset: string, id: number | "absent", asking: Asking): Promise<boolean> => {
      if (id === "absent") return false;
      const now = await idOf(asset, { ...asking, fresh: true });
      return now !== "absent" && now !== id;
    };
    return {
      ...bytes,
      name: `${name}/${releaseOf(folder)}`,
      at,
      readAll: async (asset, maxBytes, asking = {}) => {
        try {
          const id = await idOf(asset, asking);
          const found = await bytes.readAll(asset, maxBytes, asking);
          if (found !== "absent" || !(await isReplaced(asset, id, asking))) return found;
          return await bytes.readAll(asset, maxBytes, asking);
        } catch (error) {
          throw assets.explain(error);
        }
      },
      readRange: async function* (asset, range, asking = {}) {
        try {
          const id = await idOf(asset, asking);
          try {
            yield* bytes.readRange(asset, range, asking);
          } catch (error) {
            if (!isAbsent(error) || !(await isReplaced(asset, id, asking))) throw error;
            yield* bytes.readRange(asset, range, asking);
          }
        } catch (error) {
          throw assets.explain(error);
        }
      },
    };
  };
  return { ...at(GITHUB_FOLDERS.foldersOf("")[0]!), name };
}

/** From the folders of plain URLs, so that both ways are asked for the same. */
function releaseOf(folder: string): string {
  return folder === "latest/download"
    ? "latest"
    : `tags/${decodeURIComponent(folder.slice("download/".length))}`;
}

/** Everybody on the way could read it. This machine is no way. @throws FetchError TOKEN_INVALID */
export function refuseInTheClear({ protocol, hostname, host }: URL): void {
  if (protocol === "https:" || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) return;
  throw new FetchError("TOKEN_INVALID", `a token is not sent to ${host} over a connection without TLS`, {
    hint: "name the API by an https URL in GITHUB_API_URL or GITHUB_SERVER_URL; nothing was sent",
  });
}

const NEEDS = `a private repository wants a token with "contents: read"`;

/** What the API's refusals mean for a person. */
function explained(error: unknown, base: URL, hasToken: boolean): unknown {
  if (!(error instanceof FetchError) || error.code !== "SOURCE_STATUS" || waitFact(error)?.kind === "wait")
    return error;
  const { message, facts } = error;
  if (!String(facts.url ?? "").startsWith(plainUrl(base))) return error;
  const say = (what: string, hint: string): FetchError =>
    new FetchError("SOURCE_STATUS", what, { cause: error, facts, hint });
  const give = "give one in GITHUB_TOKEN or by --token-file";
  switch (facts.status) {
    case 401:
      return hasToken
        ? say(`${base.host} refuses the token (401)`, "it has expired, was revoked, or is for another server")
        : say(`${base.host} wants a token (401)`, give);
    case 403:
    case 404:
      return hasToken
        ? say(message, `check the name; ${NEEDS}, and this one may lack it`)
        : say(message, `check the name; ${NEEDS}: ${give}`);
    default:
      return error;
  }
}
