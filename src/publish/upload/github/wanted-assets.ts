/** What a release page must hold for a bundle: names, sizes, digests, and the bytes when they are asked for. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { sha256 } from "../../../base/digest.ts";
import { openRegularFile } from "../../../base/input-file.ts";
import { LOG_PROOF } from "../../../format/log/log-proof.ts";
import type { SignedBundle } from "../../prove-bundle.ts";
import { PublishError } from "../../publish-error.ts";

export type WantedAsset = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly content: () => AsyncIterable<Uint8Array>;
};

export const SIGNATURE = "manifest.json.p7s";

/** In the order of uploading: the manifest's signature last. */
export function wantedAssets({
  folder,
  manifest,
  manifestBytes,
  logProof,
  signature,
}: SignedBundle): readonly WantedAsset[] {
  const files = [...manifest.packs, ...manifest.delta_manifests].map((each) => ({
    ...{ name: each.asset, sizeBytes: each.size_bytes, sha256: each.sha256_hash },
    content: () => provenFile(join(folder, each.asset), each),
  }));
  return [
    ...files,
    // From memory: exactly the bytes whose signature was checked.
    ofBytes("manifest.json", manifestBytes),
    ...(logProof ? [ofBytes(LOG_PROOF, logProof)] : []),
    ofBytes(SIGNATURE, signature),
  ];
}

function ofBytes(name: string, bytes: Uint8Array): WantedAsset {
  async function* content(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return { name, sizeBytes: bytes.length, sha256: sha256(bytes), content };
}

/** The last piece is held back until all of it is proven, so that other bytes never become an asset. */
async function* provenFile(
  path: string,
  wanted: { readonly asset: string; readonly size_bytes: number; readonly sha256_hash: string },
): AsyncGenerator<Uint8Array> {
  const { file } = await openRegularFile(path);
  try {
    const hash = createHash("sha256");
    let held: Uint8Array | undefined;
    const pieces = file.createReadStream({
      autoClose: false,
      end: wanted.size_bytes - 1,
      highWaterMark: 1 << 18,
    });
    for await (const piece of pieces) {
      hash.update(piece as Buffer);
      if (held) yield held;
      held = piece as Buffer;
    }
    if (hash.digest("hex") !== wanted.sha256_hash || !held) {
      throw new PublishError("BUNDLE_INCOMPLETE", `${wanted.asset} changed while the bundle was published`, {
        facts: { asset: wanted.asset },
        hint: "let nothing write into the bundle, then publish again",
      });
    }
    yield held;
  } finally {
    await file.close();
  }
}
