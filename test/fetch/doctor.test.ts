/** What the doctor says of servers that are well, and of those that have something. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { examine } from "../../src/fetch/doctor.ts";
import { decodeManifest, type Manifest } from "../../src/format/manifest/manifest.ts";
import type { Script } from "../kit/misbehaving-server/fault.ts";
import { fault } from "../kit/misbehaving-server/faults.ts";
import { always, forAsset, rightly } from "../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../kit/misbehaving-server/server.ts";
import { startNginx } from "../kit/nginx.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, run, type World } from "../kit/world.ts";

let world: World;
let bundle: string;
let assets: Map<string, Buffer>;
let manifest: Manifest;
beforeAll(async () => {
  world = await makeWorld();
  bundle = world.at("bundle-1.1.0");
  manifest = decodeManifest(readFileSync(join(bundle, "manifest.json")));
  const names = ["manifest.json", ...manifest.packs.map(({ asset }) => asset)];
  assets = new Map(names.map((name) => [name, readFileSync(join(bundle, name))]));
});
afterAll(() => world.remove());

async function examined(script: Script) {
  const server = await misbehavingServer({ assets, script });
  try {
    return await examine({ source: server.url, environment: {} });
  } finally {
    await server.close();
  }
}

it("finds nothing at a server that is well, asks seven times, and writes nothing", async () => {
  const server = await misbehavingServer({ assets, script: rightly });
  const findings = await examine({ source: server.url, environment: {} });
  await server.close();
  expect(findings.map(({ outcome, advice }) => [outcome, advice])).toEqual(Array(5).fill(["good", ""]));
  expect(server.ledger.requests().length).toBe(7);
});

describe("says what to mend", () => {
  const packs = (script: Script): Script => {
    const scripts = manifest.packs.map(({ asset }) => forAsset(asset, script));
    return (asked) => scripts.map((each) => each(asked)).find((turn) => turn !== undefined);
  };

  it.each([
    ["that ignores ranges", 19, "200", /Range/, "poor"],
    ["that says nothing of where a part belongs", 24, "206", /Range/, "bad"],
    ["that sends a part from before", 21, "earlier", /Range/, "poor"],
    ["with a stale pack", 34, "shifted", /right bytes/, "bad"],
    ["with weak ETags", 38, "W/", /replaced/, "poor"],
    ["without ETags", 39, "none", /replaced/, "poor"],
    ["without the pack", 59, "404", /Range/, "bad"],
  ] as const)("of a server %s", async (_, number, way, question, outcome) => {
    const findings = await examined(packs(always(fault(number, way))));
    const found = findings.find((finding) => question.test(finding.question));
    expect(found).toMatchObject({ outcome, advice: expect.stringMatching(/\w+/) });
  });

  it.each([
    ["there is no manifest", 59, "404"],
    ["a login page stands in its place", 51, "200"],
    ["it is compressed on the way", 43, "each body"],
  ] as const)("when %s, and asks no more", async (_, number, way) => {
    const findings = await examined(always(fault(number, way)));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ outcome: "bad", advice: expect.stringMatching(/\w+/) });
  });

  it("when ETags change with every answer", async () => {
    const findings = await examined(always(fault(40)));
    expect(findings.find(({ question }) => /unchanged/.test(question))).toMatchObject({ outcome: "poor" });
  });
});

it("is no doctor for folders", async () => {
  await expect(examine({ source: bundle })).rejects.toMatchObject({ code: "SOURCE_INVALID" });
});

it.skipIf(!hasTool("nginx"))("finds nothing at an nginx, and says so as a command", async () => {
  const nginx = await startNginx(bundle);
  const { status, stdout } = await run("themis-fetch", "doctor", "--source", nginx.url);
  await nginx.close();
  expect(stdout.trim().split("\n")).toHaveLength(5);
  expect(stdout).not.toMatch(/BAD|poor/);
  expect(status).toBe(0);
});
