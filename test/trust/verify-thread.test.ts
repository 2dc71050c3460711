import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Threads } from "../../src/base/threads.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { type SignatureRequest, verifySignature } from "../../src/trust/verify-signature.ts";
import { VerifyThread, verifyInThread } from "../../src/trust/verify-thread.ts";
import { makePki, opensslSign, type Pki } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";

const now = new Date("2026-06-01T00:00:00Z");
const TIMEOUT_MS = 60_000;

describe.skipIf(!hasTool("openssl"))("verifyInThread", () => {
  let pki: Pki;
  let honest: SignatureRequest;
  beforeAll(() => {
    pki = makePki();
    const content = Buffer.from('{"version":"1.2.3"}');
    const signature = opensslSign({ content, signers: [pki.signer], chainPath: pki.chainPath });
    honest = { content, signature, anchors: readTrustAnchors(pki.root.pem), now };
  }, TIMEOUT_MS);
  afterAll(() => pki?.remove());

  it("reports what verifySignature reports", async () => {
    expect(await verifyInThread(honest)).toEqual(verifySignature(honest));
  });

  it.each<{ why: string; change: (honest: SignatureRequest) => SignatureRequest }>([
    { why: "another document", change: (all) => ({ ...all, content: Buffer.from("{}") }) },
    { why: "a signer that has expired", change: (all) => ({ ...all, now: new Date("2051-01-01") }) },
    { why: "a signature of nothing", change: (all) => ({ ...all, signature: Buffer.from("hello") }) },
    { why: "another anchor", change: (all) => ({ ...all, anchors: readTrustAnchors(pki.otherRoot.pem) }) },
    { why: "lists that are missing", change: (all) => ({ ...all, requireCrl: true }) },
    { why: "a signature that is too large", change: (all) => ({ ...all, signature: Buffer.alloc(70_000) }) },
  ])(
    "refuses $why with the code, the words, the facts and the hint of verifySignature",
    async ({ change }) => {
      const request = change(honest);
      const { code, kind, message, facts, hint } = refusalOf(() => verifySignature(request));
      await expect(verifyInThread(request)).rejects.toThrow(
        expect.objectContaining({ name: "TrustError", code, kind, message, facts, hint }),
      );
    },
  );
});

describe("the thread that proves signatures", () => {
  const asking = (content: string): SignatureRequest => ({
    ...{ content: Buffer.from(content), signature: Buffer.alloc(0), anchors: [], now },
  });
  const unruly = (limitMs = TIMEOUT_MS) =>
    new VerifyThread(
      new Threads("unruly-verify-worker", import.meta.url, { maxOldGenerationSizeMb: 16 }),
      limitMs,
    );
  const abandoned = expect.objectContaining({
    name: "TrustError",
    code: "VERIFICATION_ABANDONED",
    kind: "refused",
  });

  it("is ended when it hangs, while the main thread goes on, and the next proof has another", async () => {
    const thread = unruly(5000);
    let turns = 0;
    const clock = setInterval(() => turns++, 10);
    await expect(thread.verify(asking("hang"))).rejects.toThrow(abandoned);
    clearInterval(clock);
    expect(turns).toBeGreaterThan(0);
    await expect(thread.verify(asking("fine"))).resolves.toBeDefined();
  });

  it("is ended when its memory ends, and the next proof has another", async () => {
    const thread = unruly();
    await expect(thread.verify(asking("eat"))).rejects.toThrow(abandoned);
    await expect(thread.verify(asking("fine"))).resolves.toBeDefined();
  });

  it("tells of a bug as of a bug, and not as of a signature", async () => {
    const thread = unruly();
    await expect(thread.verify(asking("break"))).rejects.toThrow(RangeError);
    await expect(thread.verify(asking("fine"))).resolves.toBeDefined();
  });

  it("is one, however many signatures come at once", async () => {
    const thread = unruly();
    thread.prewarm();
    const reports = await Promise.all(Array.from({ length: 20 }, () => thread.verify(asking("fine"))));
    expect(new Set(reports.map(({ signers }) => signers[0]!.subject)).size).toBe(1);
  });

  it("does not hold the process while it waits for work", () => {
    const script = join(import.meta.dirname, "../../src/trust/verify-thread.ts");
    const program = `(await import(${JSON.stringify(script)})).prewarmVerification()`;
    // Far below the minute that an idle thread stays.
    const { status, signal } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      timeout: 30_000,
    });
    expect({ status, signal }).toEqual({ status: 0, signal: null });
  });
});

function refusalOf(work: () => unknown): Record<string, unknown> {
  try {
    work();
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error("it was not refused");
}
