/** A clock that was set back, by a hostile time server say, makes nobody's certificate good again. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { NOTHING_TRUSTED, verifyRelease } from "../../src/trust/verify-release.ts";
import { opensslSign } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { TrustRoots } from "../kit/trust-roots.ts";

describe.skipIf(!hasTool("openssl"))("a release whose signer is over", () => {
  const made = new TrustRoots();
  let signatureBytes: Buffer;
  let anchors: ReturnType<typeof readTrustAnchors>;
  /** What is signed is no manifest, so who gets past the signature ends there. */
  const manifestBytes = Buffer.from("signed, and no manifest");
  beforeAll(() => {
    const { ca, signer } = made.party("over", { from: "20200101000000Z", to: "20210101000000Z" });
    anchors = readTrustAnchors(ca.pem);
    signatureBytes = opensslSign({ content: manifestBytes, signers: [signer] });
  });
  afterAll(() => made.remove());

  const now = new Date("2020-06-01T00:00:00Z");
  const verify = (latest: string) => {
    const trusted = { ...NOTHING_TRUSTED, latestTimeMs: Date.parse(latest) };
    return verifyRelease({ manifestBytes, signatureBytes, anchors, now, trusted, version: "" });
  };

  it.each([
    {
      why: "stays refused where the device has seen a later time",
      latest: "2026-01-01",
      code: "SIGNER_EXPIRED",
    },
    { why: "was good then", latest: "2020-05-01", code: expect.stringMatching(/^JSON_/) },
  ])("$why", async ({ latest, code }) => {
    await expect(verify(latest)).rejects.toThrow(expect.objectContaining({ code, kind: "refused" }));
  });

  it("is named by the clock when that stands before everything", async () => {
    const trusted = { ...NOTHING_TRUSTED, latestTimeMs: now.getTime() };
    const asked = { manifestBytes, signatureBytes, anchors, now: new Date(0), trusted, version: "" };
    await expect(verifyRelease(asked)).rejects.toThrow(/it is 1970/);
  });
});
