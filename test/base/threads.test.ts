import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, it, vi } from "vitest";
import { Threads } from "../../src/base/threads.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-threads-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

writeFileSync(
  join(folder, "echo.js"),
  `const { parentPort, threadId } = require("node:worker_threads");
parentPort.on("message", (job) => {
  if (job === "die") throw new Error("it died");
  if (job === "leave") process.exit(3);
  if (job !== "silence") parentPort.postMessage({ threadId, job });
});`,
);

function makeThreads(): Threads<string, { readonly threadId: number; readonly job: string }> {
  return new Threads("echo", pathToFileURL(join(folder, "caller.js")).href);
}

it("gives the thread that rests to whoever comes next", async () => {
  const threads = makeThreads();
  const first = threads.take();
  const { threadId } = await first.ask("one");
  await threads.giveBack(first);
  const second = threads.take();
  expect((await second.ask("two")).threadId).toBe(threadId);
  const third = threads.take();
  expect((await third.ask("three")).threadId).not.toBe(threadId);
  await Promise.all([second.end(), third.end()]);
});

it("ends a thread that nobody wanted for a minute, and none that was taken meanwhile", async () => {
  const threads = makeThreads();
  const [first, second] = [threads.take(), threads.take()];
  await Promise.all([first.ask("one"), second.ask("two")]);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    await threads.giveBack(first);
    await threads.giveBack(second);
    const taken = threads.take();
    vi.advanceTimersByTime(59_999);
    expect(first.isThere && second.isThere).toBe(true);
    vi.advanceTimersByTime(1);
    const left = taken === first ? second : first;
    await vi.waitUntil(() => !left.isThere, { timeout: 20_000 });
    expect((await taken.ask("still there")).job).toBe("still there");
    await taken.end();
  } finally {
    vi.useRealTimers();
  }
});

it.each([
  { what: "while it rests", asks: `console.log((await thread.ask("one")).job);` },
  { what: "when it was never asked", asks: `console.log("one");` },
])("holds the process as long as an answer is waited for, and not $what", ({ asks }) => {
  const script = join(folder, "asks-and-ends.ts");
  const threads = pathToFileURL(join(import.meta.dirname, "../../src/base/threads.ts")).href;
  writeFileSync(
    script,
    `import { Threads } from ${JSON.stringify(threads)};
const threads = new Threads("echo", ${JSON.stringify(pathToFileURL(join(folder, "caller.js")).href)});
const thread = threads.take();
${asks}
await threads.giveBack(thread);`,
  );
  // Shorter than a thread rests.
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    encoding: "utf8",
    timeout: 50_000,
  });
  expect([status, stdout], stderr).toEqual([0, "one\n"]);
});

it("answers in the order of the questions, and is settled after the last", async () => {
  const threads = makeThreads();
  const thread = threads.take();
  const heard: string[] = [];
  for (const job of ["one", "two", "three"]) void thread.ask(job).then((answer) => heard.push(answer.job));
  await thread.settled();
  expect(heard).toEqual(["one", "two", "three"]);
  await thread.end();
});

it.each([
  ["die", "it died"],
  ["leave", "a thread ended before its work"],
])("tells everyone who waits for a thread that does %s, and gives it to nobody", async (job, message) => {
  const threads = makeThreads();
  const thread = threads.take();
  const both = await Promise.allSettled([thread.ask(job), thread.ask("later")]);
  expect(both.map((each) => each.status === "rejected" && String(each.reason.message))).toEqual([
    message,
    message,
  ]);
  await thread.settled();
  await expect(thread.ask("again")).rejects.toThrow(message);
  await threads.giveBack(thread);
  const next = threads.take();
  expect((await next.ask("hello")).job).toBe("hello");
  await next.end();
});

it("is ended with work left, because nobody would hear the answers", async () => {
  const threads = makeThreads();
  const thread = threads.take();
  void thread.ask("silence");
  await threads.giveBack(thread);
  expect(thread.isThere).toBe(false);
  expect(threads.take()).not.toBe(thread);
});
