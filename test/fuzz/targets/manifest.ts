/** Manifests, signed by others: one that is believed has not one byte changed; one that is read has one spelling. */
import { decodeManifest, encodeManifest } from "../../../src/format/manifest/manifest.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { TrustError } from "../../../src/trust/trust-error.ts";
import { verifySignature } from "../../../src/trust/verify-signature.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateJson } from "../mutate/json.ts";
import { bytesOf, now, seeds } from "../seeds.ts";

const manifest = Buffer.from(bytesOf(seeds.documents["manifest.json"]!));
const signature = bytesOf(seeds.manifestSignature);
const anchors = readTrustAnchors(bytesOf(seeds.manifestRoot));

export const target: FuzzTarget = {
  seeds: [{ name: "manifest.json", bytes: manifest }],
  refusals: ["JsonError", "DocumentError", "PathError"],
  mutate: ({ bytes, other, roll }) => mutateJson(bytes, [other], roll),
  act: (bytes) => {
    const isHonest = manifest.equals(bytes);
    if (isBelieved(bytes) !== isHonest) violation("a changed manifest is believed, or the honest one is not");
    const again = encodeManifest(decodeManifest(bytes));
    if (Buffer.compare(again, bytes) !== 0) violation("a manifest with two spellings is read");
    return isHonest ? "believed" : "read";
  },
};

function isBelieved(content: Uint8Array): boolean {
  try {
    verifySignature({ content, signature, anchors, now });
    return true;
  } catch (error) {
    if (error instanceof TrustError && error.code === "DIGEST_MISMATCH") return false;
    throw error;
  }
}
