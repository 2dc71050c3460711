/**
 * All faults of the specification: which the server shows, and how a test makes the others.
 *
 *   fault(3)                      the only way, or the first
 *   fault(13, "two lengths")      one of several
 */
import { connectionFaults } from "./connection-faults.ts";
import { contentFaults } from "./content-faults.ts";
import type { Behaviour, Fault } from "./fault.ts";
import { identityFaults } from "./identity-faults.ts";
import { rangeFaults } from "./range-faults.ts";
import { redirectFaults, storageFaults } from "./redirect-faults.ts";
import { statusFaults } from "./status-faults.ts";

export type SpecifiedFault = {
  readonly number: number;
  /** The words of the specification. */
  readonly name: string;
  /** What the server does; empty when only a test can make it. */
  readonly ways: readonly Fault[];
  /** What a test has to do besides, or instead; empty when the server is enough. */
  readonly byTest: string;
};

const words: readonly (readonly [number: number, name: string, byTest?: string])[] = [
  [1, "RST before any byte / connection refused"],
  [2, "RST in mid-body"],
  [3, "FIN before Content-Length is reached"],
  [4, "chunked body ended without the last chunk"],
  [5, "headers, then FIN"],
  [6, "accepts, never answers (stalled headers)"],
  [7, "body stalls after N bytes"],
  [8, "slow drip (10 B/s)"],
  [9, "headers one byte at a time"],
  [10, "kept-alive socket dead on reuse"],
  [11, "non-HTTP bytes"],
  [12, "response headers > 16 KiB"],
  [13, "two different Content-Length; Content-Length with chunked"],
  [14, "malformed chunk in mid-body"],
  [15, "103 / other 1xx first"],
  [16, "server allows N connections (503 / RST above)"],
  [
    17,
    "DNS failure, TLS expired, TLS name mismatch",
    "a host below .invalid (RFC 6761); a server with `tls` of makePki().issueServer(), expired or for another name",
  ],
  [
    18,
    "network changes in the middle of many files",
    "server.outage(ms) while files are under way, when it is not the script that does it",
  ],
  [19, "Range ignored: 200 + whole body"],
  [20, "says `Accept-Ranges: bytes`, ignores Range"],
  [21, "206 starting before the asked offset"],
  [22, "206 shorter than asked"],
  [23, "206 longer than asked"],
  [24, "206 without Content-Range"],
  [25, "206 with the whole body"],
  [26, "200 with Content-Range"],
  [27, "Content-Range total differs from the manifest size"],
  [28, "Content-Range `a-b/*`"],
  [29, "single range answered as multipart/byteranges"],
  [30, "multi-range requests unsupported, bogus or looping"],
  [31, "416 while bytes are missing"],
  [32, "416 because the partial is already complete"],
  [33, "HEAD refused (403/405) or lying"],
  [34, "right Content-Range, wrong bytes"],
  [35, "file replaced between two requests (new ETag)"],
  [36, "replaced, server ignores If-Range (206 of the new one)"],
  [37, "replaced, same ETag (stale CDN node)"],
  [38, "weak ETag"],
  [39, "no ETag, no Last-Modified"],
  [40, "ETag changes with every response (many backends)"],
  [
    41,
    "partial on disk is stale, foreign or bit-rotted",
    "the test stops a transfer and then writes other bytes into the partial file, or another pack's partial",
  ],
  [42, "manifest of release A, file of release B under one name"],
  [43, "`Content-Encoding: gzip` unasked"],
  [44, "`Content-Encoding: gzip` on plain bytes"],
  [45, "gzip bomb"],
  [46, "no Content-Length, close-delimited; chunked"],
  [47, "Content-Length smaller than the file, body complete"],
  [48, "extra bytes; endless body"],
  [49, "empty 200"],
  [50, "one bit flipped"],
  [51, "captive portal: 200 text/html"],
  [52, "200 + JSON error body"],
  [53, "Content-Disposition `../../evil`, absolute, Windows names"],
  [54, "500/502/503/504 in a row"],
  [55, "503/429 + Retry-After seconds"],
  [56, "Retry-After as HTTP-date; garbage; 99999; negative"],
  [57, "403 + x-ratelimit-remaining 0"],
  [58, "403/429 secondary limit without Retry-After"],
  [59, "404 for a delta"],
  [60, "404 for the manifest; 404 instead of 401 (private)"],
  [61, "4xx otherwise"],
  [62, "unknown status (618, 520..)"],
  [63, "302 to a signed URL that expires (GitHub: ~5 min) between requests"],
  [64, "expires in mid-body"],
  [65, "chain of N, loop, no Location, relative Location"],
  [66, "redirect to another origin with Authorization set"],
  [67, "redirect https -> http, file:, data:"],
  [68, "private repo: JSON unless `Accept: application/octet-stream`"],
  [
    69,
    "proxy (407, CONNECT refused), `NO_PROXY`",
    "forwardProxy() in the environment of the client's process: HTTP_PROXY, https_proxy, NO_PROXY in either case",
  ],
  [
    70,
    "disk full in mid-download",
    "a device's folder on a tmpfs of a few MiB, where the test may mount one",
  ],
  [
    71,
    "SIGINT, SIGTERM, SIGKILL, power cut at any byte",
    "the client as a process that the test kills when the ledger has counted N bytes",
  ],
  [
    72,
    "two clients in one directory",
    "two client processes at once on one folder, and a third when the first was killed",
  ],
  [73, "clock wrong", "the clock that is handed to the client as a tool"],
];

const behaviours: readonly Behaviour[] = [
  ...connectionFaults,
  ...rangeFaults,
  ...identityFaults,
  ...contentFaults,
  ...statusFaults,
  ...storageFaults,
  ...redirectFaults,
];

export const faults: readonly SpecifiedFault[] = words.map(([number, name, byTest = ""]) => {
  const ways = behaviours
    .filter((behaviour) => behaviour.number === number)
    .map((behaviour): Fault => ({ concerns: () => true, ...behaviour, name }));
  return { number, name, ways, byTest };
});

/** Every way of every fault that the server shows. */
export const serverFaults: readonly Fault[] = faults.flatMap(({ ways }) => ways);

export function fault(number: number, way?: string): Fault {
  const found = serverFaults.find(
    (each) => each.number === number && (way === undefined || each.way === way),
  );
  if (!found) throw new Error(`the server knows no fault ${number}${way === undefined ? "" : ` by ${way}`}`);
  return found;
}
