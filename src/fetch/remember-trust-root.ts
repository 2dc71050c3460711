/** The newest trust root in a device's records: it only ever goes up, whatever two commands do at once. */
import type { InstalledRelease } from "../format/record/restore-point.ts";
import { decodeTrustRoot } from "../format/trust-root/trust-root.ts";
import { ReleaseError } from "../trust/release-error.ts";
import { TrustError } from "../trust/trust-error.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import { pinnedTrustRoot, type TrustRoot } from "../trust/trust-root.ts";
import type { Verified } from "../trust/verified.ts";
import { type DevicePlace, withRecords } from "./place.ts";
import type { DeviceState } from "./state.ts";

/** undefined as long as none was believed. @throws TrustError TRUST_ROOT_MALFORMED */
export function rememberedTrustRoot(state: DeviceState | undefined): Verified<TrustRoot> | undefined {
  const content = state?.trustRoot();
  return content && pinnedTrustRoot(content);
}

/** Under the device's lock, which is let go of again: a cut switch is another command's matter. @throws like withRecords */
export function rememberTrustRoot(
  place: DevicePlace,
  { rebuildRecords, ...policy }: TrustPolicy & { readonly rebuildRecords?: boolean | undefined },
): (root: Verified<TrustRoot>, content: Uint8Array) => Promise<void> {
  return ({ document: { version } }, content) =>
    withRecords(place, rebuildRecords, async (state) => {
      const known = state.trustRoot();
      if (known !== undefined && decodeTrustRoot(known).version >= version) {
        refuseOther(known, version, content);
        return;
      }
      state.rememberTrustRoot(
        content,
        originOf(known === undefined ? undefined : state.trustRootOrigin(), policy),
      );
    });
}

/** Two commands that met different documents of one version have met an attack. @throws TrustError TRUST_ROOT_VERSION */
function refuseOther(known: Uint8Array, version: number, content: Uint8Array): void {
  if (decodeTrustRoot(known).version > version || Buffer.compare(known, content) === 0) return;
  throw new TrustError(
    "TRUST_ROOT_VERSION",
    `another command has believed another trust root ${version} meanwhile, and each version is one document`,
    { facts: { version } },
  );
}

/** An anchor that replaces one of them in a client takes over what that one began. @param known undefined at the beginning */
function originOf(
  known: readonly string[] | undefined,
  { anchors, trustRoot, anchorsOnly }: TrustPolicy,
): readonly string[] {
  const own = anchors.map(({ fingerprintSha256 }) => fingerprintSha256);
  if (known === undefined) return trustRoot?.kind === "document" ? [] : own;
  return anchorsOnly ? [...new Set([...known, ...own])] : known;
}

/** Of a way back: an operator goes no lower than anybody else. @throws ReleaseError BELOW_MIN_SEQUENCE */
export function checkWayBack(
  state: DeviceState,
  { version, sequence }: Pick<InstalledRelease, "version" | "sequence">,
): void {
  const minSequence = rememberedTrustRoot(state)?.document.min_sequence ?? 0;
  if (version === "" || sequence >= minSequence) return;
  throw new ReleaseError(
    "BELOW_MIN_SEQUENCE",
    `${version} has sequence ${sequence}, and nothing below ${minSequence} is installed any more`,
    {
      facts: { sequence, minSequence },
      hint: "the publisher has ruled it out for good; go to a newer release",
    },
  );
}
