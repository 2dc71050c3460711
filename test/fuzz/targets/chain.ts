/**
 * Certificates and lists of any shape, signed with real keys: what an evil CA below an honest one could issue. Who
 * signs whom, and what stands in it, is up to chance, within four keys and four names: circles, twins, dead ends.
 *
 * An input is what chance decides, two bytes at a time; when they are used up, everything else is the first choice.
 */
import { decodeCertificate } from "../../../src/format/cms/certificate.ts";
import { decodeCrl } from "../../../src/format/cms/crl.ts";
import { type DerElement, readDer } from "../../../src/format/cms/der.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { verifyCertificatePath } from "../../../src/trust/certification-path.ts";
import { dice, pick, type Roll } from "../../format/delta/fuzz/dice.ts";
import { mutateBytes } from "../../format/delta/fuzz/mutate.ts";
import { der, integer, octets, sequence } from "../../trust/craft.ts";
import {
  extension,
  forgeCertificate,
  forgeList,
  type Key,
  keyIdentifier,
  name,
  newKey,
  revokedEntry,
} from "../../trust/forge.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { bytesOf, now, readPkits } from "../seeds.ts";

const keys: readonly Key[] = Array.from({ length: 4 }, newKey);
const names = [name("root"), name("a"), name("b"), name("a", "b")];
const ca = extension("2.5.29.19", sequence(der(0x01, Buffer.of(0xff))), true);
const root = { subject: names[0]!, issuer: names[0]!, key: keys[0]!, by: keys[0]!, extensions: [ca] };
const anchors = readTrustAnchors(forgeCertificate(root));

/** Of NIST's suite: constraints, policies, points and the rest, each as it stands in some certificate or list. */
const extensions = [...new Set(extensionsOfPkits().map((bytes) => bytes.toString("base64")))].map((text) =>
  Buffer.from(text, "base64"),
);

function extensionsOfPkits(): Buffer[] {
  const { certificates, crls } = readPkits();
  return [...Object.values(certificates), ...Object.values(crls)].flatMap((text) =>
    partsOf(readDer(bytesOf(text)))
      .map(({ bytes }) => Buffer.from(bytes))
      .filter((bytes) => bytes.length < 300 && bytes[0] === 0x30 && bytes[2] === 0x06)
      .filter((bytes) => bytes.subarray(4, 6).equals(Buffer.of(0x55, 0x1d))),
  );
}

function partsOf(element: DerElement): DerElement[] {
  return [element, ...element.children.flatMap(partsOf)];
}

const SEEDS = 12;
const DECISIONS = 240;
const BASIC_CONSTRAINTS = "551d13";
const SUBJECT_KEY = "551d0e";
const typeOf = (bytes: Buffer): string => bytes.subarray(4, 7).toString("hex");

function rollOf(bytes: Uint8Array): Roll {
  let at = 0;
  return (sides) => {
    const drawn = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    at += 2;
    return drawn % sides;
  };
}

function someExtensions(roll: Roll): Buffer[] {
  const chosen = Array.from({ length: roll(5) }, () => pick(extensions, roll));
  return [...new Map(chosen.map((each) => [typeOf(each), each])).values()].filter(
    (each) => typeOf(each) !== BASIC_CONSTRAINTS,
  );
}

function forgeOne(serial: number, roll: Roll): Buffer {
  const by = roll(keys.length);
  const subject = roll(keys.length);
  const more = someExtensions(roll).filter((each) => typeOf(each) !== SUBJECT_KEY);
  const identified = roll(2) ? [] : [extension("2.5.29.14", octets(keyIdentifier(keys[subject]!)))];
  const honest = Math.min(by, subject);
  return forgeCertificate({
    subject: names[subject]!,
    issuer: names[roll(4) ? honest : by]!,
    key: keys[subject]!,
    by: keys[roll(4) ? honest : by]!,
    serial,
    extensions: [...(roll(8) ? [ca] : []), ...identified, ...more],
  });
}

function forgeAList(roll: Roll): Buffer {
  const by = roll(keys.length);
  const entries = roll(3) ? [] : [revokedEntry(1 + roll(9))];
  const more = someExtensions(roll).filter(() => roll(3) === 0);
  const numbered = [extension("2.5.29.20", integer(1 + roll(9))), ...more];
  return forgeList({ issuer: names[by]!, by: keys[by]!, entries, extensions: numbered });
}

export const target: FuzzTarget = {
  seeds: Array.from({ length: SEEDS }, (_, which) => {
    const roll = dice(which, DECISIONS);
    return { name: `draw ${which}`, bytes: Uint8Array.from({ length: DECISIONS }, () => roll(256)) };
  }),
  refusals: ["CmsError", "TrustError"],
  mutate: ({ bytes, other, roll }) => mutateBytes(bytes, [other], roll),
  act: (bytes) => {
    const roll = rollOf(bytes);
    const pool = Array.from({ length: 2 + roll(8) }, (_, i) => decodeCertificate(forgeOne(i + 1, roll)));
    const crls = Array.from({ length: roll(5) }, () => decodeCrl(forgeAList(roll)));
    const requireCrl = roll(3) === 0;
    const [signer, ...intermediates] = pool;
    const path = verifyCertificatePath({
      ...{ signer: signer!, intermediates, anchors, now, crls, requireCrl },
      purpose: "any",
    });
    if (requireCrl && !path.notRevoked) violation("lists are required, and nobody vouches");
    return `a path of ${path.certificates.length}${path.notRevoked ? ", vouched for" : ""}`;
  },
};
