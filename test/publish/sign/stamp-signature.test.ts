import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readDer } from "../../../src/format/cms/der.ts";
import { decodeSignedData } from "../../../src/format/cms/signed-data.ts";
import { type StampRequest, stampSignature } from "../../../src/publish/sign/stamp-signature.ts";
import { verifySignature } from "../../../src/trust/verify-signature.ts";
import { opensslSign, opensslVerifies } from "../../kit/pki.ts";
import { makeStampedWorld, type StampedWorld } from "../../kit/stamped-world.ts";
import {
  type AuthorityRequest,
  infoOf,
  type Misbehaviour,
  OTHER_POLICY,
  opensslTsVerifies,
  type RunningAuthority,
  replyWith,
  restamp,
  startTimeStampAuthority,
  TSA_POLICY,
  tokenOf,
} from "../../kit/time-stamp-authority.ts";
import { hasTool } from "../../kit/tools.ts";

const OPENSSL_MS = 60_000;
const failure = (words: RegExp) =>
  expect.objectContaining({
    name: "SignError",
    code: "TIMESTAMP_NOT_GIVEN",
    kind: "failed",
    area: "network",
    message: expect.stringMatching(words),
  });

describe.skipIf(!hasTool("openssl"))("stampSignature", () => {
  let world: StampedWorld;
  const running: RunningAuthority[] = [];
  beforeAll(() => {
    world = makeStampedWorld();
  }, OPENSSL_MS);
  afterEach(async () => {
    for (const each of running.splice(0)) await each.close();
  });
  afterAll(() => world?.authority.remove());

  const start = async (request: Partial<AuthorityRequest> = {}): Promise<RunningAuthority> => {
    const started = await startTimeStampAuthority({ identity: world.tsa, ...request });
    running.push(started);
    return started;
  };
  const misbehaving = (misbehaviour: Misbehaviour) => start({ misbehaviour });
  const stamp = (authorities: readonly RunningAuthority[], more: Partial<StampRequest> = {}) =>
    stampSignature(
      {
        ...{ signature: world.signature, authorities: authorities.map(({ url }) => url) },
        ...{ signal: new AbortController().signal, anchors: world.timestampAnchors, ...more },
      },
      { now: () => new Date() },
    );

  it.each([
    { key: "P-256", rsa: false },
    { key: "RSA", rsa: true },
  ])(
    "puts a token in that `openssl ts -verify` accepts, by an authority with $key, and leaves the rest as it is",
    async ({ key, rsa }) => {
      const identity = world.otherTsa(`tsa-${key}`, { rsa });
      const { signature, stamps } = await stamp([await start({ identity })]);
      expect(stamps).toEqual([
        { authority: `CN=tsa-${key},O=Themis Test`, url: running[0]!.url.href, time: expect.any(Date) },
      ]);
      const [signer] = decodeSignedData(signature).signers;
      expect(signer!.timeStampTokens).toHaveLength(1);
      expect(opensslTsVerifies(world.tsaRoot, signer!.timeStampTokens[0]!, signer!.signature)).toBe(true);
      expect({ ...signer, timeStampTokens: [] }).toEqual(decodeSignedData(world.signature).signers[0]);
      expect(opensslVerifies(world.root, world.content, signature)).toBe(true);
      const { content, anchors, timestampAnchors, later } = world;
      const report = verifySignature({ content, signature, anchors, timestampAnchors, now: later });
      expect(report.signers[0]!.timestamp!.time).toEqual(stamps[0]!.time);
    },
    OPENSSL_MS,
  );

  it("stamps each signer that has none, and asks for none that has", async () => {
    const second = world.authority.issue({
      ...{ name: "second", by: world.root },
      extensions: ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=codeSigning"],
    });
    const both = opensslSign({ content: world.content, signers: [world.signer, second] });
    const tsa = await start();
    const once = await stamp([tsa], { signature: both });
    expect(decodeSignedData(once.signature).signers.map((each) => each.timeStampTokens.length)).toEqual([
      1, 1,
    ]);
    expect(once.stamps).toHaveLength(2);
    const twice = await stamp([tsa], { signature: once.signature });
    expect(twice).toEqual({ signature: once.signature, stamps: [] });
    expect(tsa.asked()).toBe(2);
    expect(verifySignature({ ...world, signature: once.signature }).signers).toHaveLength(2);
  });

  it("takes a token that is granted with modifications when it is the one that was asked for", async () => {
    const tsa = await misbehaving({ reply: replyWith({ status: 1 }) });
    expect((await stamp([tsa])).stamps).toHaveLength(1);
  });

  it("stamps by the policy that it is told", async () => {
    const { signature } = await stamp([await start()], { policy: OTHER_POLICY });
    const report = verifySignature({ ...world, signature });
    expect(report.signers[0]!.timestamp!.policy).toBe(OTHER_POLICY);
  });

  it("does without anchors, and then believes any path, but no certificate that may not stamp", async () => {
    expect((await stamp([await start()], { anchors: undefined })).stamps).toHaveLength(1);
    const reply = (honest: Buffer): Buffer =>
      replyWith({ token: restamp(infoOf(tokenOf(honest)), world.signer) })(honest);
    const tsa = await misbehaving({ reply });
    await expect(stamp([tsa], { anchors: undefined })).rejects.toThrow(
      failure(/extendedKeyUsage is not timeStamping/),
    );
  });

  it.each([{ status: 429 }, { status: 503 }, { status: 500 }])(
    "comes back to an authority that is busy ($status)",
    async ({ status }) => {
      const tsa = await misbehaving({ statuses: [{ status, retryAfter: "0" }, { status }] });
      expect((await stamp([tsa])).stamps).toHaveLength(1);
      expect(tsa.asked()).toBe(3);
    },
    OPENSSL_MS,
  );

  it("asks the next authority when one cannot be reached, wants too much patience, or gives what is no use", async () => {
    const gone = await start();
    await gone.close();
    const patient = await misbehaving({ statuses: [{ status: 503, retryAfter: "86400" }] });
    const page = await misbehaving({ body: "page" });
    const good = await start();
    const { stamps } = await stamp([gone, patient, page, good]);
    expect(stamps[0]!.url).toBe(good.url.href);
    expect([patient.asked(), page.asked(), good.asked()]).toEqual([1, 1, 1]);
  });

  it.each<{ why: string; misbehaviour: Misbehaviour; says: RegExp; more?: Partial<StampRequest> }>([
    {
      why: "a token of another digest",
      misbehaviour: { query: queryWith("digest") },
      says: /belongs to another signature/,
    },
    {
      why: "an answer to another question",
      misbehaviour: { query: queryWith("nonce") },
      says: /another question \(nonce\)/,
    },
    {
      why: "a token by another policy",
      more: { policy: TSA_POLICY },
      misbehaviour: { query: queryWith("policy", 3) },
      says: new RegExp(`the policy ${OTHER_POLICY}`),
    },
    {
      why: "a token with a bit that is wrong",
      misbehaviour: { reply: (reply) => flipped(reply, reply.length - 3) },
      says: /not one of its key/,
    },
    { why: "half of a token", misbehaviour: { reply: (reply) => reply.subarray(0, 900) }, says: /not DER/ },
    { why: "an empty answer", misbehaviour: { reply: () => Buffer.alloc(0) }, says: /not DER/ },
    { why: "a page", misbehaviour: { body: "page" }, says: /"text\/html" and not with a time-stamp/ },
    { why: "an answer without end", misbehaviour: { body: "endless" }, says: /longer than 65536 bytes/ },
    { why: "a refusal to be found", misbehaviour: { statuses: [{ status: 404 }] }, says: /the status 404/ },
    {
      why: "no answer at all",
      misbehaviour: { body: "silent" },
      more: { timeoutMs: 100 },
      says: /did not answer within 0.1 s/,
    },
    { why: "an answer that is cut", misbehaviour: { body: "cut" }, says: /cannot be reached/ },
  ])(
    "refuses $why",
    async ({ misbehaviour, says, more }) => {
      await expect(stamp([await misbehaving(misbehaviour)], more)).rejects.toThrow(failure(says));
    },
    OPENSSL_MS,
  );

  it("says why an authority refuses", async () => {
    const tsa = await start({ digests: "sha512" });
    await expect(stamp([tsa])).rejects.toThrow(failure(/it refused \(badAlg: .*not supported/));
    expect(tsa.asked()).toBe(1);
  });

  it("refuses an authority that is over, and one that no pinned anchor issued", async () => {
    const over = world.otherTsa("tsa-over", { from: new Date("2020-01-01"), to: new Date("2021-01-01") });
    await expect(stamp([await start({ identity: over })])).rejects.toThrow(
      failure(/its certificate is valid until 2021/),
    );
    await expect(stamp([await start({ identity: over })], { anchors: undefined })).rejects.toThrow(
      failure(/its certificate is valid until 2021/),
    );
    const foreign = world.otherTsa("tsa-foreign", { by: world.root });
    await expect(stamp([await start({ identity: foreign })])).rejects.toThrow(
      failure(/no chain of certificates/),
    );
  });

  it("shows no password of an address", async () => {
    const tsa = await misbehaving({ body: "page" });
    const url = new URL(tsa.url);
    url.password = "secret";
    const error = await stamp([{ ...tsa, url }]).catch((cause: unknown) => cause);
    expect(error).toEqual(failure(/\*\*\*@/));
    expect(JSON.stringify(error) + (error as Error).message).not.toContain("secret");
  });

  it("ends when it is told to", async () => {
    const tsa = await misbehaving({ body: "silent" });
    const stop = new AbortController();
    const stamping = stamp([tsa], { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(stamping).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  });
});

/** The query with the last byte of one of its parts changed. */
function queryWith(part: "digest" | "nonce" | "policy", by = 1): (query: Buffer) => Buffer {
  return (query) => {
    // TimeStampReq { version, messageImprint { algorithm, digest }, reqPolicy, nonce, certReq }
    const changed = Buffer.from(query);
    const [, imprint, ...others] = readDer(changed).children;
    const tag = part === "nonce" ? 0x02 : 0x06;
    const found = part === "digest" ? imprint!.children[1] : others.find((each) => each.tag === tag);
    const { content } = found!;
    content[content.length - 1]! ^= by;
    return changed;
  };
}

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at]! ^= 1;
  return changed;
}
