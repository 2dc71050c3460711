import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCrl } from "../../src/format/cms/crl.ts";
import { readDer } from "../../src/format/cms/der.ts";
import { encodeDer, encodeOid } from "../../src/format/cms/encode-der.ts";
import { decodeSignedData } from "../../src/format/cms/signed-data.ts";
import { stampSignature } from "../../src/publish/sign/stamp-signature.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { type SignatureRequest, verifySignature } from "../../src/trust/verify-signature.ts";
import { verifyInThread } from "../../src/trust/verify-thread.ts";
import { type Identity, opensslSign } from "../kit/pki.ts";
import { makeStampedWorld, type OddAuthority, type StampedWorld } from "../kit/stamped-world.ts";
import {
  makeInfo,
  type OddInfo,
  opensslTsVerifies,
  restamp,
  startTimeStampAuthority,
  TSA_EXTENSIONS,
  withTokens,
} from "../kit/time-stamp-authority.ts";
import { hasTool } from "../kit/tools.ts";

const OPENSSL_MS = 60_000;
const DAY_MS = 86_400_000;
const refusal = (code: string, words = /./) =>
  expect.objectContaining({
    ...{ name: "TrustError", code, kind: "refused" },
    message: expect.stringMatching(words),
  });
const extensions = (...changed: readonly string[]): OddAuthority => ({
  extensions: [
    ...TSA_EXTENSIONS.filter((line) => !changed.some((each) => each.startsWith(line.split("=")[0]!))),
    ...changed,
  ],
});

describe.skipIf(!hasTool("openssl"))("a time-stamp", () => {
  let world: StampedWorld;
  /** By `openssl ts -reply`. */
  let stamped: Uint8Array;
  beforeAll(async () => {
    world = makeStampedWorld();
    const tsa = await startTimeStampAuthority({ identity: world.tsa });
    const { signal } = new AbortController();
    const { signature } = world;
    const request = { signature, authorities: [tsa.url], signal, anchors: world.timestampAnchors };
    stamped = (await stampSignature(request, { now: () => new Date() })).signature;
    await tsa.close();
  }, OPENSSL_MS);
  afterAll(() => world?.authority.remove());

  const stampedIn = (signature: Uint8Array): Uint8Array => decodeSignedData(signature).signers[0]!.signature;
  const tokenIn = (signature: Uint8Array): Uint8Array =>
    decodeSignedData(signature).signers[0]!.timeStampTokens[0]!;
  const asked = (signature: Uint8Array, more: Partial<SignatureRequest> = {}): SignatureRequest => {
    const { content, anchors, timestampAnchors, later } = world;
    return { content, signature, anchors, timestampAnchors, now: later, ...more };
  };
  const verify = (signature: Uint8Array, more: Partial<SignatureRequest> = {}) =>
    verifySignature(asked(signature, more)).signers[0]!;
  /** Crafted, but for its oddness as right as the one by `openssl ts`. */
  const crafted = (info: Partial<OddInfo> = {}, tsa: Identity = world.tsa, words?: readonly string[]) =>
    restamp(makeInfo(stampedIn(world.signature), { time: world.now, ...info }), tsa, words && { words });

  it("keeps a signature good when its signer has expired, and says who saw it when", async () => {
    const report = verify(stamped);
    expect(report.timestamp).toEqual({
      time: expect.any(Date),
      accuracyMs: 1501,
      authority: "CN=tsa,O=Themis Test",
      anchor: "CN=tsa-root,O=Themis Test",
      policy: "1.3.6.1.4.1.55555.7.1",
      serial: expect.stringMatching(/^[0-9a-f]+$/),
    });
    expect(Math.abs(report.timestamp!.time.getTime() - world.now.getTime())).toBeLessThan(OPENSSL_MS);
    expect((await verifyInThread(asked(stamped))).signers[0]).toEqual(report);
  });

  it("counts for nothing where no authority is pinned, or only others", () => {
    for (const timestampAnchors of [undefined, []]) {
      expect(() => verify(stamped, { timestampAnchors })).toThrow(refusal("SIGNER_EXPIRED"));
      expect(verify(stamped, { timestampAnchors, now: world.now }).timestamp).toBeUndefined();
    }
    const others = readTrustAnchors(world.root.pem);
    expect(() => verify(stamped, { timestampAnchors: others })).toThrow(
      refusal("TIMESTAMP_INVALID", /expired at .* no chain of certificates/),
    );
    // The anchors of releases are none for time, and the other way round.
    expect(() => verify(stamped, { anchors: world.timestampAnchors })).toThrow(refusal("CHAIN_UNTRUSTED"));
  });

  it("is not needed while the certificates are valid, and a bad one does no harm then", () => {
    const bad = withTokens(world.signature, encodeDer(0x30));
    expect(verify(bad, { now: world.now }).timestamp).toBeUndefined();
    expect(verify(stamped, { now: world.now }).timestamp).toBeDefined();
    expect(() => verify(world.signature)).toThrow(refusal("SIGNER_EXPIRED"));
    expect(() => verify(bad)).toThrow(refusal("TIMESTAMP_MALFORMED", /expired at .*, and the/));
  });

  it("may stand among others that are none", () => {
    const many = withTokens(world.signature, encodeDer(0x30), crafted({ version: 2 }), tokenIn(stamped));
    expect(verify(many).timestamp).toBeDefined();
    const tooMany = withTokens(world.signature, ...Array.from({ length: 5 }, () => tokenIn(stamped)));
    expect(() => verify(tooMany)).toThrow(refusal("SIGNATURE_MALFORMED"));
  });

  it("helps a CA of the chain over its end too", () => {
    const { authority, root, content } = world;
    const to = new Date(world.now.getTime() + DAY_MS).toISOString().replaceAll(/[-T:]|\.\d+/g, "");
    const ca = authority.issue({ name: "short-ca", by: root, extensions: ["basicConstraints=CA:TRUE"], to });
    const signer = authority.issue({ name: "long", by: ca, extensions: ["extendedKeyUsage=codeSigning"] });
    const plain = opensslSign({ content, signers: [signer], chainPath: ca.certificatePath });
    expect(() => verify(plain)).toThrow(refusal("CHAIN_EXPIRED"));
    const token = restamp(makeInfo(stampedIn(plain), { time: world.now }), world.tsa);
    expect(verify(withTokens(plain, token)).timestamp).toBeDefined();
  });

  it("of another signature is none", () => {
    const other = opensslSign({ content: world.content, signers: [world.signer] });
    const moved = withTokens(other, tokenIn(stamped));
    expect(() => verify(moved)).toThrow(refusal("TIMESTAMP_INVALID", /belongs to another signature/));
    expect(opensslTsVerifies(world.tsaRoot, tokenIn(stamped), stampedIn(other))).toBe(false);
  });

  it("with any one byte changed is none", () => {
    const token = tokenIn(stamped);
    for (let at = 0; at < token.length; at++) {
      const changed = Uint8Array.from(token);
      changed[at]! ^= 1 << (at % 8);
      let report: unknown;
      try {
        report = verify(withTokens(world.signature, changed));
      } catch (error) {
        expect(error).toEqual(expect.objectContaining({ name: "TrustError" }));
      }
      expect(report, `byte ${at}`).toBeUndefined();
    }
  });

  describe("is none by an authority", () => {
    it.each<{ why: string; odd: OddAuthority; words: RegExp; openssl: boolean }>([
      {
        why: "without extendedKeyUsage",
        odd: { extensions: TSA_EXTENSIONS.filter((line) => !line.startsWith("ext")) },
        words: /not timeStamping alone/,
        openssl: false,
      },
      {
        why: "whose extendedKeyUsage is not critical",
        odd: extensions("extendedKeyUsage=timeStamping"),
        words: /not critical/,
        openssl: false,
      },
      {
        why: "that may sign code too",
        odd: extensions("extendedKeyUsage=critical,timeStamping,codeSigning"),
        words: /not timeStamping alone/,
        openssl: false,
      },
      {
        why: "that may sign code",
        odd: extensions("extendedKeyUsage=critical,codeSigning"),
        words: /not timeStamping alone/,
        openssl: false,
      },
      {
        why: "whose key is for encryption",
        odd: extensions("keyUsage=critical,keyEncipherment"),
        words: /digitalSignature/,
        openssl: false,
      },
      {
        why: "with an unknown critical extension",
        odd: extensions("1.3.6.1.4.1.55555.1=critical,ASN1:NULL"),
        words: /do not interpret/,
        openssl: false,
      },
    ])("$why", ({ why, odd, words, openssl }) => {
      const tsa = world.otherTsa(why.replaceAll(/\W/g, "-").slice(0, 60), odd);
      const token = crafted({}, tsa);
      expect(() => verify(withTokens(world.signature, token))).toThrow(refusal("TIMESTAMP_INVALID", words));
      expect(opensslTsVerifies(world.tsaRoot, token, stampedIn(world.signature), world.later)).toBe(openssl);
    });

    it("whose CA is for servers", () => {
      const ca = world.authority.issue({
        ...{ name: "server-ca", by: world.tsaRoot },
        extensions: ["basicConstraints=critical,CA:TRUE", "extendedKeyUsage=serverAuth"],
      });
      const info = makeInfo(stampedIn(world.signature), { time: world.now });
      const token = restamp(info, world.otherTsa("by-server-ca", { by: ca }), { chain: [ca] });
      expect(() => verify(withTokens(world.signature, token))).toThrow(
        refusal("TIMESTAMP_INVALID", /may not issue certificates for time-stamping/),
      );
    });

    it("that is over by now, because nobody says any more that its key was stolen", () => {
      const to = new Date(world.now.getTime() + 2 * DAY_MS);
      const signature = withTokens(world.signature, crafted({}, world.otherTsa("short-tsa", { to })));
      expect(() => verify(signature)).toThrow(refusal("TIMESTAMP_INVALID", /CN=short-tsa.* expired/));
      const inTime = new Date(to.getTime() - 1000);
      expect(verify(signature, { now: inTime }).timestamp).toBeDefined();
    });

    it("that was not there yet at the time it names", () => {
      const from = new Date(world.now.getTime() + 2 * DAY_MS);
      const token = crafted({}, world.otherTsa("young-tsa", { from }));
      expect(() => verify(withTokens(world.signature, token))).toThrow(
        refusal("TIMESTAMP_INVALID", /CN=young-tsa.* is valid from/),
      );
    });

    it("that was revoked, whenever that was", () => {
      const crls = [
        decodeCrl(world.authority.list({ by: world.tsaRoot, revoked: [{ certificate: world.tsa }] }).der),
      ];
      expect(() => verify(stamped, { crls })).toThrow(refusal("TIMESTAMP_INVALID", /revoked/));
    });

    it("of which no list vouches, where lists are required", () => {
      const listOf = (by: Identity) => decodeCrl(world.authority.list({ by }).der);
      const request = { requireCrl: true, crls: [listOf(world.root)] };
      expect(() => verify(stamped, request)).toThrow(refusal("TIMESTAMP_INVALID", /no revocation list/));
      const crls = [...request.crls, listOf(world.tsaRoot)];
      expect(verify(stamped, { ...request, crls })).toEqual(
        expect.objectContaining({ notRevoked: true, timestamp: expect.anything() }),
      );
    });
  });

  it("does not help a signer who was revoked, even after that", () => {
    const crls = [
      decodeCrl(world.authority.list({ by: world.root, revoked: [{ certificate: world.signer }] }).der),
    ];
    expect(() => verify(stamped, { crls })).toThrow(refusal("CERTIFICATE_REVOKED"));
  });

  it.each<{ why: string; days: number; code: string; accuracy?: readonly Uint8Array[] }>([
    { why: "after the signer's end", days: 2, code: "SIGNER_EXPIRED" },
    { why: "before the signer's beginning", days: -5000, code: "TIMESTAMP_INVALID" },
    { why: "in the future", days: 11, code: "TIMESTAMP_INVALID" },
    {
      why: "before the signer's end by less than the clock of the authority may be wrong",
      days: 0.9,
      accuracy: [encodeDer(0x30, encodeDer(0x02, Uint8Array.of(1, 0, 0)))],
      code: "SIGNER_EXPIRED",
    },
  ])("is none for a time $why", ({ days, code, accuracy = [] }) => {
    const time = new Date(world.now.getTime() + days * DAY_MS);
    const signature = withTokens(world.signature, crafted({ time, parts: accuracy }));
    expect(() => verify(signature)).toThrow(refusal(code));
  });

  it("may have a fraction of a second, accuracy, order, a nonce, a name and extensions that are not critical", () => {
    const parts = [
      encodeDer(0x30, encodeDer(0x81, Uint8Array.of(5))),
      encodeDer(0x01, Uint8Array.of(0xff)),
      encodeDer(0x02, Uint8Array.of(0, 0xff, 1)),
      encodeDer(0xa0, encodeDer(0x82, Buffer.from("tsa.example"))),
      encodeDer(0xa1, extension(false)),
    ];
    const time = `${world.now.toISOString().replaceAll(/[-T:]|\.\d+Z/g, "")}.0691Z`;
    const { timestamp } = verify(withTokens(world.signature, crafted({ time, parts })));
    expect(timestamp).toEqual(expect.objectContaining({ accuracyMs: 1 }));
    expect(timestamp!.time.getMilliseconds()).toBe(70);
  });

  describe("is malformed", () => {
    const info = (change: (honest: Uint8Array) => Partial<OddInfo>) => () =>
      crafted(change(stampedIn(world.signature)));
    it.each<{ why: string; token: () => Uint8Array }>([
      { why: "of another version", token: info(() => ({ version: 2 })) },
      { why: "with an imprint of another length", token: info(() => ({ digest: Buffer.alloc(20) })) },
      { why: "with a serial number of 200 bits", token: info(() => ({ serial: Buffer.alloc(25, 1) })) },
      { why: "with a local time", token: info(() => ({ time: "20260101000000" })) },
      { why: "with a time that does not exist", token: info(() => ({ time: "20260230000000Z" })) },
      { why: "with a fraction that ends in zero", token: info(() => ({ time: "20260101000000.50Z" })) },
      {
        why: "with an accuracy of 1000 ms",
        token: info(() => ({ parts: [encodeDer(0x30, encodeDer(0x80, Uint8Array.of(3, 0xe8)))] })),
      },
      {
        why: "with an accuracy of nothing",
        token: info(() => ({ parts: [encodeDer(0x30, encodeDer(0x80))] })),
      },
      {
        why: "with a default spelled out",
        token: info(() => ({ parts: [encodeDer(0x01, Uint8Array.of(0))] })),
      },
      {
        why: "with a critical extension",
        token: info(() => ({ parts: [encodeDer(0xa1, extension(true))] })),
      },
      { why: "with more than it may", token: info(() => ({ parts: [encodeDer(0x05)] })) },
      { why: "without signingCertificateV2", token: () => crafted({}, world.tsa, []) },
      {
        why: "signed by two",
        token: () =>
          crafted({}, world.tsa, [
            "-cades",
            "-signer",
            world.signer.certificatePath,
            "-inkey",
            world.signer.keyPath,
          ]),
      },
      { why: "without its content", token: () => detached(crafted()) },
      { why: "with bytes behind its end", token: () => tailed(crafted()) },
      { why: "that is a signature of something else", token: () => world.signature },
    ])("$why", ({ token }) => {
      expect(() => verify(withTokens(world.signature, token()))).toThrow(refusal("TIMESTAMP_MALFORMED"));
    });
  });
});

function extension(critical: boolean): Uint8Array {
  const flag = critical ? [encodeDer(0x01, Uint8Array.of(0xff))] : [];
  return encodeDer(0x30, encodeOid("1.3.6.1.4.1.55555.1"), ...flag, encodeDer(0x04, encodeDer(0x05)));
}

function detached(token: Uint8Array): Uint8Array {
  const [type, content] = readDer(token).children;
  const parts = content!.children[0]!.children.map(({ bytes, children }, at) =>
    at === 2 ? encodeDer(0x30, children[0]!.bytes) : bytes,
  );
  return encodeDer(0x30, type!.bytes, encodeDer(0xa0, encodeDer(0x30, ...parts)));
}

/** Behind the signed data, inside of the element, so that the signature around it stays DER. */
function tailed(token: Uint8Array): Uint8Array {
  return encodeDer(0x30, ...readDer(token).children.map(({ bytes }) => bytes), encodeDer(0x05));
}
