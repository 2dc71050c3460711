/** What the API answers to a call: from the state, and nothing else. */
import { createHash } from "node:crypto";
import { type Answer, jsonAnswer } from "../misbehaving-server/answer.ts";
import type { Asked, Contract } from "./contract.ts";
import { assetDocument, type Origins, placeOf, releaseDocument, repositoryDocument } from "./documents.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { FakeAsset, FakeRelease, FakeRepository, FakeState, Right } from "./state.ts";
import { write } from "./writes.ts";

export type ApiTools = {
  readonly contract: Contract;
  readonly state: FakeState;
  readonly limits: RateLimits;
  readonly origins: () => Origins;
  /** How many assets a release lists by itself. */
  readonly embedded: () => number;
  /** A signed URL of an asset's bytes; undefined sends them at once. */
  readonly bytesUrl: (asset: FakeAsset) => string | undefined;
  /** What GitHub makes of an asset's name. */
  readonly rename: (name: string) => string;
  /** Old servers compute no digest of an asset. */
  readonly tellsDigests: () => boolean;
  /** How many lists still show an asset that is deleted. */
  readonly deleteLag: () => number;
  /** Told of what breaks the contract, on either side. */
  readonly violation: (words: string) => void;
};

export type Call = Asked & {
  readonly operation: string;
  readonly repository: FakeRepository;
  readonly right: Right;
  readonly segments: readonly string[];
  /** The bytes of an upload, as they come. */
  readonly upload: AsyncIterable<Uint8Array>;
};

export const NOT_FOUND: Answer = jsonAnswer(404, {
  message: "Not Found",
  documentation_url: "https://docs.github.com/rest",
  status: "404",
});
const NOT_FOUND_BARE: Answer = { status: 404, headers: [], body: Buffer.alloc(0), part: undefined };
const MAX_PAGE = 100;

export async function answerCall(
  asked: Asked & Pick<Call, "upload">,
  token: string,
  tools: ApiTools,
): Promise<Answer> {
  const { contract, state, limits } = tools;
  const operation = contract.operationOf(asked.method, asked.path);
  if (operation === undefined) return NOT_FOUND;
  const fault = contract.requestFault(operation, asked);
  if (fault !== "") return violated(`${operation}: ${fault}`, tools);
  if (token !== "" && !state.knowsToken(token))
    return jsonAnswer(401, { message: "Bad credentials", status: "401" });
  const unmodified = asked.headers["if-none-match"] !== undefined;
  const before = limits.remaining;
  const refusal = limits.refuse();
  if (refusal) return refusal;
  const [, owner, name] = asked.path.split("/").slice(1);
  const repository = state.repository(`${owner}/${name}`);
  if (!repository) return NOT_FOUND;
  const right = state.right(token, repository);
  if (right === "none") return NOT_FOUND;
  const segments = asked.path.split("/").slice(4).map(decodeURIComponent);
  const call: Call = { ...asked, operation, repository, right, segments };
  const answer = asked.method === "GET" ? route(call, tools) : await write(call, tools);
  const body = isJson(answer) ? JSON.parse(Buffer.from(answer.body).toString()) : undefined;
  const isBytes = answer.status === 200 && body === undefined;
  const wrong = isBytes ? "" : contract.answerFault(operation, answer.status, body);
  if (wrong !== "") return violated(`${operation} answers wrongly: ${wrong}`, tools);
  if (answer.status !== 200 || body === undefined || asked.method !== "GET")
    return { ...answer, headers: [...answer.headers, ...limits.headers()] };
  const etag = `W/"${createHash("sha256").update(answer.body).digest("hex")}"`;
  if (unmodified && asked.headers["if-none-match"] === etag) {
    // Costs nothing, for those who are known.
    if (token !== "") limits.remaining = before;
    return { ...answer, status: 304, body: Buffer.alloc(0), headers: [["etag", etag]] };
  }
  return { ...answer, headers: [...answer.headers, ...limits.headers(), ["etag", etag]] };
}

function route(call: Call, tools: ApiTools): Answer {
  const { operation, repository, right, segments, query } = call;
  const [, second = "", third = ""] = segments;
  if (operation === "GET /repos/{owner}/{repo}")
    return jsonAnswer(200, repositoryDocument(repository, right));
  if (right === "metadata: read")
    return jsonAnswer(403, { message: "Resource not accessible by personal access token" });
  const say = (release: FakeRelease): object =>
    releaseDocument(release, repository, tools.origins(), tools.embedded());
  const isVisible = ({ draft }: FakeRelease): boolean => !draft || right === "contents: write";
  const one = (release: FakeRelease | undefined): Answer =>
    release && isVisible(release) ? jsonAnswer(200, say(release)) : NOT_FOUND;
  switch (operation) {
    case "GET /repos/{owner}/{repo}/releases":
      return page(repository.releases.filter(isVisible).toReversed().map(say), call, tools);
    case "GET /repos/{owner}/{repo}/releases/latest":
      return one(repository.latest());
    case "GET /repos/{owner}/{repo}/releases/tags/{tag}":
      return one(repository.published(third));
    case "GET /repos/{owner}/{repo}/releases/{release_id}":
      return one(repository.releases.find(({ id }) => id === Number(second)));
    case "GET /repos/{owner}/{repo}/releases/{release_id}/assets": {
      const release = repository.releases.find(({ id }) => id === Number(second));
      if (!release || !isVisible(release)) return NOT_FOUND;
      const documents = listed(release).map((asset) =>
        assetDocument(asset, placeOf(release), repository, tools.origins()),
      );
      return page(documents, { path: call.path, query }, tools);
    }
    case "GET /repos/{owner}/{repo}/releases/assets/{asset_id}": {
      const found = repository.asset(Number(third));
      if (!found || !isVisible(found.release)) return NOT_FOUND;
      if (call.headers.accept === "application/octet-stream") return bytesOf(found.asset, tools);
      return jsonAnswer(200, assetDocument(found.asset, placeOf(found.release), repository, tools.origins()));
    }
    case "GET /repos/{owner}/{repo}/immutable-releases":
      // Administrators may know; of others GitHub says that it is not there.
      return NOT_FOUND_BARE;
    case "GET /repos/{owner}/{repo}/git/ref/{ref}": {
      const commit = repository.tags.get(third.replace(/^tags\//, ""));
      if (commit === undefined) return NOT_FOUND;
      const object = { type: "commit", sha: commit, url: `${tools.origins().api}/git/commits/${commit}` };
      return jsonAnswer(200, { ref: `refs/${third}`, node_id: "x", url: tools.origins().api, object });
    }
    default:
      return violated(`${operation} is not played`, tools);
  }
}

/** With what was deleted and is not gone everywhere yet. */
function listed(release: FakeRelease): readonly FakeAsset[] {
  const ghosts = release.ghosts.filter((ghost) => ghost.lists-- > 0).map(({ asset }) => asset);
  return [...release.assets, ...ghosts];
}

/** The documentation: "API clients should handle both a 200 or 302 response". */
function bytesOf(asset: FakeAsset, { bytesUrl }: ApiTools): Answer {
  const location = bytesUrl(asset);
  if (location !== undefined)
    return { status: 302, headers: [["location", location]], body: Buffer.alloc(0), part: undefined };
  const headers = [["content-type", "application/octet-stream"]] as const;
  return { status: 200, headers, body: asset.bytes, part: undefined };
}

function page(
  all: readonly object[],
  { path, query }: Pick<Asked, "path" | "query">,
  tools: ApiTools,
): Answer {
  const size = Math.min(MAX_PAGE, Number(query.get("per_page") ?? 30));
  const number = Number(query.get("page") ?? 1);
  const answer = jsonAnswer(200, all.slice((number - 1) * size, number * size));
  if (number * size >= all.length) return answer;
  const next = `${tools.origins().api}${path}?per_page=${size}&page=${number + 1}`;
  return { ...answer, headers: [...answer.headers, ["link", `<${next}>; rel="next"`]] };
}

function isJson({ headers }: Answer): boolean {
  return headers.some(([name, value]) => name === "content-type" && value.startsWith("application/json"));
}

export function violated(words: string, { violation }: ApiTools): Answer {
  violation(words);
  return jsonAnswer(500, { message: words });
}
