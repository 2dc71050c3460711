/**
 * The thread that proves signatures, so that a hostile one takes no time from whoever serves meanwhile.
 *
 * It is a file of its own with few imports, because the first proof in a process waits until it is loaded. What is
 * refused goes back as what the refusal says; anything else that is thrown is a bug, and ends the thread.
 */
import { parentPort } from "node:worker_threads";
import { TrustError, type TrustErrorCode } from "./trust-error.ts";
import {
  type ForEachRequest,
  type SignatureReport,
  type SignatureRequest,
  verifyForEach,
  verifySignature,
} from "./verify-signature.ts";

/** For one policy, or for each of several. */
export type VerifyRequest = SignatureRequest | ForEachRequest;

export type VerifyAnswer =
  | { readonly report: SignatureReport }
  | {
      readonly refusal: {
        readonly code: TrustErrorCode;
        readonly message: string;
        readonly facts: Readonly<Record<string, unknown>>;
        readonly hint: string | undefined;
      };
    };

parentPort?.on("message", (request: VerifyRequest) => {
  parentPort?.postMessage(answer(request));
});

function answer(request: VerifyRequest): VerifyAnswer {
  try {
    return { report: "policies" in request ? verifyForEach(request) : verifySignature(request) };
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    const { code, message, facts, hint } = error;
    return { refusal: { code, message, facts, hint } };
  }
}
