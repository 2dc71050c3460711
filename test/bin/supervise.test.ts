/** A service that one process keeps and another updates, with visitors all the while. */
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readStatus } from "../../src/fetch/rollback.ts";
import { SupervisedService } from "../../src/fetch/service/supervised-service.ts";
import { Visitors } from "../kit/service/connections.ts";
import { ok, release, run, start } from "../kit/world.ts";

const SAMPLE = resolve(import.meta.dirname, "../kit/service/sample-service.ts");
const patience = { timeout: 60_000 };
const folder = mkdtempSync(join(tmpdir(), "themis-supervise-"));
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  for (const version of ["1", "2"]) {
    mkdirSync(at(`tree-${version}`));
    writeFileSync(at(`tree-${version}`, "version"), version);
    await release({ at }, at(`tree-${version}`), `${version}.0.0`, at(`bundle-${version}`));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Supervising = ReturnType<typeof start> & {
  readonly said: (what: string | RegExp) => Promise<void>;
  readonly port: () => number;
  /** Also when what it started holds its streams. */
  readonly over: Promise<unknown>;
};

const open: Supervising[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) {
    each.child.kill("SIGTERM");
    await each.over;
  }
});

let devices = 0;
async function device(): Promise<{ root: string; config: string }> {
  const root = at(`device-${++devices}`);
  mkdirSync(root);
  const config = configure(root, "1");
  expect((await run("themis-fetch", "update", "--config", config)).status).toBe(0);
  return { root, config: configure(root, "2") };
}

/** @param more below hotReload */
function configure(root: string, version: string, more = ""): string {
  const file = `${root}-${version}.yml`;
  const source = at(`bundle-${version}`);
  const checker = `checker: { source: ${source}, trustAnchor: ${at("pki/root.pem")} }\n`;
  writeFileSync(file, `${checker}hotReload:\n  root: ${root}\n  service: supervised\n  drain: 30s\n${more}`);
  return file;
}

function supervising(root: string, port = 0, command = [process.execPath, SAMPLE]): Supervising {
  const listen = `127.0.0.1:${port}`;
  const { child, done } = start(
    "themis-fetch",
    "supervise",
    "--root",
    root,
    "--listen",
    listen,
    "--",
    ...command,
  );
  let text = "";
  child.stderr.on("data", (some: string) => {
    text += some;
  });
  const said = async (what: string | RegExp) => expect.poll(() => text, patience).toMatch(what);
  const portOf = () => Number(/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const over = new Promise((settle) => child.once("exit", settle));
  const made = { child, done, said, port: portOf, over };
  open.push(made);
  return made;
}

async function running(root: string, port = 0) {
  const supervisor = supervising(root, port);
  await supervisor.said("the service was started");
  return supervisor;
}

const versions = async (visitors: Visitors) => [...new Set(await visitors.end())];

it("update and rollback stop, switch and start it, and refuse nobody", async () => {
  const { root, config } = await device();
  const supervisor = await running(root);
  const visitors = new Visitors(supervisor.port(), 5);
  const updated = await run("themis-fetch", "update", "--config", config, "--json");
  expect(JSON.parse(updated.stdout)).toMatchObject({ kind: "updated", restart: { drained: true } });
  expect(await versions(visitors)).toEqual(["1", "2"]);
  const more = new Visitors(supervisor.port(), 5);
  expect((await run("themis-fetch", "rollback", "--config", config)).status).toBe(0);
  expect(await versions(more)).toEqual(["2", "1"]);
  supervisor.child.kill("SIGTERM");
  expect((await supervisor.done).status).toBe(0);
  expect(existsSync(join(root, ".themis/supervisor.sock"))).toBe(false);
});

it("a release whose checks fail goes back, and refuses nobody", async () => {
  const { root } = await device();
  const supervisor = await running(root);
  const visitors = new Visitors(supervisor.port(), 5);
  const config = configure(root, "2", '  checks:\n    - { name: no, command: ["false"] }\n');
  expect((await run("themis-fetch", "update", "--config", config)).status).toBe(1);
  const seen = await versions(visitors);
  expect(seen.filter((each) => !["1", "2"].includes(each))).toEqual([]);
  expect(await visit(supervisor.port())).toBe("1");
});

it("kills at the drain's deadline who will not end", async () => {
  const { root } = await device();
  const supervisor = supervising(root, 0, [process.execPath, SAMPLE, "stubborn"]);
  await supervisor.said("the service was started");
  expect(await visit(supervisor.port())).toBe("1");
  expect(await new SupervisedService({ root }).stop(200)).toMatchObject({ drained: false });
  const waits = visit(supervisor.port());
  await new SupervisedService({ root }).start();
  expect(await waits).toBe("1");
  await new SupervisedService({ root }).stop(200);
});

it("a second supervisor is refused, and the first goes on", async () => {
  const { root } = await device();
  const first = await running(root);
  const second = supervising(root);
  expect(await second.done).toMatchObject({
    status: 6,
    stderr: expect.stringContaining("ALREADY_IN_PROGRESS"),
  });
  expect(await visit(first.port())).toBe("1");
});

it("the socket is its owner's alone", async () => {
  const { root } = await device();
  await running(root);
  expect(lstatSync(join(root, ".themis/supervisor.sock")).mode & 0o777).toBe(0o600);
});

it("a root whose name is too long for a socket is supervised all the same", async () => {
  const root = at("a".repeat(100));
  mkdirSync(root);
  writeFileSync(join(root, "version"), "long");
  const supervisor = await running(root);
  expect(await visit(supervisor.port())).toBe("long");
  const service = new SupervisedService({ root });
  await service.stop(30_000);
  expect(await service.isRunning()).toBe(false);
  await service.start();
  expect(await service.isRunning()).toBe(true);
});

describe("a supervisor that is killed", () => {
  it("leaves a service that no update touches, and the next one takes over", async () => {
    const { root, config } = await device();
    const first = await running(root);
    const port = first.port();
    first.child.kill("SIGKILL");
    await first.over;
    expect(await visit(port)).toBe("1");
    const { status, stderr } = await run("themis-fetch", "update", "--config", config);
    expect({ status, stderr }).toMatchObject({
      status: 6,
      stderr: expect.stringContaining("the supervisor has died"),
    });
    expect(readFileSync(join(root, "version"), "utf8")).toBe("1");
    const second = await running(root, port);
    await second.said("an earlier supervisor had left");
    expect((await run("themis-fetch", "update", "--config", config)).status).toBe(0);
    expect(await visit(port)).toBe("2");
  });

  it("in the middle of an update is waited for, and starts nothing while the switch is open", async () => {
    const { root } = await device();
    const first = await running(root);
    const port = first.port();
    const marker = `${root}.dead`;
    // Ready is asked once it was started: here the test decides when.
    const config = configure(root, "2");
    first.child.stderr.on("data", (text: string) => {
      if (!text.includes("the service was stopped")) return;
      first.child.kill("SIGKILL");
      writeFileSync(marker, "");
    });
    const updating = run("themis-fetch", "update", "--config", config);
    await expect.poll(() => existsSync(marker), patience).toBe(true);
    await first.over;
    const second = supervising(root, port);
    expect((await updating).status).toBe(0);
    await second.said("the service was started");
    expect(await visit(port)).toBe("2");
    expect(await readStatus(root)).toMatchObject({ version: "2.0.0", unfinished: false });
  });
});

it("an updater that is killed while the service is stopped: nothing runs from half a tree, the next command starts it", async () => {
  const { root, config } = await device();
  const first = await running(root);
  const port = first.port();
  const updating = start("themis-fetch", "update", "--config", config);
  first.child.stderr.on("data", (text: string) => {
    if (text.includes("the service was stopped")) updating.child.kill("SIGKILL");
  });
  await updating.done;
  const visitor = visit(port);
  const { unfinished } = await readStatus(root);
  if (unfinished) {
    first.child.kill("SIGTERM");
    await first.over;
    await visitor;
    const second = supervising(root, port);
    await second.said("a switch is open");
  }
  expect((await run("themis-fetch", "update", "--config", config)).status).toBe(0);
  expect(await visit(port)).toBe("2");
});

describe("a hostile client", () => {
  it.each([
    {
      what: "no request",
      bytes: "please\n",
      said: "failed that is no request; status, start and stop MS are\n",
    },
    {
      what: "a drain of years",
      bytes: "stop 99999999999\n",
      said: "failed that is no request; status, start and stop MS are\n",
    },
    {
      what: "a number that is none",
      bytes: "stop -1\n",
      said: "failed that is no request; status, start and stop MS are\n",
    },
    {
      what: "a line without end",
      bytes: "x".repeat(1 << 20),
      said: "failed that is no request; status, start and stop MS are\n",
    },
    { what: "half a request", bytes: "sto", said: "" },
    { what: "nothing", bytes: "", said: "" },
    { what: "two requests", bytes: "status\nstop 0\n", said: "running\n" },
  ])("that says $what gets one line or none, and stops nothing", async ({ bytes, said }) => {
    const { root } = await device();
    const supervisor = await running(root);
    const socket = connect(join(root, ".themis/supervisor.sock"));
    let answer = "";
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (text: string) => {
      answer += text;
    });
    await once(socket, "connect");
    socket.end(bytes);
    await new Promise((done) => socket.once("close", done));
    expect(answer).toBe(said);
    expect(await new SupervisedService({ root }).isRunning()).toBe(true);
    expect(await visit(supervisor.port())).toBe("1");
  });

  it("that opens many connections and says nothing is dropped, and others are heard again", async () => {
    const { root } = await device();
    await running(root);
    const sockets: Socket[] = [];
    for (let count = 0; count < 50; count++) {
      const socket = connect(join(root, ".themis/supervisor.sock"));
      socket.on("error", () => {});
      sockets.push(socket);
    }
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("close", done))));
    expect(await new SupervisedService({ root }).isRunning()).toBe(true);
  });
});

it.each([
  { what: "babbles", answer: (socket: Socket) => void socket.end("running but\n") },
  { what: "answers without end", answer: (socket: Socket) => void socket.write("x".repeat(1 << 20)) },
])("what $what in the supervisor's place is not believed", async ({ answer }) => {
  const { root } = await device();
  const server = createServer((socket) => answer(socket.on("error", () => {}))).listen(
    join(root, ".themis/supervisor.sock"),
  );
  await once(server, "listening");
  try {
    await expect(new SupervisedService({ root }).isRunning()).rejects.toMatchObject({
      code: "SERVICE_FAILED",
    });
  } finally {
    server.close();
  }
});

it("without a supervisor nothing is started, and that is said", async () => {
  const { root } = await device();
  const service = new SupervisedService({ root, patienceMs: 200 });
  expect(await service.isRunning()).toBe(false);
  await expect(service.start()).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    hint: expect.stringContaining("themis-fetch supervise"),
  });
});

it.each([["localhost:80"], ["127.0.0.1"], ["127.0.0.1:65536"], ["[127.0.0.1]:80"], ["::1:80"]])(
  "--listen takes no %s",
  async (listen) => {
    const { status } = await run(
      "themis-fetch",
      "supervise",
      "--root",
      folder,
      "--listen",
      listen,
      "--",
      "true",
    );
    expect(status).toBe(2);
  },
);

/** One visitor's answer. */
async function visit(port: number): Promise<string | undefined> {
  const visitors = new Visitors(port, 1000);
  await setTimeout(1);
  return (await visitors.end())[0];
}
