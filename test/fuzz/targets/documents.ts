/** Every other document of ours: what is read has one spelling, and none is read as another's kind by chance. */
import { decodeDeltaManifest, encodeDeltaManifest } from "../../../src/format/manifest/delta-manifest.ts";
import { decodeDeltaReport, encodeDeltaReport } from "../../../src/format/manifest/delta-report.ts";
import { decodeSigningRequest, encodeSigningRequest } from "../../../src/format/manifest/signing-request.ts";
import {
  decodeRestorePoint,
  encodeRestorePoint,
  NOTHING_INSTALLED,
} from "../../../src/format/record/restore-point.ts";
import { type FuzzSeed, type FuzzTarget, violation } from "../engine/target.ts";
import { mutateJson } from "../mutate/json.ts";
import { bytesOf, seeds } from "../seeds.ts";

type Document = FuzzSeed & { readonly spellAgain: (bytes: Uint8Array) => Uint8Array };

const DIGEST = "0f".repeat(32);
const document = (name: string): Uint8Array => bytesOf(seeds.documents[name]!);

const documents: readonly Document[] = [
  {
    name: "delta manifest",
    bytes: document("delta-1.0.0.json"),
    spellAgain: (bytes) => encodeDeltaManifest(decodeDeltaManifest(bytes)),
  },
  {
    name: "delta report",
    bytes: document("report-1.0.0.json"),
    spellAgain: (bytes) => encodeDeltaReport(decodeDeltaReport(bytes)),
  },
  {
    name: "restore point",
    bytes: encodeRestorePoint({
      schema_version: 1,
      id: "20260601T000000Z-00000000",
      created: "2026-06-01T00:00:00.000Z",
      to_version: "1.1.0",
      release: NOTHING_INSTALLED,
      files: [],
      entries: [{ path: "a/b", kind: "file", sha256: DIGEST, size: 1, permissions: "0644", link_target: "" }],
      contents: [
        {
          ...{ sha256: DIGEST, size: 1, form: "bsdiff", stored_sha256: DIGEST, stored_size: 9 },
          ...{ base_path: "a/b", base_sha256: DIGEST },
        },
      ],
    }),
    spellAgain: (bytes) => encodeRestorePoint(decodeRestorePoint(bytes)),
  },
  {
    name: "signing request",
    bytes: encodeSigningRequest({
      ...{ schema_version: 1, product: "app", version: "1.1.0", manifest_sha256: DIGEST },
      ...{ certificate_sha256: DIGEST, certificate_subject: "CN=signer", algorithm: "ecdsa-p256-sha256" },
      ...{ signing_time: "2026-06-01T00:00:00Z", signed_attributes: "MQA=", digest_algorithm: "sha256" },
      digest: DIGEST,
    }),
    spellAgain: (bytes) => encodeSigningRequest(decodeSigningRequest(bytes)),
  },
];

export const target: FuzzTarget<Document> = {
  seeds: documents,
  refusals: ["JsonError", "DocumentError", "PathError"],
  mutate: ({ bytes, other, roll }) => mutateJson(bytes, [other], roll),
  act: (bytes, { spellAgain }) => {
    if (Buffer.compare(spellAgain(bytes), bytes) !== 0) violation("a document with two spellings is read");
    return "read";
  },
};
