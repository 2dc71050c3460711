/**
 * Time-stamp tokens. One that is proven says what the honest one says of the signature it was made for; what nobody signs
 * of it, order and number of certificates and the like, may differ.
 */
import { decodeTimeStampToken } from "../../../src/format/cms/time-stamp.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { SignatureChecks } from "../../../src/trust/signature-checks.ts";
import { verifyTimeStamp } from "../../../src/trust/time-stamp.ts";
import { TrustError } from "../../../src/trust/trust-error.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateDer } from "../mutate/der.ts";
import { bytesOf, now, seeds } from "../seeds.ts";

const honest = bytesOf(seeds.timeStamp.token);
const stamped = bytesOf(seeds.timeStamp.stamped);
const timestampAnchors = readTrustAnchors(bytesOf(seeds.timeStamp.root));
const proven = (token: Uint8Array, of = stamped): string => {
  const tools = { anchors: [], timestampAnchors, now, checks: new SignatureChecks() };
  return JSON.stringify(verifyTimeStamp(token, of, tools).report);
};
const said = proven(honest);

export const target: FuzzTarget = {
  seeds: [{ name: "by openssl ts", bytes: honest }],
  refusals: ["TrustError"],
  mutate: ({ bytes, other, roll }) => mutateDer(bytes, [other], roll),
  act: (token) => {
    if (proven(token) !== said) violation("a time is believed that nobody stamped");
    refusesOther(token);
    return `proven, with ${decodeTimeStampToken(token).certificates.length} certificates`;
  },
};

function refusesOther(token: Uint8Array): void {
  const other = Uint8Array.from(stamped);
  other[0]! ^= 1;
  try {
    proven(token, other);
  } catch (error) {
    if (error instanceof TrustError && error.code === "TIMESTAMP_INVALID") return;
    throw error;
  }
  violation("a time-stamp of another signature is believed");
}
