/**
 * Channel documents: one that is obeyed has not one byte changed. What a changed one would mean, if its publisher signed
 * it, is decided all the same, and means what its words say.
 */
import { decodeChannel, encodeChannel } from "../../../src/format/channel/channel.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { type ChannelDecision, decideChannel } from "../../../src/trust/channel-decision.ts";
import { TrustError } from "../../../src/trust/trust-error.ts";
import { markVerified } from "../../../src/trust/verified.ts";
import { verifyChannel } from "../../../src/trust/verify-channel.ts";
import { NOTHING_TRUSTED } from "../../../src/trust/verify-release.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateJson } from "../mutate/json.ts";
import { bytesOf, now, seeds } from "../seeds.ts";

const honest = Buffer.from(bytesOf(seeds.channel.document));
const signatureBytes = bytesOf(seeds.channel.signature);
const anchors = readTrustAnchors(bytesOf(seeds.root));

export const target: FuzzTarget = {
  seeds: [{ name: "channel-stable.json", bytes: honest }],
  refusals: ["JsonError", "DocumentError", "PathError"],
  mutate: ({ bytes, other, roll }) => mutateJson(bytes, [other], roll),
  act: async (bytes) => {
    const isHonest = honest.equals(bytes);
    if ((await isObeyed(bytes)) !== isHonest)
      violation("a changed document is obeyed, or the honest one is not");
    const document = decodeChannel(bytes);
    if (Buffer.compare(encodeChannel(document), bytes) !== 0)
      violation("a document with two spellings is read");
    const { answer }: ChannelDecision = decideChannel({
      ...{ document: markVerified(document), version: "", allowDowngrade: false },
      device: {
        ...{ platform: "linux", architecture: "x86_64", highestSequence: 10_000, id: "00".repeat(16) },
        installed: { version: "1.0.0", sequence: 10_000, manifest_sha256: "0f".repeat(32) },
      },
    });
    if (document.hold !== "" && answer.kind === "install") violation("a channel on hold installs");
    if (answer.kind === "install" && answer.release.sequence < 10_000) violation("a channel goes down");
    return answer.kind === "stay" ? answer.why : answer.kind;
  },
};

async function isObeyed(documentBytes: Uint8Array): Promise<boolean> {
  try {
    const trusted = NOTHING_TRUSTED;
    await verifyChannel({ documentBytes, signatureBytes, channel: "stable", anchors, now, trusted });
    return true;
  } catch (error) {
    if (error instanceof TrustError && error.code === "DIGEST_MISMATCH") return false;
    throw error;
  }
}
