/**
 * From a plan to an installed release, each state written down before what it names is done:
 *
 *   rebuild and arrange everything beside the tree -> restore point -> journal, switch, verify, confirm
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { systemCode } from "../base/error.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { type SeenCheckpoint, withSeen } from "../trust/transparency.ts";
import type { Verified } from "../trust/verified.ts";
import type { TrustedState } from "../trust/verify-release.ts";
import type { RestorePointRecord } from "./device-records.ts";
import type { Discovered } from "./discover.ts";
import type { Fetcher } from "./fetcher.ts";
import { tidy } from "./install/close-entry.ts";
import { journalGate } from "./install/gate.ts";
import { type Installation, type Installed, install } from "./install/install.ts";
import { type Arrangement, updateEntry, type WarrantedEntry } from "./install/journal-entry.ts";
import { REMEDIES } from "./install/state-machine.ts";
import type { Prepared } from "./prepare.ts";
import { type FellBack, rebuild, type StagedFile } from "./rebuild.ts";
import type { ContentStore } from "./store/content-store.ts";
import { endTransfer } from "./transfer-record.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

export type Deployed = Installed & { readonly restorePoint: string; readonly fellBack: readonly FellBack[] };

/** @throws what fetching, rebuilding and installing throw; the device is as it was then, but for a cut that the next start ends */
export async function deploy(
  installation: Installation,
  found: Prepared,
  fetched: Fetcher,
  { applyMemory, only }: Pick<UpdateRequest, "applyMemory" | "only">,
  { notice }: Pick<UpdateTools, "notice">,
): Promise<Deployed> {
  const { place, state, now, signal } = installation;
  const { release, plan, strategy, store } = found;
  const { manifest } = release;
  state.begin({ action: "update", from: found.from, to: manifest.version, since: now().toISOString() });
  try {
    const { files, fellBack } = await rebuild({
      root: strategy.tree,
      staged: place.staged,
      transferred: place.transfer,
      packs: manifest.packs,
      store: store?.folder,
      steps: plan.steps,
      applyMemory,
      signal,
      bring: (blobs, options) => fetched.blobs(blobs, options),
      progress: fetched.rebuilding,
    });
    signal?.throwIfAborted();
    if (store) await keepIn(store, place.staged, files, notice);
    const { version } = manifest;
    const arrangement = await strategy.arrange({ ...found, version, staged: files, signal });
    state.advance("staged");
    const restorePoint = await saveWayBack(installation, found);
    state.advance("restore-point-made");
    state.trust(raised(state.trusted(), manifest, now(), seenBy({ only }, release)));
    const entry = journalEntry(installation, found, arrangement, restorePoint.id);
    const installed = await install(installation, entry, restorePoint);
    await endTransfer(place.transfer, state);
    if (!found.repairs) return { ...installed, restorePoint: restorePoint.id, fellBack };
    if (installed.outcome === "confirmed") await tidy(join(place.restore, restorePoint.folder));
    return { ...installed, restorePoint: "", fellBack };
  } catch (error) {
    // What fails after the journal has its own end.
    if (REMEDIES[state.deployment().state] === "give-up")
      state.advance("failed", error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** For others, now that they are proven. That the store is full, or not ours any more, is no failure of the update. */
async function keepIn(
  store: ContentStore,
  staged: string,
  files: readonly StagedFile[],
  notice: UpdateTools["notice"],
): Promise<void> {
  try {
    for (const { target, staged: name } of files) await store.add(join(staged, name), target);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    notice?.(`the store ${store.folder} does not get what came: ${systemCode(error)}`);
  }
}

/** Neither the sequence nor the clock ever goes back. */
function raised(
  trusted: TrustedState,
  { product, sequence }: Verified<Manifest>,
  now: Date,
  seen: SeenCheckpoint | undefined,
): TrustedState {
  return {
    ...trusted,
    logs: withSeen(trusted.logs ?? [], seen),
    product,
    highestSequence: Math.max(sequence, trusted.highestSequence),
    latestTimeMs: Math.max(now.getTime(), trusted.latestTimeMs),
  };
}

/** Of a repair nothing is remembered: what it was proven by was not compared with what is. */
export function seenBy(
  { only }: Pick<UpdateRequest, "only">,
  { logged }: Pick<Discovered, "logged">,
): SeenCheckpoint | undefined {
  return only ? undefined : logged?.seen;
}

function journalEntry(
  { gate }: Installation,
  found: Prepared,
  arrangement: Arrangement,
  restorePoint: string,
): WarrantedEntry {
  const { manifest, manifestSha256 } = found.release;
  return updateEntry({
    ...{ ...arrangement, manifest, manifestSha256, restorePoint },
    repairs: found.repairs,
    fromVersion: found.from,
    // A way back to damage is none.
    removeRestorePoints: found.repairs ? [restorePoint] : [],
    gate: journalGate(gate),
  });
}

async function saveWayBack(
  { state, now }: Installation,
  { release, strategy, ...change }: Prepared,
): Promise<RestorePointRecord> {
  const created = now().toISOString();
  const stamp = created.replace(/[-:.]/g, "").slice(0, 15);
  const document = {
    schema_version: 1,
    id: `${stamp}Z-${randomBytes(4).toString("hex")}`,
    created,
    to_version: release.manifest.version,
    release: state.installed(),
    files: state.files(),
  };
  return strategy.saveWayBack(change, document);
}
