/**
 * Certificates, in each place of a chain. One that is believed has the very bytes below its signature that its issuer
 * signed.
 */
import { type Certificate, decodeCertificate } from "../../../src/format/cms/certificate.ts";
import { CmsError } from "../../../src/format/cms/cms-error.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../../src/trust/certification-path.ts";
import { TrustError } from "../../../src/trust/trust-error.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { mutateDer } from "../mutate/der.ts";
import { bytesOf, now, readPkits, seeds } from "../seeds.ts";

const pkits = Object.entries(readPkits().certificates).map(([name, text]) => ({
  name,
  bytes: bytesOf(text),
}));
const own = (["root", "ca", "signer"] as const).map((name) => ({ name, bytes: bytesOf(seeds[name]) }));
const pkitsRoot = pkits.find(({ name }) => name === "TrustAnchorRootCertificate.crt")!.bytes;
const anchors = [bytesOf(seeds.root), pkitsRoot].flatMap(readTrustAnchors);
const honest = [...own, ...pkits].flatMap(({ bytes }) => {
  try {
    return [decodeCertificate(bytes)];
  } catch {
    // Some of the suite are bad on purpose.
    return [];
  }
});
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const signed = new Set(honest.map(({ tbs }) => hexOf(tbs)));
const signer = decodeCertificate(bytesOf(seeds.signer));
const bySubject = Map.groupBy(honest, ({ subject }) => subject.text);

/** What may stand above a certificate, by names. */
function above(certificate: Certificate): Certificate[] {
  const found = new Set<Certificate>();
  let names = [certificate.issuer.text];
  for (let depth = 0; depth < 4; depth++) {
    const next = names.flatMap((name) => bySubject.get(name) ?? []).filter((each) => !found.has(each));
    for (const each of next.slice(0, 8)) found.add(each);
    names = next.map(({ issuer }) => issuer.text);
  }
  return [...found];
}

export const target: FuzzTarget = {
  seeds: [...own, ...pkits],
  refusals: ["CmsError", "TrustError"],
  mutate: ({ bytes, other, roll }) => mutateDer(bytes, [other], roll),
  act: (bytes) => {
    const certificate = decodeCertificate(bytes);
    asAnchor(bytes);
    const asSigner = believed(certificate, above(certificate));
    const asCa = believed(signer, [certificate]);
    return `as a signer: ${asSigner}; as a CA: ${asCa}`;
  },
};

function believed(from: Certificate, intermediates: readonly Certificate[]): string {
  try {
    const { certificates } = verifyCertificatePath({
      signer: from,
      intermediates,
      anchors,
      now,
      purpose: "any",
    });
    const strange = certificates.find(({ tbs }) => !signed.has(hexOf(tbs)));
    return strange === undefined
      ? "believed"
      : violation(`nobody signed the certificate of ${strange.subject.text}`);
  } catch (error) {
    if (error instanceof TrustError) return error.code;
    throw error;
  }
}

/** Whoever pins it has it checked as a CA's, at the least. */
function asAnchor(bytes: Uint8Array): void {
  try {
    readTrustAnchors(bytes);
  } catch (error) {
    if (!(error instanceof TrustError) || error instanceof CmsError) throw error;
  }
}
