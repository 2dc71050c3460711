import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { bucketOf, isFor } from "../../../src/format/channel/rollout.ts";
import { listed } from "../../kit/channel-facts.ts";
import { hasTool } from "../../kit/tools.ts";

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value).toString("hex"));

it("a larger share never leaves out a device that was in a smaller one", () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.nat(10_000), fc.nat(10_000), (manifest_sha256, device, a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      const small = isFor(listed("1.0.0", { manifest_sha256, rollout: less }), device);
      const large = isFor(listed("1.0.0", { manifest_sha256, rollout: more }), device);
      expect(small && !large).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

it("is nobody at 0 % and everybody at 100 %, also who has no number", () => {
  fc.assert(
    fc.property(hex(32), hex(16), (manifest_sha256, device) => {
      expect(isFor(listed("1.0.0", { manifest_sha256, rollout: 0 }), device)).toBe(false);
      expect(isFor(listed("1.0.0", { manifest_sha256, rollout: 10_000 }), device)).toBe(true);
      expect(isFor(listed("1.0.0", { manifest_sha256, rollout: 9_999 }), "")).toBe(false);
      expect(isFor(listed("1.0.0", { manifest_sha256, rollout: 10_000 }), "")).toBe(true);
    }),
  );
});

const devices = Array.from({ length: 10_000 }, (_, i) =>
  createHash("sha256").update(`device ${i}`).digest("hex").slice(0, 32),
);

// The standard deviation of a share p of 10,000 is sqrt(p (1 - p) * 10000): five of them are 1 in 1.7 million.
it.each([50, 500, 2500, 5000, 9000])("of ten thousand devices %i basis points are reached", (rollout) => {
  const p = rollout / 10_000;
  const reached = devices.filter((device) => isFor(listed("3.0.0", { rollout }), device)).length;
  expect(Math.abs(reached - rollout)).toBeLessThan(5 * Math.sqrt(p * (1 - p) * 10_000));
});

it("of another release other devices are first", () => {
  const first = (version: string) => devices.filter((id) => isFor(listed(version, { rollout: 1000 }), id));
  const others = new Set(first("3.1.0"));
  const both = first("3.0.0").filter((id) => others.has(id)).length;
  // A tenth of a tenth, where one order for all releases would make it all of them.
  expect(both).toBeGreaterThan(50);
  expect(both).toBeLessThan(150);
});

it.skipIf(!hasTool("openssl"))("is what openssl computes", () => {
  const digest = "ab".repeat(32);
  const device = "01".repeat(16);
  const input = Buffer.from(digest + device, "hex");
  const sha = execFileSync("openssl", ["dgst", "-sha256", "-binary"], { input });
  const wanted = Number(BigInt(`0x${sha.subarray(0, 8).toString("hex")}`) % 10_000n);
  expect(bucketOf(digest, device)).toBe(wanted);
});
