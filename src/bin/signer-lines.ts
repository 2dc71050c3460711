import type { SignerReport } from "../trust/verify-signature.ts";

/** Who signed, and who saw it, for a person. */
export function signerLines(signers: readonly SignerReport[]): readonly string[] {
  return signers.flatMap(({ subject, algorithm, notAfter, timestamp }) => [
    `signed by ${subject} (${algorithm}), until ${notAfter.toISOString()}`,
    ...(timestamp ? [`time-stamped by ${timestamp.authority} at ${timestamp.time.toISOString()}`] : []),
  ]);
}
