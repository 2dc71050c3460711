/**
 * Which assets of a release travel in an offline bundle.
 *
 * Whole targets always do, so that every device can be updated from it. Deltas do for the older versions that
 * are asked for: their delta manifests, and the packs that their patches lie in.
 */
import { ThemisError } from "../../base/error.ts";
import { LOG_PROOF } from "../../format/log/log-proof.ts";
import type { Pack } from "../../format/manifest/manifest.ts";
import { proofOf } from "../../trust/transparency.ts";
import type { Verified } from "../../trust/verified.ts";
import { type Discovered, readDeltaManifest } from "../discover.ts";
import { FetchError } from "../fetch-error.ts";

export type Assets = {
  /** In the order in which they stand in the archive, before the packs. */
  readonly documents: readonly Document[];
  readonly packs: readonly Verified<Pack>[];
  /** Older versions that it updates by delta. */
  readonly deltasFrom: readonly string[];
};

export type Document =
  | { readonly name: string; readonly bytes: Verified<Uint8Array> }
  /** Only carried: whoever unpacks it proves it by what he believes himself. */
  | { readonly name: string; readonly bytes: Uint8Array; readonly believed: false };

export type DeltaChoice =
  | { readonly kind: "all" | "none" }
  | { readonly kind: "from"; versions: readonly string[] };

/** What a person can do when a source lacks what only deltas need. */
export const WITHOUT_DELTAS = "leave them out: name other versions with --from, or --no-deltas";

/** @param besides documents that are not of the release @throws FetchError SOURCE_STATUS, TRANSFER_DIGEST_MISMATCH; ThemisError DELTA_UNKNOWN; what the source throws */
export async function chooseAssets(
  release: Discovered,
  choice: DeltaChoice,
  besides: Assets["documents"],
  signal: AbortSignal | undefined,
): Promise<Assets> {
  const { manifest, documents: proven, source } = release;
  const documents: Document[] = [
    { name: "manifest.json", bytes: proven.manifest },
    { name: "manifest.json.p7s", bytes: proven.signature },
    ...besides,
  ];
  if (release.logProof) {
    // Who carries it may demand no log, and the device does: better found where a network is.
    documents.push({ name: LOG_PROOF, bytes: proofOf(manifest, proven.manifest, release.logProof) });
  }
  const used = new Set(manifest.files.map(({ blob }) => blob.pack));
  const references = chosenDeltas(release, choice);
  for (const reference of references) {
    const found = await readDeltaManifest(release, reference, signal);
    if (found === "absent") {
      throw new FetchError("SOURCE_STATUS", `${source.name} has no ${reference.asset}`, {
        facts: { status: 404 },
        hint: WITHOUT_DELTAS,
      });
    }
    documents.push({ name: reference.asset, bytes: found.bytes });
    for (const { blob } of found.document.deltas) used.add(blob.pack);
  }
  return {
    documents,
    packs: manifest.packs.filter(({ asset }) => used.has(asset)),
    deltasFrom: references.map(({ from_version }) => from_version),
  };
}

/** In the manifest's order, whatever the order of the options: the same choice gives the same archive. */
function chosenDeltas({ manifest }: Discovered, choice: DeltaChoice) {
  const { delta_manifests: all, version } = manifest;
  if (choice.kind !== "from") return choice.kind === "all" ? all : [];
  const known = all.map(({ from_version }) => from_version);
  const unknown = choice.versions.find((each) => !known.includes(each));
  if (unknown !== undefined) {
    throw new ThemisError("DELTA_UNKNOWN", "usage", `${version} has no deltas from ${unknown}`, {
      facts: { known },
      hint: `it has deltas from: ${known.join(", ") || "no version"}; other devices take whole files from any bundle`,
    });
  }
  return all.filter(({ from_version }) => choice.versions.includes(from_version));
}
