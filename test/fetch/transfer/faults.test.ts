/**
 * The faults of the specification, by number and name, against a server that shows them: once, after which all
 * is well, and for ever. Either every byte comes right, or a typed error says what happened; never a wrong
 * byte under a right name, never a byte too many, never a hang.
 */
import { afterEach, describe, expect, it } from "vitest";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import type { Fault } from "../../kit/misbehaving-server/fault.ts";
import { serverFaults } from "../../kit/misbehaving-server/faults.ts";
import { storageFaults } from "../../kit/misbehaving-server/redirect-faults.ts";
import { always, once } from "../../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { content, Device, PACK } from "./downloads.ts";

const isOfStorage = ({ number, way }: Fault): boolean =>
  storageFaults.some((each) => each.number === number && each.way === way);
const plain = serverFaults.filter((fault) => !isOfStorage(fault));

let device: Device;
afterEach(() => device.remove());

const settings = {
  afterBytes: PIECE_BYTES + 1000,
  floodBytes: 8 * PIECE_BYTES,
  stallMs: 60_000,
  dripMs: 100,
};

/** Where one answer is enough: to ask again would be impolite, or unsafe. By number and way. */
const FINAL: Readonly<Record<string, string>> = {
  "56 99999": "SOURCE_RATE_LIMITED",
  "59 404": "SOURCE_STATUS",
  "60 absent": "SOURCE_STATUS",
  "60 private": "SOURCE_STATUS",
  "61 any": "SOURCE_STATUS",
  "61 401": "SOURCE_STATUS",
  "61 403": "SOURCE_STATUS",
  "61 410": "SOURCE_STATUS",
  "61 451": "SOURCE_STATUS",
  "65 no Location": "SOURCE_REDIRECT",
  "67 file": "SOURCE_REDIRECT",
  "67 data": "SOURCE_REDIRECT",
};

describe("a fault that happens once costs a retry, or is an answer", () => {
  it.each(plain.map((fault) => [fault.number, fault.name, fault.way, fault] as const))(
    "%i %s: %s",
    async (number, _name, way, fault) => {
      device = new Device();
      const server = await misbehavingServer({
        assets: new Map([[PACK, content]]),
        script: once(fault),
        settings,
      });
      const { error, receivedBytes } = await device.fetch([server.url]);
      await server.close();
      const final = FINAL[`${number} ${way}`];
      expect(error?.code).toBe(final);
      if (final) {
        expect(server.ledger.requests().length).toBe(1);
        return;
      }
      expect(device.isWhole()).toBe(true);
      expect(receivedBytes).toBeLessThanOrEqual(content.length + 4 * PIECE_BYTES);
    },
    60_000,
  );
});

describe("a fault that stays ends right or in a typed error", () => {
  it.each(plain.map((fault) => [fault.number, fault.name, fault.way, fault] as const))(
    "%i %s: %s",
    async (_number, _name, _way, fault) => {
      device = new Device();
      const server = await misbehavingServer({
        assets: new Map([[PACK, content]]),
        script: always(fault),
        settings,
      });
      const { error } = await device.fetch([server.url]);
      await server.close();
      expect(device.wrong()).toEqual([]);
      if (error) {
        expect(error.message).not.toBe("");
        expect(server.ledger.requests().length).toBeLessThanOrEqual(40);
      } else expect(device.isWhole()).toBe(true);
    },
    120_000,
  );
});
