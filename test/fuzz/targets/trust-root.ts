/** Trust roots: the one that may follow is the one that was signed, to the byte; any other is read or refused as one thing. */
import { decodeTrustRoot, encodeTrustRoot } from "../../../src/format/trust-root/trust-root.ts";
import { TrustError } from "../../../src/trust/trust-error.ts";
import { pinnedTrustRoot, proveNextTrustRoot, readTrustRoot } from "../../../src/trust/trust-root.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateJson } from "../mutate/json.ts";
import { bytesOf, now, seeds } from "../seeds.ts";

const before = pinnedTrustRoot(bytesOf(seeds.trustRoots.first));
const next = Buffer.from(bytesOf(seeds.trustRoots.next));
const signature = bytesOf(seeds.trustRoots.signature);

export const target: FuzzTarget = {
  seeds: [
    { name: "version 2", bytes: next },
    { name: "version 1", bytes: bytesOf(seeds.trustRoots.first) },
  ],
  refusals: ["TrustError"],
  mutate: ({ bytes, other, roll }) => mutateJson(bytes, [other], roll),
  act: (content) => {
    readTrustRoot(content);
    if (Buffer.compare(encodeTrustRoot(decodeTrustRoot(content)), content) !== 0)
      violation("a trust root with two spellings is read");
    try {
      proveNextTrustRoot(before, { content, signature }, { now });
    } catch (error) {
      if (!(error instanceof TrustError) || next.equals(content)) throw error;
      return error.code;
    }
    return next.equals(content) ? "believed" : violation("a trust root is believed that nobody signed");
  },
};
