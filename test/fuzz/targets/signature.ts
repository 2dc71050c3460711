/**
 * CMS messages. One that is believed says of each signer what an honest message says, over the very bytes that were
 * signed there; whatever may differ is what nobody signs: the order and number of certificates, lists, other attributes.
 */
import { decodeCrl } from "../../../src/format/cms/crl.ts";
import { decodeSignedData, type SignerInfo } from "../../../src/format/cms/signed-data.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { TrustError } from "../../../src/trust/trust-error.ts";
import { type SignerReport, verifySignature } from "../../../src/trust/verify-signature.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateDer } from "../mutate/der.ts";
import { bytesOf, now, seeds } from "../seeds.ts";

const content = bytesOf(seeds.content);
const anchors = readTrustAnchors(bytesOf(seeds.root));
const lists = [seeds.lists.ca, seeds.lists.root].map((list) => decodeCrl(bytesOf(list)));
const honest = Object.entries(seeds.messages).map(([name, text]) => ({ name, bytes: bytesOf(text) }));

/** What honest messages say of the signer of these bytes. One of them brings the list that revokes its signer. */
const known = new Map<string, string[]>();
for (const { name, bytes } of honest) {
  if (name === "a list along that revokes") continue;
  const { signers } = verifySignature({ content, signature: bytes, anchors, now });
  for (const [key, said] of saidOf(bytes, signers)) known.set(key, [...(known.get(key) ?? []), said]);
}

function saidOf(message: Uint8Array, reports: readonly SignerReport[]): [key: string, said: string][] {
  const signers = decodeSignedData(message).signers;
  if (signers.length !== reports.length) violation("not every signer is reported");
  return signers.map((signer, i) => {
    const { notRevoked: _, ...report } = reports[i]!;
    return [keyOf(signer), JSON.stringify(report)];
  });
}

function keyOf({ signedBytes }: SignerInfo): string {
  return Buffer.from(signedBytes).toString("base64");
}

export const target: FuzzTarget = {
  seeds: honest,
  refusals: ["TrustError"],
  mutate: ({ bytes, other, roll }) => mutateDer(bytes, [other], roll),
  act: (signature) => {
    const { signers } = verifySignature({ content, signature, anchors, now });
    for (const [key, said] of saidOf(signature, signers))
      if (known.get(key)?.includes(said) !== true) violation(`what nobody signed is believed: ${said}`);
    refusesOther(signature);
    return `${signers.length} believed, ${withLists(signature)}`;
  },
};

function refusesOther(signature: Uint8Array): void {
  const other = Uint8Array.from(content);
  other[0]! ^= 1;
  try {
    verifySignature({ content: other, signature, anchors, now });
  } catch (error) {
    if (error instanceof TrustError && error.code === "DIGEST_MISMATCH") return;
    throw error;
  }
  violation("another content is believed");
}

function withLists(signature: Uint8Array): string {
  try {
    const { signers } = verifySignature({ content, signature, anchors, now, crls: lists, requireCrl: true });
    return signers.every(({ notRevoked }) => notRevoked)
      ? "vouched for"
      : violation("lists are required, and nobody vouches");
  } catch (error) {
    if (error instanceof TrustError) return error.code;
    throw error;
  }
}
