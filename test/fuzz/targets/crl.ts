/** Revocation lists. One that vouches, or revokes, has the very bytes that its issuer signed. */
import { decodeCertificate } from "../../../src/format/cms/certificate.ts";
import { decodeCrl } from "../../../src/format/cms/crl.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../../src/trust/certification-path.ts";
import { TrustError } from "../../../src/trust/trust-error.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateDer } from "../mutate/der.ts";
import { bytesOf, now, readPkits, seeds } from "../seeds.ts";

const anchors = readTrustAnchors(bytesOf(seeds.root));
const signer = decodeCertificate(bytesOf(seeds.signer));
const intermediates = [decodeCertificate(bytesOf(seeds.ca))];
const rootList = decodeCrl(bytesOf(seeds.lists.root));
const own = (["ca", "revoking", "root"] as const).map((name) => ({
  name,
  bytes: bytesOf(seeds.lists[name]),
}));
const pkits = Object.entries(readPkits().crls).map(([name, text]) => ({ name, bytes: bytesOf(text) }));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const [clean, revoking] = own.map(({ bytes }) => hexOf(decodeCrl(bytes).tbs));

export const target: FuzzTarget = {
  seeds: [...own, ...pkits],
  refusals: ["CmsError", "TrustError"],
  mutate: ({ bytes, other, roll }) => mutateDer(bytes, [other], roll),
  act: (bytes) => {
    const list = decodeCrl(bytes);
    try {
      const crls = [list, rootList];
      verifyCertificatePath({ signer, intermediates, anchors, now, crls, requireCrl: true });
    } catch (error) {
      if (!(error instanceof TrustError)) throw error;
      if (error.code === "CERTIFICATE_REVOKED" && hexOf(list.tbs) !== revoking)
        violation("a list revokes that nobody signed");
      return error.code;
    }
    return hexOf(list.tbs) === clean ? "vouches" : violation("a list vouches that nobody signed");
  },
};
