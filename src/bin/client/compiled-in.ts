/**
 * What is compiled into this program: nothing into the stock one, whom to believe into a client of one product.
 *
 * The text is a constant of the function that the whole client is (scripts/client-template.ts): no flag, variable,
 * file or property reaches it. Settings that would say otherwise are refused, rather than ignored: whoever gave one
 * believes that it holds.
 */
import { ThemisError } from "../../base/error.ts";
import { type CompiledIn, decodeCompiledIn } from "../../format/client/compiled-in.ts";
import { readTrustAnchors, type TrustAnchor } from "../../trust/anchor.ts";

/** Canonical JSON. */
declare const __THEMIS_COMPILED_IN__: string | undefined;

export type ClientIdentity = CompiledIn & { readonly trustAnchors: readonly TrustAnchor[] };

/** @throws JsonError, DocumentError: the file was changed; TrustError ANCHOR_MALFORMED */
export function compiledIn(): ClientIdentity | undefined {
  if (typeof __THEMIS_COMPILED_IN__ !== "string") return undefined;
  const known = decodeCompiledIn(Buffer.from(__THEMIS_COMPILED_IN__, "utf8"));
  const trustAnchors = known.anchors.flatMap((der) => readTrustAnchors(Buffer.from(der, "base64")));
  return Object.freeze({ ...known, trustAnchors: Object.freeze(trustAnchors) });
}

/** @throws ThemisError ANCHOR_COMPILED_IN */
export function refuseAnotherAnchor(given: string | undefined, { product }: CompiledIn): void {
  if (given === undefined) return;
  throw new ThemisError(
    "ANCHOR_COMPILED_IN",
    "refused",
    `this client of ${product} has its trust anchor compiled in, and believes no other one`,
    {
      facts: { product },
      hint: "leave out --trust-anchor, --timestamp-anchor, THEMIS_CHECKER_TRUST_ANCHOR and checker.trustAnchor; another anchor takes another client, made by themis-bundle client",
    },
  );
}

/** @throws ThemisError SETTING_COMPILED_IN */
export function refuseAnother(setting: string, given: string | undefined, compiled: string): void {
  if (given === undefined || compiled === "" || given === compiled) return;
  throw new ThemisError(
    "SETTING_COMPILED_IN",
    "refused",
    `this client has ${setting} ${compiled} compiled in, and ${given} was asked for`,
    { facts: { setting, compiled, given }, hint: `leave out ${setting}` },
  );
}

/** More signers may be asked for than are compiled in, fewer never. @throws ThemisError SETTING_COMPILED_IN */
export function thresholdOf(given: number | undefined, { threshold }: CompiledIn): number {
  if (given === undefined || given >= threshold) return given ?? threshold;
  throw new ThemisError(
    "SETTING_COMPILED_IN",
    "refused",
    `this client has a threshold of ${threshold} signers compiled in, and ${given} was asked for`,
    {
      facts: { setting: "checker.threshold", compiled: threshold, given },
      hint: "leave out --threshold, THEMIS_CHECKER_THRESHOLD and checker.threshold",
    },
  );
}
