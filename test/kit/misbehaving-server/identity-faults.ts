/**
 * Faults 35 to 42: is it still the same file? Each serves rightly, but another asset than was asked for, or with
 * other validators. While the script strikes, that is what the server has; afterwards it has the first one again.
 */
import { type Asset, replaceAsset } from "./asset.ts";
import type { Asked, Behaviour, Exchange } from "./fault.ts";
import { rightAnswer } from "./right-answer.ts";

const exists = ({ right }: Asked): boolean => right.status !== 404;

function serving(
  number: number,
  way: string,
  change: (asset: Asset, exchange: Exchange) => Asset,
): Behaviour {
  return {
    number,
    way,
    concerns: exists,
    behave: async (exchange) =>
      exchange.send(rightAnswer(exchange.request, change(exchange.asset, exchange))),
  };
}

const sameLength = (asset: Asset): Asset => replaceAsset(asset, 0);
const longer = (asset: Asset, { settings }: Exchange): Asset => replaceAsset(asset, settings.shiftBytes);

function ignoringIfRange(way: string, change: (asset: Asset, exchange: Exchange) => Asset): Behaviour {
  return {
    number: 36,
    way,
    concerns: exists,
    behave: async (exchange) => {
      const { "if-range": _, ...headers } = exchange.request.headers;
      await exchange.send(rightAnswer({ ...exchange.request, headers }, change(exchange.asset, exchange)));
    },
  };
}

export const identityFaults: readonly Behaviour[] = [
  serving(35, "same length", sameLength),
  serving(35, "longer", longer),
  ignoringIfRange("same length", sameLength),
  ignoringIfRange("longer", longer),
  serving(37, "stale content", (asset) => ({ ...asset, bytes: sameLength(asset).bytes })),
  {
    ...serving(37, "stale cache", (asset) => ({ ...asset, bytes: sameLength(asset).bytes })),
    // RFC 9111, section 5.2.1.4: who asks so is answered by the origin.
    concerns: ({ request, right }) =>
      right.status !== 404 && !/no-cache/i.test(request.headers["cache-control"] ?? ""),
  },
  serving(38, "W/", (asset) => ({ ...asset, etag: `W/${asset.etag}` })),
  serving(39, "none", (asset) => ({ ...asset, etag: undefined, lastModified: undefined })),
  serving(40, "one for each answer", (asset, { before }) => ({
    ...asset,
    etag: `"backend-${before}"`,
    lastModified: undefined,
  })),
  serving(42, "same length", sameLength),
  serving(42, "longer", longer),
];
