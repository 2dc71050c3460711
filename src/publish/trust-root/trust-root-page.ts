/**
 * Trust roots on a release page, beside the releases, where devices go from one to the next.
 *
 *   PAGE/trust-root.1.json.p7s   first, so that no device ever finds a document without its signature
 *   PAGE/trust-root.1.json       then, by one rename each
 *
 * All of them stay for ever: a device that slept since version 3 needs 4, 5, 6. A version that is there never changes,
 * because devices may believe it; its signature may be replaced by another that proves it, such as one with more signers.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { systemCode } from "../../base/error.ts";
import { decodeManifest, manifestKind } from "../../format/manifest/manifest.ts";
import { trustRootKind, trustRootName } from "../../format/trust-root/trust-root.ts";
import type { TrustPolicy } from "../../trust/trust-policy.ts";
import {
  checkNotExpired,
  checkOwnRole,
  pinnedTrustRoot,
  proveFirstTrustRoot,
  proveNextTrustRoot,
} from "../../trust/trust-root.ts";
import { MAX_SIGNATURE_BYTES } from "../../trust/verify-signature.ts";
import { PublishError } from "../publish-error.ts";
import { issuedAt, type NamedFiles, readFileOf, signaturePath } from "./chain.ts";

export type PublishTrustRoots = {
  /** In the order of their versions. */
  readonly files: readonly NamedFiles[];
  readonly page: string;
  /** What devices pin; without it version 1 is held against its own root role only. */
  readonly policy: TrustPolicy | undefined;
  readonly now: Date;
};

/** @returns the names of what was written, none when all was there. @throws PublishError PAGE_CONFLICT, OUTPUT_FAILED; TrustError */
export async function publishTrustRoots({
  files,
  page,
  policy,
  now,
}: PublishTrustRoots): Promise<readonly string[]> {
  const written: string[] = [];
  try {
    for (const [i, each] of files.entries()) {
      const { content, signature, version } = each;
      const path = join(page, trustRootName(version));
      const there = await readFileOf(path, trustRootKind.maxBytes);
      if (there && !there.equals(content)) {
        throw conflict(
          `${path} is another trust root of the version ${version}`,
          "a published version never changes: create the next one",
        );
      }
      await prove(each, page, policy, now);
      // Those before it only show the way.
      const newest = pinnedTrustRoot(content);
      if (i === files.length - 1) checkNotExpired(newest, now.getTime());
      await refuseOtherProduct(page, newest.document.product);
      await mkdir(page, { recursive: true });
      const signed = await readFileOf(signaturePath(path), MAX_SIGNATURE_BYTES);
      if (!signed?.equals(signature)) {
        await writeFileAtomically(signaturePath(path), signature);
        written.push(signaturePath(trustRootName(version)));
      }
      if (!there) {
        await writeFileAtomically(path, content);
        written.push(trustRootName(version));
      }
    }
    return written;
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new PublishError("OUTPUT_FAILED", `publishing to ${page} failed (${code})`, { cause });
  }
}

/** As the devices do that believe the one before it, which is on the page by now. @throws PublishError PAGE_CONFLICT; TrustError */
async function prove(
  files: NamedFiles,
  page: string,
  policy: TrustPolicy | undefined,
  now: Date,
): Promise<void> {
  const { version } = files;
  if (version === 1) {
    checkOwnRole(files);
    if (policy !== undefined) proveFirstTrustRoot(files, policy, issuedAt(files));
    return;
  }
  const before = join(page, trustRootName(version - 1));
  const content = await readFileOf(before, trustRootKind.maxBytes);
  if (content === undefined) {
    throw conflict(
      `there is no ${before}, and no device could come to version ${version}`,
      "publish all versions, from 1 on",
    );
  }
  proveNextTrustRoot(pinnedTrustRoot(content), files, { crls: policy?.crls, now });
}

async function refuseOtherProduct(page: string, product: string): Promise<void> {
  const bytes = await readFileOf(join(page, "latest", "manifest.json"), manifestKind.maxBytes);
  const offered = bytes && decodeManifest(bytes).product;
  if (offered === undefined || offered === product) return;
  throw conflict(
    `the page ${page} is of the product ${offered}, the trust root is of ${product}`,
    "every product has a page of its own",
  );
}

function conflict(message: string, hint: string): PublishError {
  return new PublishError("PAGE_CONFLICT", message, { hint });
}
