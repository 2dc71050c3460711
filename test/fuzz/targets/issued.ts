/**
 * Certificates of any shape that the honest CA has really signed, so that nothing ends at a signature: what we believe
 * of one, OpenSSL reads alike.
 */
import { X509Certificate } from "node:crypto";
import { decodeCertificate } from "../../../src/format/cms/certificate.ts";
import { readDer } from "../../../src/format/cms/der.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../../src/trust/certification-path.ts";
import { der, integer, sequence } from "../../trust/craft.ts";
import { algorithm, extension, forgeCertificate, name, newKey, signed } from "../../trust/forge.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateDer } from "../mutate/der.ts";
import { bytesOf, now, readPkits } from "../seeds.ts";

const key = newKey();
const ca = extension("2.5.29.19", sequence(der(0x01, Buffer.of(0xff))), true);
const subject = name("root");
const anchors = readTrustAnchors(
  forgeCertificate({ subject, issuer: subject, key, by: key, extensions: [ca] }),
);

/** The signed part of a certificate of the suite, as if our CA had issued it. */
function tbsOf(bytes: Uint8Array): Uint8Array | undefined {
  try {
    const { serial, subject: theirs, spki } = decodeCertificate(bytes);
    const tbs = readTbs(bytes);
    const list = tbs.at(-1)![0] === 0xa3 ? [tbs.at(-1)!] : [];
    return sequence(
      der(0xa0, integer(2)),
      integer(...Buffer.from(serial, "hex")),
      algorithm,
      subject,
      tbs[4]!,
      theirs.der,
      spki,
      ...list,
    );
  } catch {
    return undefined;
  }
}

function readTbs(bytes: Uint8Array): Uint8Array[] {
  return readDer(bytes).children[0]!.children.map((child) => child.bytes);
}

export const target: FuzzTarget = {
  seeds: Object.entries(readPkits().certificates).flatMap(([file, text]) => {
    const tbs = tbsOf(bytesOf(text));
    return tbs === undefined ? [] : [{ name: file, bytes: tbs }];
  }),
  refusals: ["CmsError", "TrustError"],
  mutate: ({ bytes, other, roll }) => mutateDer(bytes, [other], roll),
  act: (tbs) => {
    const bytes = signed(key, Buffer.from(tbs));
    const certificate = decodeCertificate(bytes);
    verifyCertificatePath({ signer: certificate, intermediates: [], anchors, now, purpose: "any" });
    const theirs = readAlike(bytes);
    if (theirs === undefined) return "believed by us alone";
    if (BigInt(`0x${theirs.serialNumber}`) !== BigInt(`0x${certificate.serial}`))
      violation("another serial number");
    if (theirs.validToDate.getTime() !== certificate.notAfter.getTime()) violation("another end of validity");
    // Theirs is no CA when its keyUsage does not let it issue.
    const issues = certificate.basicConstraints?.ca === true && certificate.keyUsage?.has(5) !== false;
    if (theirs.ca && !issues) violation("a CA that is none to us");
    return `believed${theirs.ca ? ", a CA" : ""}`;
  },
};

/** Some do not parse there: OpenSSL knows few types of names' values, and some extensions only by their critical form. */
function readAlike(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}
