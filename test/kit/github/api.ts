/** What the API answers to a call: from the state, and nothing else. */
import { createHash } from "node:crypto";
import { type Answer, jsonAnswer } from "../misbehaving-server/answer.ts";
import { type Asked, answerFault, operationOf, requestFault } from "./contract.ts";
import { assetDocument, type Origins, releaseDocument, repositoryDocument } from "./documents.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { FakeAsset, FakeRelease, FakeRepository, FakeState, Right } from "./state.ts";

export type ApiTools = {
  readonly state: FakeState;
  readonly limits: RateLimits;
  readonly origins: () => Origins;
  /** How many assets a release lists by itself. */
  readonly embedded: () => number;
  /** A signed URL of an asset's bytes; undefined sends them at once. */
  readonly bytesUrl: (asset: FakeAsset) => string | undefined;
  /** Told of what breaks the contract, on either side. */
  readonly violation: (words: string) => void;
};

type Call = Asked & {
  readonly operation: string;
  readonly repository: FakeRepository;
  readonly right: Right;
  readonly segments: readonly string[];
};

const NOT_FOUND = jsonAnswer(404, { message: "Not Found", status: "404" });
const MAX_PAGE = 100;

export function answerCall(asked: Asked, token: string, tools: ApiTools): Answer {
  const { state, limits } = tools;
  const operation = operationOf(asked.method, asked.path);
  if (operation === undefined) return NOT_FOUND;
  const fault = requestFault(operation, asked);
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
  const answer = route({ ...asked, operation, repository, right, segments }, tools);
  if (answer.status !== 200 || !isJson(answer)) return answer;
  const wrong = answerFault(operation, 200, JSON.parse(Buffer.from(answer.body).toString()));
  if (wrong !== "") return violated(`${operation} answers wrongly: ${wrong}`, tools);
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
  if (operation === "GET /repos/{owner}/{repo}") return jsonAnswer(200, repositoryDocument(repository));
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
      const { assets, tag } = release;
      const documents = assets.map((asset) => assetDocument(asset, tag, repository, tools.origins()));
      return page(documents, { path: call.path, query }, tools);
    }
    case "GET /repos/{owner}/{repo}/releases/assets/{asset_id}": {
      const found = repository.asset(Number(third));
      if (!found || !isVisible(found.release)) return NOT_FOUND;
      if (call.headers.accept === "application/octet-stream") return bytesOf(found.asset, tools);
      return jsonAnswer(200, assetDocument(found.asset, found.release.tag, repository, tools.origins()));
    }
    default:
      return violated(`${operation} is not played`, tools);
  }
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

function violated(words: string, { violation }: ApiTools): Answer {
  violation(words);
  return jsonAnswer(500, { message: words });
}
