/**
 * Does a server serve a release so that it can be resumed? Each question is one request, and its answer says what
 * to mend. Nothing is believed and nothing is written: the manifest is read for sizes and digests only.
 */
import { sha256 } from "../base/digest.ts";
import { PIECE_BYTES } from "../format/manifest/blob.ts";
import { decodeManifest, manifestKind, type Pack } from "../format/manifest/manifest.ts";
import { FetchError } from "./fetch-error.ts";
import { parseContentRange } from "./transfer/content-range.ts";
import { GITHUB_FOLDERS, isGitHub } from "./transfer/github-page.ts";
import type { HttpAnswer, HttpClient } from "./transfer/http-client.ts";
import { type GitHubAccess, httpPlace, tokenOf } from "./transfer/open-source.ts";
import { quotedPlace, statusError } from "./transfer/source.ts";

export type Finding = {
  readonly question: string;
  /** "poor" costs bytes or time, "bad" ends transfers. */
  readonly outcome: "good" | "poor" | "bad";
  readonly seen: string;
  /** What to do; "" where it is good. */
  readonly advice: string;
};

export type DoctorRequest = {
  /** An http(s) URL or github:OWNER/REPO. */
  readonly source: string;
  readonly caFile?: string | undefined;
  /** `api` looks at the API's way; default: at plain URLs. */
  readonly github?: GitHubAccess | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: of the process. */
  readonly environment?: NodeJS.ProcessEnv;
};

type Headers = Readonly<Record<string, string>>;
type Ask = (asset: string, headers?: Headers) => Promise<HttpAnswer>;

const STRONG = /^"[^"]*"$/;
/** No server has it. */
const FOREIGN_ETAG = '"themis-doctor-no-such-state"';

/** Where releases are, and how their assets are asked for. */
type Place = {
  readonly origin: string;
  readonly folders: readonly string[];
  readonly get: (folder: string, asset: string, headers: Headers) => Promise<HttpAnswer>;
};

/**
 * @throws FetchError SOURCE_INVALID, TOKEN_INVALID; what ends the first request: SOURCE_UNREACHABLE, TLS_UNTRUSTED,
 *   SOURCE_REDIRECT, and SOURCE_STATUS of an API
 */
export async function examine(request: DoctorRequest): Promise<Finding[]> {
  const { caFile, environment } = request;
  const { HttpClient } = await import("./transfer/http-client.ts");
  const client = new HttpClient({ connections: 1, caFile, ...(environment && { environment }) });
  try {
    const isApi = request.github?.api === true && isGitHub(request.source);
    const place = isApi ? await apiPlace(client, request) : plainPlace(client, request);
    const found = await findManifest(place);
    if (!found.manifest) return [found.finding];
    const ask: Ask = (asset, headers = {}) => place.get(found.folder, asset, headers);
    const pack = smallest(found.manifest.packs);
    const findings = [found.finding, await askUnchanged(ask)];
    if (!pack) return findings;
    return [...findings, ...(await askRanges(ask, pack))];
  } finally {
    await client.close();
  }
}

function plainPlace(client: HttpClient, { source, signal, environment }: DoctorRequest): Place {
  const place = httpPlace(source, environment ?? process.env);
  if (!place) {
    throw new FetchError("SOURCE_INVALID", `${quotedPlace(source)} is not reached by HTTP`, {
      hint: "a folder needs no doctor: every part of its files can be read",
    });
  }
  const { base, credentials, folders } = place;
  return {
    origin: base.origin,
    folders: folders.foldersOf(""),
    get: (folder, asset, headers) => {
      const url = new URL(base);
      const parts = [url.pathname.replace(/\/$/, ""), folder, asset].filter((part) => part !== "");
      url.pathname = parts.join("/");
      return client.get({ url, headers, credentials, signal });
    },
  };
}

async function apiPlace(client: HttpClient, request: DoctorRequest): Promise<Place> {
  const { source: location, signal, environment = process.env } = request;
  const { githubAssets } = await import("./transfer/github-api.ts");
  const token = tokenOf(request.github, environment);
  const assets = githubAssets({ client, location, environment, token });
  return {
    origin: assets.base.origin,
    folders: GITHUB_FOLDERS.foldersOf(""),
    get: async (folder, asset, more) => {
      try {
        const id = await assets.idOf(folder, asset, { signal });
        if (id === "absent")
          throw statusError(`${location}: its latest release has no ${asset}, the API`, 404);
        const { credentials, headers } = assets;
        return await client.get({
          url: assets.urlOf(id),
          headers: { ...headers, ...more },
          credentials,
          signal,
        });
      } catch (error) {
        throw assets.explain(error);
      }
    },
  };
}

async function findManifest(place: Place) {
  const question = "is there a manifest, as it is";
  const answers: string[] = [];
  for (const folder of place.folders) {
    const answer = await place.get(folder, "manifest.json", {});
    const encoding = answer.headers.get("content-encoding");
    if (answer.status !== 200) {
      answer.body.cancel();
      answers.push(`${folder || "."}: ${answer.status}`);
      continue;
    }
    const bytes = await answer.body.whole(manifestKind.maxBytes);
    if (encoding !== undefined && encoding !== "identity") {
      const advice = "switch compression off for this place; a client that asks for identity must get it";
      return {
        folder,
        finding: { question, outcome: "bad", seen: `Content-Encoding: ${encoding}`, advice } as Finding,
      };
    }
    try {
      const manifest = decodeManifest(bytes);
      const from = answer.url.origin === place.origin ? "" : `, from ${answer.url.host}`;
      const seen = `${manifest.product} ${manifest.version}, ${bytes.length} bytes${from}`;
      return { folder, manifest, finding: { question, outcome: "good", seen, advice: "" } as Finding };
    } catch {
      const type = answer.headers.get("content-type") ?? "no type";
      const advice = "open the address in a browser: a login page or a listing may stand in its place";
      return {
        folder,
        finding: {
          question,
          outcome: "bad",
          seen: `${bytes.length} bytes of ${type} that are none`,
          advice,
        } as Finding,
      };
    }
  }
  const advice = "publish a bundle there, or check the address; a private repository is reached by --api";
  return { folder: "", finding: { question, outcome: "bad", seen: answers.join(", "), advice } as Finding };
}

async function askUnchanged(ask: Ask): Promise<Finding> {
  const question = "does an unchanged manifest cost one small answer (If-None-Match)";
  const first = await ask("manifest.json");
  first.body.cancel();
  const etag = first.headers.get("etag");
  if (etag === undefined) {
    const advice = "let the server send an ETag, so that a check need not fetch the manifest";
    return { question, outcome: "poor", seen: "no ETag", advice };
  }
  const second = await ask("manifest.json", { "if-none-match": etag });
  second.body.cancel();
  if (second.status === 304) return { question, outcome: "good", seen: `304 for ${etag}`, advice: "" };
  const now = second.headers.get("etag") ?? "none";
  const seen = now === etag ? `${second.status} for the same ETag` : `the ETag was ${etag} and then ${now}`;
  const advice = "several servers behind one name must agree on ETags, and honour If-None-Match";
  return { question, outcome: "poor", seen, advice };
}

async function askRanges(ask: Ask, pack: Pack): Promise<Finding[]> {
  const { asset, size_bytes: total } = pack;
  const question = "does it send a part of a pack (Range)";
  const plain = "serve packs as plain files by a server that knows ranges (RFC 9110, section 14)";
  const start = Math.floor(total / 2);
  const { status, headers, body } = await ask(asset, { range: `bytes=${start}-${total - 1}` });
  if (status !== 206) {
    body.cancel();
    const outcome = status === 200 ? "poor" : "bad";
    return [{ question, outcome, seen: `${status} for a range of ${asset}`, advice: plain }];
  }
  const range = parseContentRange(headers.get("content-range"));
  const { length } = await body.whole(total);
  const placed = range ? `${range.start}-${range.end - 1}/${range.total ?? "*"}` : "no Content-Range";
  const seen = `${placed}, ${length} bytes, asked from ${start}`;
  const isOurs = range !== undefined && range.start <= start && (range.total ?? total) === total;
  if (!isOurs || range.end - range.start !== length)
    return [{ question, outcome: "bad", seen, advice: plain }];
  const isExact = range.start === start && range.end === total;
  const outcome = isExact ? "good" : "poor";
  const advice = isExact ? "" : "other parts than asked for are legal, and cost bytes or requests";
  return [
    { question, outcome, seen, advice },
    await askPiece(ask, pack),
    await askIfRange(ask, pack, headers.get("etag")),
  ];
}

async function askPiece(ask: Ask, { asset, size_bytes: total, pieces }: Pack): Promise<Finding> {
  const question = "are they the right bytes";
  const last = pieces.length - 1;
  const answer = await ask(asset, { range: `bytes=${last * PIECE_BYTES}-${total - 1}` });
  const bytes = await answer.body.whole(total);
  const piece = bytes.subarray(Math.max(0, bytes.length - (total - last * PIECE_BYTES)));
  if (sha256(piece) === pieces[last])
    return {
      question,
      outcome: "good",
      seen: `piece ${last} of ${asset} is as the manifest names it`,
      advice: "",
    };
  return {
    question,
    outcome: "bad",
    seen: `piece ${last} of ${asset} is another`,
    advice:
      "pack and manifest are of two builds, or a cache on the way is stale: publish again, purge the cache",
  };
}

/** A replaced file must not be mixed with the one before. */
async function askIfRange(
  ask: Ask,
  { asset, size_bytes: total }: Pack,
  etag: string | undefined,
): Promise<Finding> {
  const question = "does it notice that a file was replaced (If-Range)";
  if (etag === undefined || !STRONG.test(etag)) {
    const advice =
      "send a strong ETag; without it a replaced pack costs the pieces that came before it was noticed";
    return {
      question,
      outcome: "poor",
      seen: etag === undefined ? "no ETag" : `a weak ETag, ${etag}`,
      advice,
    };
  }
  const headers = { range: `bytes=0-${Math.min(total, 1000) - 1}` };
  const same = await ask(asset, { ...headers, "if-range": etag });
  const other = await ask(asset, { ...headers, "if-range": FOREIGN_ETAG });
  for (const { body } of [same, other]) body.cancel();
  if (same.status === 206 && other.status === 200)
    return { question, outcome: "good", seen: "206, and 200 for another", advice: "" };
  const advice =
    "If-Range must bring the part for the same ETag and the whole for another (RFC 9110, section 13.1.5)";
  return { question, outcome: "poor", seen: `${same.status}, and ${other.status} for another`, advice };
}

function smallest(packs: readonly Pack[]): Pack | undefined {
  return packs.toSorted((a, b) => a.size_bytes - b.size_bytes)[0];
}
