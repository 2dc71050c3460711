/** Faults 65 to 68, byte for byte; those that lead to a storage are in signed-storage.test.ts. */
import { expect } from "vitest";
import { rawAsk } from "../raw-client.ts";
import { BODY, isWhole, proveRows, refusal } from "./proof.ts";
import { redirectFaults } from "./redirect-faults.ts";

proveRows(redirectFaults, [
  {
    number: 65,
    way: "chain",
    settings: { hops: 2 },
    shows: async ({ status, header, server }) => {
      expect([status, header("location")]).toEqual([302, [`${server.url}/app.pack?hop=1`]]);
      const second = await rawAsk(server.port, { target: "/app.pack?hop=1" });
      expect(second.header("location")).toEqual([`${server.url}/app.pack?hop=2`]);
      isWhole(await rawAsk(server.port, { target: "/app.pack?hop=2" }));
    },
  },
  {
    number: 65,
    way: "loop",
    shows: ({ status, header, server }) =>
      expect([status, header("location")]).toEqual([302, [`${server.url}/app.pack`]]),
  },
  {
    number: 65,
    way: "no Location",
    shows: ({ status, header }) => expect([status, header("location")]).toEqual([302, []]),
  },
  {
    number: 65,
    way: "relative",
    shows: async ({ status, header, server }) => {
      expect([status, header("location")]).toEqual([302, ["./app.pack?moved=1"]]);
      isWhole(await rawAsk(server.port, { target: "/app.pack?moved=1" }));
    },
  },
  { number: 67, way: "file", shows: refusal(302, "location", /^file:\/\/\//) },
  {
    number: 67,
    way: "data",
    shows: async ({ status, header }) => {
      expect(status).toBe(302);
      const carried = await (await fetch(header("location")[0]!)).bytes();
      expect(BODY.subarray(0, 4096).equals(carried)).toBe(true);
    },
  },
  {
    number: 68,
    way: "metadata",
    shows: ({ status, rest }) => {
      expect([status, JSON.parse(rest.toString())]).toEqual([
        200,
        { name: "app.pack", size: 10_000, content_type: "application/gzip" },
      ]);
    },
  },
  {
    number: 68,
    way: "metadata",
    ask: { headers: { accept: "application/octet-stream" } },
    shows: (seen) => isWhole(seen),
  },
]);
