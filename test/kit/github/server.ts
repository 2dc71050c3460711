/**
 * A GitHub on loopback: four origins, as the real one has.
 *
 *   web       /O/R/releases/latest/download/NAME, /O/R/releases/download/TAG/NAME    302, or 404 for private ones
 *   api       /repos/O/R/...                        at a port of its own, or below web's /api/v3 as GHES has it
 *   uploads   /repos/O/R/releases/ID/assets         at a port of its own, or below web's /api/uploads
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
import { contractOf } from "./contract.ts";
import type { Origins } from "./documents.ts";
import { RateLimits } from "./rate-limits.ts";
import { type FakeAsset, FakeState } from "./state.ts";

export type Heard = {
  readonly origin: "api" | "uploads" | "web";
  /** Of calls to the API and of uploads, counted from 1; 0 of the web. */
  readonly number: number;
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
  readonly urls: Origins;
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
  /** What GitHub makes of an asset's name. */
  rename: (name: string) => string;
  /** Old servers compute no digest of an asset. */
  digests: boolean;
  /** How many lists still show an asset that is deleted. */
  deleteLag: number;
  /** Asked at each call: goes on, answers otherwise, or cuts the connection. */
  interfere: ((moment: Moment) => Promise<Interference> | Interference) | undefined;
};

/** `before` anything is done, `during` an upload when a part has come, `after` all is done and before the answer. */
export type Moment = Pick<Heard, "number" | "operation"> & { readonly when: "before" | "during" | "after" };
export type Interference = Answer | "cut" | undefined;

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
    rename: renamed,
    digests: true,
    deleteLag: 0,
    interfere: undefined,
  };
  const signed = (asset: FakeAsset): string => {
    const name = `${asset.id}/${asset.name}`;
    stored.set(name, asset.bytes);
    return storage.sign(name, { ...FOR_EVER, ...settings.grant(asset) });
  };

  let calls = 0;
  const contract = contractOf(ghes ? "ghes" : "dotcom");
  const api =
    (origin: "api" | "uploads") =>
    async (request: IncomingMessage, path: string): Promise<Reaction> => {
      const url = new URL(path, "http://api");
      const authorization = request.headers.authorization ?? "";
      const method = request.method!;
      const operation = contract.operationOf(method, url.pathname) ?? `${method} ${url.pathname}`;
      const entry: Heard = { origin, number: ++calls, path, operation, authorization, status: 0 };
      heard.push(entry);
      const ask = async (when: Moment["when"]): Promise<Interference> =>
        settings.interfere?.({ ...entry, when });
      try {
        const before = settings.instead?.(path) ?? (await ask("before"));
        if (before === "cut") return before;
        if (before) {
          await discard(request);
          entry.status = before.status;
          return before;
        }
        const isUpload = operation === UPLOAD;
        if (isUpload !== (origin === "uploads")) violations.push(`${operation} came to ${origin}`);
        const body = isUpload ? undefined : await jsonBody(request);
        const upload = interrupted(request, () => ask("during"));
        const asked = { method, path: url.pathname, query: url.searchParams, headers: request.headers };
        const answer = await answerCall(
          { ...asked, ...(body !== undefined && { body }), upload },
          authorization.replace(/^Bearer /, ""),
          {
            ...{ contract, state, limits },
            origins: () => urls,
            embedded: () => settings.embedded,
            rename: (name) => settings.rename(name),
            tellsDigests: () => settings.digests,
            deleteLag: () => settings.deleteLag,
            bytesUrl: (asset) => (settings.delivery === "redirect" ? signed(asset) : undefined),
            violation: (words) => violations.push(words),
          },
        );
        entry.status = answer.status;
        return (await ask("after")) ?? answer;
      } catch (error) {
        // Whoever asked is gone, or was cut off in the middle.
        if (error instanceof Cut || request.destroyed) return "cut";
        throw error;
      }
    };

  const web = async (request: IncomingMessage, path: string): Promise<Reaction> => {
    if (ghes && path.startsWith("/api/v3/")) return api("api")(request, path.slice("/api/v3".length));
    if (ghes && path.startsWith("/api/uploads/"))
      return api("uploads")(request, path.slice("/api/uploads".length));
    const authorization = request.headers.authorization ?? "";
    const answer = page(path);
    const { status } = answer;
    heard.push({ origin: "web", number: 0, path, operation: path, authorization, status });
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

  const servers = [await listen(web)];
  if (!ghes) servers.push(await listen(api("api")), await listen(api("uploads")));
  const [webUrl, apiUrl, uploadsUrl] = servers.map(urlOf);
  const urls = {
    web: webUrl!,
    api: apiUrl ?? `${webUrl}/api/v3`,
    uploads: uploadsUrl ?? `${webUrl}/api/uploads`,
  };
  return {
    ...{ state, limits, heard, storage, urls, settings },
    environment: { GITHUB_SERVER_URL: urls.web, ...(!ghes && { GITHUB_API_URL: urls.api }) },
    calls: (operation) =>
      heard.filter((each) => each.origin !== "web" && (operation ?? each.operation) === each.operation)
        .length,
    close: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await storage.close();
      if (violations.length > 0) throw new AggregateError(violations, `broken: ${violations.join("; ")}`);
    },
  };
}

const UPLOAD = "POST /repos/{owner}/{repo}/releases/{release_id}/assets";

type Reaction = Answer | "cut";
type Handle = (request: IncomingMessage, path: string) => Promise<Reaction>;

async function listen(handle: Handle): Promise<Server> {
  const server = createServer((request, response) => {
    request.on("error", () => {});
    void handle(request, request.url!).then((answer) => send(response, answer));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return server;
}

function send(response: ServerResponse, answer: Reaction): void {
  if (answer === "cut") {
    response.destroy();
    return;
  }
  const { status, headers, body } = answer;
  const length = status === 204 ? [] : [["content-length", String(body.length)]];
  response.writeHead(status, [...headers, ...length].flat());
  response.end(body);
}

class Cut extends Error {}

async function* interrupted(
  pieces: AsyncIterable<Uint8Array>,
  ask: () => Promise<Interference>,
): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const piece of pieces) {
    if (isFirst && (await ask()) === "cut") throw new Cut();
    isFirst = false;
    yield piece;
  }
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return pieces.length === 0 ? undefined : JSON.parse(Buffer.concat(pieces).toString());
}

async function discard(request: IncomingMessage): Promise<void> {
  for await (const _ of request);
}

/** "GitHub renames asset filenames that have special characters, non-alphanumeric characters, and leading or trailing periods." */
function renamed(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]+/g, ".").replaceAll(/^\.+|\.+$/g, "");
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function redirect(location: string): Answer {
  return { status: 302, headers: [["location", location]], body: Buffer.alloc(0), part: undefined };
}
