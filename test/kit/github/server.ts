/**
 * A GitHub on loopback: three origins, as the real one has.
 *
 *   web       /O/R/releases/latest/download/NAME, /O/R/releases/download/TAG/NAME    302, or 404 for private ones
 *   api       /repos/O/R/...                        at a port of its own, or below web's /api/v3 as GHES has it
 *   storage   signed URLs that expire; Range and ETag; 400 to who brings an Authorization
 *
 *   const github = await fakeGitHub();
 *   github.state.addRepository("acme/app", { isPrivate: true }).addBundle("v1.0.0", folder);
 *   ... with github.environment ...
 *   await github.close();      throws when a request or an answer broke GitHub's own description
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, plainAnswer } from "../misbehaving-server/answer.ts";
import { assetPath } from "../misbehaving-server/asset.ts";
import { type Grant, type SignedStorage, signedStorage } from "../misbehaving-server/signed-storage.ts";
import { answerCall } from "./api.ts";
import { operationOf } from "./contract.ts";
import { RateLimits } from "./rate-limits.ts";
import { type FakeAsset, FakeState } from "./state.ts";

export type Heard = {
  readonly origin: "api" | "web";
  readonly path: string;
  /** `GET /repos/{owner}/{repo}/releases/latest`; of the web the path itself. */
  readonly operation: string;
  /** "" when there was none. */
  readonly authorization: string;
  status: number;
};

export type FakeGitHub = {
  readonly state: FakeState;
  readonly limits: RateLimits;
  readonly heard: readonly Heard[];
  readonly storage: SignedStorage;
  readonly urls: { readonly api: string; readonly web: string };
  /** What a client needs to find it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Calls to the API, by operation; without one, all. */
  readonly calls: (operation?: string) => number;
  /** May be changed at any time. */
  readonly settings: FakeSettings;
  readonly close: () => Promise<void>;
};

export type FakeSettings = {
  /** Whether the API sends to the storage, or sends the bytes itself. */
  delivery: "redirect" | "direct";
  /** Of a signed URL, asked for each. */
  grant: (asset: FakeAsset) => Partial<Grant>;
  /** How many assets a release lists by itself. */
  embedded: number;
  /** Stands in for the API, whatever GitHub would say. */
  instead: ((path: string) => Answer | undefined) | undefined;
};

const FOR_EVER: Grant = {
  validRequests: Number.POSITIVE_INFINITY,
  validMs: Number.POSITIVE_INFINITY,
  expiredStatus: 403,
  cut: undefined,
};

export async function fakeGitHub({ ghes = false } = {}): Promise<FakeGitHub> {
  const state = new FakeState();
  const limits = new RateLimits();
  const heard: Heard[] = [];
  const violations: string[] = [];
  const stored = new Map<string, Uint8Array>();
  const storage = await signedStorage({ assets: stored });
  const settings: FakeSettings = {
    delivery: "redirect",
    grant: () => ({}),
    embedded: 1000,
    instead: undefined,
  };
  const signed = (asset: FakeAsset): string => {
    const name = `${asset.id}/${asset.name}`;
    stored.set(name, asset.bytes);
    return storage.sign(name, { ...FOR_EVER, ...settings.grant(asset) });
  };

  const api = (request: IncomingMessage, path: string): Answer => {
    const url = new URL(path, "http://api");
    const authorization = request.headers.authorization ?? "";
    const method = request.method!;
    const operation = operationOf(method, url.pathname) ?? `${method} ${url.pathname}`;
    const entry: Heard = { origin: "api", path, operation, authorization, status: 0 };
    heard.push(entry);
    const asked = { method, path: url.pathname, query: url.searchParams, headers: request.headers };
    const answer =
      settings.instead?.(path) ??
      answerCall(asked, authorization.replace(/^Bearer /, ""), {
        state,
        limits,
        origins: () => urls,
        embedded: () => settings.embedded,
        bytesUrl: (asset) => (settings.delivery === "redirect" ? signed(asset) : undefined),
        violation: (words) => violations.push(words),
      });
    entry.status = answer.status;
    return answer;
  };

  const web = (request: IncomingMessage, path: string): Answer => {
    if (ghes && path.startsWith("/api/v3/")) return api(request, path.slice("/api/v3".length));
    const authorization = request.headers.authorization ?? "";
    const answer = page(path);
    heard.push({ origin: "web", path, operation: path, authorization, status: answer.status });
    return answer;
  };

  const page = (path: string): Answer => {
    const absent = plainAnswer(404, "text/plain", "Not Found\n");
    const [, fullName, place, name] =
      /^\/([^/]+\/[^/]+)\/releases\/(latest\/download|download\/[^/]+)\/([^/]+)$/.exec(path) ?? [];
    const repository = state.repository(fullName ?? "");
    if (!repository || repository.isPrivate) return absent;
    if (place === "latest/download") {
      const latest = repository.latest();
      if (!latest) return absent;
      return redirect(`/${fullName}/releases/download/${assetPath(latest.tag)}/${name}`);
    }
    const tag = decodeURIComponent(place!.slice("download/".length));
    const asset = repository
      .published(tag)
      ?.assets.find((each) => each.name === name && each.state === "uploaded");
    return asset ? redirect(signed(asset)) : absent;
  };

  const servers = [await listen(web), await listen(ghes ? undefined : api)];
  const [webUrl, apiUrl] = servers.map((server) => server && urlOf(server));
  const urls = { web: webUrl!, api: apiUrl ?? `${webUrl}/api/v3` };
  return {
    ...{ state, limits, heard, storage, urls, settings },
    environment: { GITHUB_SERVER_URL: urls.web, ...(!ghes && { GITHUB_API_URL: urls.api }) },
    calls: (operation) =>
      heard.filter((each) => each.origin === "api" && (operation ?? each.operation) === each.operation)
        .length,
    close: async () => {
      for (const server of servers) {
        server?.closeAllConnections();
        server?.close();
      }
      await storage.close();
      if (violations.length > 0) throw new AggregateError(violations, `broken: ${violations.join("; ")}`);
    },
  };
}

type Handle = (request: IncomingMessage, path: string) => Answer;

async function listen(handle: Handle | undefined): Promise<Server | undefined> {
  if (!handle) return undefined;
  const server = createServer((request, response) => send(response, handle(request, request.url!)));
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return server;
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, [...headers, ["content-length", String(body.length)]].flat());
  response.end(body);
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function redirect(location: string): Answer {
  return { status: 302, headers: [["location", location]], body: Buffer.alloc(0), part: undefined };
}
