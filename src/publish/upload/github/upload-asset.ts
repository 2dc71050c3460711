/**
 * The bytes of an asset to where GitHub takes them, by node:https.
 *
 * Not by fetch: it gives up when an answer's head does not come within 300 s, also where the server has the bytes and
 * only thinks about them (measured). Here two limits hold: nothing moves for `stallMs` while bytes go out, and no
 * answer comes for `answerMs` after the last one. After any failure the asset may be there all the same.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { ThemisError } from "../../../base/error.ts";
import { GitHubError } from "./github-error.ts";
import { type Answered, apiHeaders } from "./octokit.ts";
import type { WantedAsset } from "./wanted-assets.ts";

export type UploadLimits = { readonly stallMs: number; readonly answerMs: number };

export const UPLOAD_LIMITS: UploadLimits = { stallMs: 60_000, answerMs: 15 * 60_000 };

const MAX_ANSWER_BYTES = 1 << 20;

export type UploadRequest = {
  readonly asset: WantedAsset;
  /** With the name in it. */
  readonly url: URL;
  readonly authorization: string;
  readonly userAgent: string;
  readonly limits: UploadLimits;
  readonly signal: AbortSignal;
  readonly sent: (bytes: number) => void;
};

/** @throws GitHubError UPLOAD_FAILED; PublishError BUNDLE_INCOMPLETE; the signal's reason */
export async function uploadAsset(upload: UploadRequest): Promise<Answered> {
  const { asset, url, signal } = upload;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = {
    ...apiHeaders(upload.authorization),
    accept: "application/vnd.github+json",
    "user-agent": upload.userAgent,
    "content-type": "application/octet-stream",
    "content-length": String(asset.sizeBytes),
  };
  const request = send(url, { method: "POST", headers, signal });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.on("response", resolve).on("error", reject);
  });
  const watch = watchOver(request, upload.limits);
  // An answer may come before the last byte went out, and then says why.
  const sending = write(request, upload, watch);
  sending.catch((error: unknown) => request.destroy(error as Error));
  try {
    const response = await answer;
    const data = await readJson(response);
    return { status: response.statusCode!, headers: response.headers as Answered["headers"], data };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ThemisError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GitHubError("UPLOAD_FAILED", `the upload of ${asset.name} to ${url.host} broke off (${why})`, {
      cause,
      facts: { asset: asset.name },
      hint: "run it again: it goes on where it stopped",
    });
  } finally {
    watch.stop();
    request.destroy();
  }
}

type Watch = { readonly allSent: () => void; readonly stop: () => void };

async function write(request: ClientRequest, { asset, sent }: UploadRequest, watch: Watch): Promise<void> {
  for await (const piece of asset.content()) {
    if (request.destroyed) return;
    if (!request.write(piece)) await drained(request);
    sent(piece.length);
  }
  request.end();
  watch.allSent();
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off("drain", done).off("close", done);
      resolve();
    };
    request.on("drain", done).on("close", done);
  });
}

/** Looks at what went over the wire, because a socket's own timeout is refreshed by nothing but reads and writes. */
function watchOver(request: ClientRequest, { stallMs, answerMs }: UploadLimits): Watch {
  let movedMs = performance.now();
  let moved = 0;
  let isSent = false;
  const timer = setInterval(
    () => {
      const bytes = request.socket?.bytesWritten ?? 0;
      const now = performance.now();
      if (bytes !== moved) [moved, movedMs] = [bytes, now];
      if (now - movedMs < (isSent ? answerMs : stallMs)) return;
      const why = isSent ? "no answer came" : "nothing moved";
      request.destroy(new Error(`${why} for ${Math.round((now - movedMs) / 1000)} s`));
    },
    Math.max(10, Math.min(stallMs, answerMs) / 8),
  );
  return {
    allSent: () => {
      isSent = true;
    },
    stop: () => clearInterval(timer),
  };
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response) {
    length += (piece as Buffer).length;
    if (length > MAX_ANSWER_BYTES) throw new Error("its answer has no end");
    pieces.push(piece as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    return undefined;
  }
}
