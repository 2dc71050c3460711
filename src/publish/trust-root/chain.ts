/** Trust root documents as a publisher has them: files side by side, each proven by the one before it. */

import { systemCode } from "../../base/error.ts";
import { InputError, readRegularFile } from "../../base/input-file.ts";
import { trustRootKind } from "../../format/trust-root/trust-root.ts";
import type { TrustPolicy } from "../../trust/trust-policy.ts";
import {
  type ProvenTrustRoot,
  pinnedTrustRoot,
  proveFirstTrustRoot,
  proveNextTrustRoot,
  readTrustRoot,
  type TrustRootFiles,
} from "../../trust/trust-root.ts";
import { MAX_SIGNATURE_BYTES } from "../../trust/verify-signature.ts";
import { PublishError } from "../publish-error.ts";

export type NamedFiles = TrustRootFiles & { readonly version: number; readonly path: string };

/** Where the signature of a document lies. */
export function signaturePath(path: string): string {
  return `${path}.p7s`;
}

/** In the order of their versions. @throws PublishError TRUST_ROOT_INVALID; TrustError TRUST_ROOT_MALFORMED */
export async function readTrustRootFiles(paths: readonly string[]): Promise<readonly NamedFiles[]> {
  const all: NamedFiles[] = [];
  for (const path of paths) {
    const content = await readFileOf(path, trustRootKind.maxBytes);
    if (content === undefined) throw invalid(`there is no file ${path}`);
    const signature = await readFileOf(signaturePath(path), MAX_SIGNATURE_BYTES);
    if (signature === undefined)
      throw invalid(`the trust root ${path} is not signed`, `themis-bundle root sign ${path}`);
    all.push({ content, signature, path, version: readTrustRoot(content).document.version });
  }
  all.sort((a, b) => a.version - b.version);
  const twice = all.find(({ version }, i) => all[i - 1]?.version === version);
  if (twice) throw invalid(`version ${twice.version} is there twice`);
  return all;
}

/**
 * @param policy its pinned trust root, or its anchors when the files begin with version 1
 * @returns one for each file
 * @throws TrustError
 */
export function proveChain(
  files: readonly TrustRootFiles[],
  policy: TrustPolicy,
  now: Date,
): readonly ProvenTrustRoot[] {
  const pin = policy.trustRoot;
  let before = pin?.kind === "document" ? pinnedTrustRoot(pin.content) : undefined;
  return files.map((each) => {
    const proven: ProvenTrustRoot =
      before === undefined
        ? proveFirstTrustRoot(each, policy, issuedAt(each))
        : proveNextTrustRoot(before, each, { crls: policy.crls, now });
    before = proven.root;
    return proven;
  });
}

/** As of when it was made: the certificates of those who pinned it then may be over, and it shows the way to those after it. */
export function issuedAt({ content }: TrustRootFiles): Date {
  return new Date(readTrustRoot(content).document.issued);
}

/** undefined when it is absent. @throws PublishError TRUST_ROOT_INVALID */
export async function readFileOf(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readRegularFile(path, maxBytes);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (cause instanceof InputError) throw invalid(cause.message, cause.hint, cause);
    if (code === undefined) throw cause;
    throw invalid(`${path} cannot be read (${code})`, undefined, cause);
  }
}

function invalid(message: string, hint?: string, cause?: unknown): PublishError {
  return new PublishError("TRUST_ROOT_INVALID", message, { cause, ...(hint !== undefined && { hint }) });
}
