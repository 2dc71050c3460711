/**
 * The proof of a room of faults: one asset, one request, and what a client that hides nothing saw.
 *
 * A client is only as tested as its server is wrong; so each way of each fault has a row.
 */
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import {
  joinChunks,
  type RawAnswer,
  type RawConnection,
  type RawRequest,
  rawConnection,
} from "../raw-client.ts";
import { noise } from "../world.ts";
import { replaceAsset } from "./asset.ts";
import type { Behaviour } from "./fault.ts";
import { fault } from "./faults.ts";
import { always } from "./script.ts";
import { type MisbehavingServer, misbehavingServer } from "./server.ts";
import type { Settings } from "./settings.ts";

export type Row = {
  readonly number: number;
  readonly way: string;
  readonly settings?: Partial<Settings>;
  readonly ask?: Partial<RawRequest>;
  /** Requests on the same connection that come before the one that is looked at. */
  readonly before?: number;
  readonly shows: (seen: Seen) => void | Promise<void>;
};

export type Seen = RawAnswer & { readonly server: MisbehavingServer; readonly connection: RawConnection };

/** `app.pack`, of 10,000 bytes. */
export const BODY = noise(10_000, 1);
export const TAG = `"${createHash("sha256").update(BODY).digest("hex").slice(0, 16)}"`;
/** What was published in its place. */
export const OTHER = replaceAsset({ name: "", bytes: BODY, etag: "", lastModified: "" }, 0);

/** What is asked for where a part is needed. */
export const START = 2000;
export const END = 6000;
export const PART = BODY.subarray(START, END);
export const RANGE = { range: `bytes=${START}-${END - 1}` };
export const ranged = { headers: RANGE };
export const resumed = { headers: { ...RANGE, "if-range": TAG } };

export function proveRows(room: readonly Behaviour[], rows: readonly Row[]): void {
  it.each(rows)(
    "fault $number by $way",
    async ({ number, way, settings = {}, ask = {}, before = 0, shows }) => {
      const server = await misbehavingServer({
        assets: new Map([["app.pack", BODY]]),
        script: always(fault(number, way), settings),
      });
      const connection = rawConnection(server.port);
      try {
        const request = { target: "/app.pack", ...ask };
        for (let i = 0; i < before; i++) await connection.ask(request);
        const answer = await connection.ask(request);
        await shows({ ...answer, server, connection });
      } finally {
        connection.close();
        await server.close();
      }
    },
  );

  it("proves every way of its faults", () => {
    const proven = new Set(rows.map(({ number, way }) => `${number} ${way}`));
    const ways = room.map(({ number, way }) => `${number} ${way}`);
    expect(ways.filter((each) => !proven.has(each))).toEqual([]);
  });
}

export function isPart(seen: RawAnswer, start: number, end: number): void {
  expect(seen.status).toBe(206);
  expect(seen.header("content-range")).toEqual([`bytes ${start}-${end - 1}/10000`]);
  expect(seen.rest.equals(BODY.subarray(start, end))).toBe(true);
}

export function isWhole(seen: RawAnswer, bytes: Uint8Array = BODY): void {
  expect(seen.status).toBe(200);
  expect(seen.header("content-length")).toEqual([String(bytes.length)]);
  expect(seen.rest.equals(bytes)).toBe(true);
}

/** Without printing ten thousand bytes when it is not so. */
export function hasChunks(rest: Buffer, content: Buffer, complete: boolean): void {
  const joined = joinChunks(rest);
  expect([joined.content.equals(content), joined.complete]).toEqual([true, complete]);
}

export function refusal(status: number, name?: string, value?: RegExp): Row["shows"] {
  return (seen) => {
    expect(seen.status).toBe(status);
    if (name !== undefined) expect(seen.header(name)[0]).toMatch(value!);
  };
}
