/**
 * The second origin of a release page: it gives an asset only to who brings a signed query, as S3 and Azure do.
 *
 *   GET /app.pack?X-Expires=1771000000&X-Signature=5f1c...     200 or 206
 *   the same, when it is no longer good                        the grant's status
 *   with Authorization or Cookie                               400: two ways of authorization at once
 *   HEAD with a URL that was signed for GET                    403
 */
import { randomBytes } from "node:crypto";
import { type Answer, plainAnswer } from "./answer.ts";
import { assetPath } from "./asset.ts";
import type { Asked, Fault, Script } from "./fault.ts";
import { firstOf, rightly } from "./script.ts";
import { sendBeginning } from "./send-answer.ts";
import { type MisbehavingServer, misbehavingServer, type ServerRequest } from "./server.ts";
import type { Settings } from "./settings.ts";

export type Grant = Pick<Settings, "validRequests" | "validMs" | "expiredStatus"> & {
  /** Every answer is cut there; undefined leaves them whole. */
  readonly cut: Pick<Settings, "afterBytes" | "lingerMs"> | undefined;
};

export type SignedStorage = MisbehavingServer & {
  /** A URL with its signature. */
  readonly sign: (asset: string, grant: Grant) => string;
};

type Signature = {
  readonly asset: string;
  readonly grant: Grant;
  readonly expiresMs: number;
  requestsLeft: number;
};

/** The script is asked about requests that are well signed. */
export async function signedStorage({ script = rightly, ...request }: ServerRequest): Promise<SignedStorage> {
  const signatures = new Map<string, Signature>();
  const server = await misbehavingServer({ ...request, script: firstOf(guard(signatures), script) });
  return {
    ...server,
    sign: (asset, grant) => {
      const key = randomBytes(8).toString("hex");
      const expiresMs = Date.now() + grant.validMs;
      signatures.set(key, { asset, grant, expiresMs, requestsLeft: grant.validRequests });
      const expires = Number.isFinite(expiresMs) ? Math.ceil(expiresMs / 1000) : 0;
      return `${server.url}/${assetPath(asset)}?X-Expires=${expires}&X-Signature=${key}`;
    },
  };
}

function guard(signatures: ReadonlyMap<string, Signature>): Script {
  return ({ request, asset, origin }) => {
    const { authorization, cookie } = request.headers;
    if (authorization !== undefined || cookie !== undefined)
      return refusal(66, "credentials came", storageError(400, "only one way of authorization is allowed"));
    const key = new URL(request.target, origin.url).searchParams.get("X-Signature") ?? "";
    const signature = signatures.get(key);
    if (signature?.asset !== asset.name)
      return refusal(63, "not signed", storageError(403, "the signature does not match"));
    if (request.method !== "GET")
      return refusal(33, "signed for GET", storageError(403, "the signature does not match"));
    const { grant, expiresMs } = signature;
    if (signature.requestsLeft <= 0 || Date.now() >= expiresMs)
      return refusal(63, "expired", storageError(grant.expiredStatus, "the signature has expired"));
    signature.requestsLeft--;
    return grant.cut && { fault: cutFault, settings: grant.cut };
  };
}

function refusal(number: number, way: string, answer: Answer): ReturnType<Script> {
  return { fault: named(number, way, async ({ send }) => send(answer)), settings: {} };
}

const cutFault = named(64, "cut", async ({ wire, right, settings }) => {
  await sendBeginning(wire, right, settings.afterBytes);
  await wire.pause(settings.lingerMs);
  wire.reset();
});

function named(number: number, way: string, behave: Fault["behave"]): Fault {
  return { number, name: "what a storage does by itself", way, concerns: (_: Asked) => true, behave };
}

function storageError(status: number, message: string): Answer {
  return plainAnswer(
    status,
    "application/xml",
    `<?xml version="1.0"?><Error><Message>${message}</Message></Error>`,
  );
}
