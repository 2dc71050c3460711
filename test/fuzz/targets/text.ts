/** Texts that people write, or that others write for them: themis.yml, and PEM files with certificates and lists. */
import { checkConfig } from "../../../src/format/config/check-config.ts";
import { readYaml } from "../../../src/format/config/yaml-document.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { readCrls } from "../../../src/trust/crl-file.ts";
import { pick, type Roll } from "../../format/delta/fuzz/dice.ts";
import { mutateBytes } from "../../format/delta/fuzz/mutate.ts";
import { pemOf } from "../../kit/authority.ts";
import type { FuzzSeed, FuzzTarget } from "../engine/target.ts";
import { bytesOf, seeds } from "../seeds.ts";

type Text = FuzzSeed & { readonly read: (bytes: Uint8Array) => string };

const YAML = `checker:
  interval: 1h
  jitter: 10m
  source: "https://updates.example.org/page"
autoUpdate: { enabled: true, schedule: [ 'Mon 02:00-04:00' ] }
hotReload:
  confirm: { by: operator, within: 10m }
notifications:
  webhook: |
    https://hooks.example.org/x
advanced:
  # a comment
  connections: 4
`;

const anchors = Buffer.concat([seeds.root, seeds.ca].map((der) => pemOf("CERTIFICATE", bytesOf(der))));
const lists = Buffer.concat(Object.values(seeds.lists).map((der) => pemOf("X509 CRL", bytesOf(der))));

const texts: readonly Text[] = [
  {
    name: "themis.yml",
    bytes: Buffer.from(YAML),
    read: (bytes) => {
      const { value, placeOf } = readYaml(bytes, "themis.yml");
      checkConfig(value, placeOf);
      return "obeyed";
    },
  },
  { name: "anchors.pem", bytes: anchors, read: (bytes) => `${readTrustAnchors(bytes).length} anchors` },
  { name: "lists.pem", bytes: lists, read: (bytes) => `${readCrls(bytes).length} lists` },
];

const TOKENS = [
  ...[
    "&a",
    "*a",
    "<<: ",
    "!!js/function ",
    "%YAML 1.1\n---\n",
    "---\n",
    "? ",
    ": ",
    "- ",
    "\t",
    "{",
    "}",
    "[",
    "]",
  ],
  ...[
    "|\n",
    ">\n",
    '"',
    "'",
    "#",
    "\r\n",
    "0x1f",
    "1e400",
    ".nan",
    "null",
    "~",
    "yes",
    "__proto__: ",
    "\u2028",
  ],
  ...[
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
    "-----BEGIN X509 CRL-----\n",
    "====",
    "\0",
  ],
];

function insertTokens(bytes: Uint8Array, roll: Roll): Uint8Array {
  const at = roll(bytes.length + 1);
  const token = Buffer.from(pick(TOKENS, roll).repeat(roll(8) ? 1 : 1 + roll(60)));
  return Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at + roll(3) * roll(8))]);
}

export const target: FuzzTarget<Text> = {
  seeds: texts,
  refusals: ["ConfigError", "TrustError", "CmsError"],
  mutate: ({ bytes, other, roll }) =>
    roll(2) ? insertTokens(bytes, roll) : mutateBytes(bytes, [other], roll),
  act: (bytes, { read }) => read(bytes),
};
