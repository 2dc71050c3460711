/**
 * Faults 63 to 68: the way to the bytes leads over somebody else.
 *
 * Signed URLs are those of the origin's `storage`, a second server on another port and so another origin.
 */
import { type Answer, jsonAnswer, plainAnswer } from "./answer.ts";
import { assetPath } from "./asset.ts";
import type { Behaviour, Exchange } from "./fault.ts";
import type { Grant } from "./signed-storage.ts";

function moved(location: string): Answer {
  return plainAnswer(302, "text/html", "<a>moved</a>\n", ["location", location]);
}

function redirecting(number: number, way: string, to: (exchange: Exchange) => string): Behaviour {
  return { number, way, behave: async (exchange) => exchange.send(moved(to(exchange))) };
}

function signed({ asset, origin }: Exchange, grant: Grant): string {
  if (!origin.storage) throw new Error("the server was started without a storage to redirect to");
  return origin.storage.sign(asset.name, grant);
}

function queryOf({ request, origin }: Exchange): URLSearchParams {
  return new URL(request.target, origin.url).searchParams;
}

/** A head of more than 16 KiB would be another fault. */
const DATA_URL_BYTES = 4096;

const FOR_EVER: Grant = {
  validRequests: Number.POSITIVE_INFINITY,
  validMs: Number.POSITIVE_INFINITY,
  expiredStatus: 403,
  cut: undefined,
};

/** They lead to the origin's `storage`. */
export const storageFaults: readonly Behaviour[] = [
  redirecting(63, "expires between requests", (exchange) =>
    signed(exchange, { ...exchange.settings, cut: undefined }),
  ),
  redirecting(64, "cut when it expires", (exchange) =>
    signed(exchange, { ...exchange.settings, validRequests: 1, cut: exchange.settings }),
  ),
  redirecting(66, "another port", (exchange) => signed(exchange, FOR_EVER)),
  {
    number: 67,
    way: "http",
    concerns: ({ origin }) => origin.url.startsWith("https:"),
    behave: async (exchange) => exchange.send(moved(signed(exchange, FOR_EVER).replace(/^https:/, "http:"))),
  },
];

export const redirectFaults: readonly Behaviour[] = [
  {
    number: 65,
    way: "chain",
    behave: async (exchange) => {
      const hop = Number(queryOf(exchange).get("hop") ?? 0);
      if (hop >= exchange.settings.hops) return exchange.send(exchange.right);
      await exchange.send(moved(`${exchange.origin.url}/${assetPath(exchange.asset.name)}?hop=${hop + 1}`));
    },
  },
  redirecting(65, "loop", ({ origin, asset }) => `${origin.url}/${assetPath(asset.name)}`),
  {
    number: 65,
    way: "no Location",
    behave: async ({ send }) => send(plainAnswer(302, "text/plain", "moved, but where\n")),
  },
  {
    number: 65,
    way: "relative",
    behave: async (exchange) => {
      if (queryOf(exchange).has("moved")) return exchange.send(exchange.right);
      await exchange.send(moved(`./${assetPath(exchange.asset.name).split("/").at(-1)}?moved=1`));
    },
  },
  redirecting(67, "file", () => "file:///etc/passwd"),
  // With the right bytes, so that only the scheme can be the reason for refusing them; of a long asset the first.
  redirecting(67, "data", ({ asset }) => {
    const carried = Buffer.from(asset.bytes.subarray(0, DATA_URL_BYTES));
    return `data:application/octet-stream;base64,${carried.toString("base64")}`;
  }),
  {
    number: 68,
    way: "metadata",
    behave: async ({ request, asset, right, send }) => {
      if (/application\/octet-stream/i.test(request.headers.accept ?? "")) return send(right);
      await send(
        jsonAnswer(200, { name: asset.name, size: asset.bytes.length, content_type: "application/gzip" }),
      );
    },
  },
];
