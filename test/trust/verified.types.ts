/**
 * What does not compile: everything that writes asks for what was proven. `verified.test.ts` has the compiler judge
 * each line, with and without its directive.
 */

import { deploy } from "../../src/fetch/deploy.ts";
import { readDeltaManifest } from "../../src/fetch/discover.ts";
import type { Fetcher } from "../../src/fetch/fetcher.ts";
import { carryOut as carryOutSwitch, type Installation, install } from "../../src/fetch/install/install.ts";
import type { Arrangement, WarrantedEntry } from "../../src/fetch/install/journal-entry.ts";
import { type JournalEntry, type UpdateWarrant, updateEntry } from "../../src/fetch/install/journal-entry.ts";
import type { StrategyName } from "../../src/fetch/install/strategy.ts";
import type { Assets } from "../../src/fetch/offline/choose-assets.ts";
import type { ParallelDownloader } from "../../src/fetch/parallel-downloader.ts";
import { type PlanRequest, planUpdate } from "../../src/fetch/plan.ts";
import { type PreFlightRequest, preFlight } from "../../src/fetch/pre-flight.ts";
import type { Prepared } from "../../src/fetch/prepare.ts";
import type { KeptRelease } from "../../src/fetch/read-release.ts";
import { type RebuildRequest, rebuild } from "../../src/fetch/rebuild.ts";
import { carryOut, type RebuildJob } from "../../src/fetch/rebuild-job.ts";
import type { DeviceState } from "../../src/fetch/state.ts";
import type { ContentStore } from "../../src/fetch/store/content-store.ts";
import { type TransferRequest, transfer } from "../../src/fetch/transfer/transfer.ts";
import { removeOtherParts, TransferRecord } from "../../src/fetch/transfer-record.ts";
import type { Delta } from "../../src/format/manifest/delta-manifest.ts";
import type { DeltaManifestReference, Manifest, Pack, Target } from "../../src/format/manifest/manifest.ts";
import { renamed, type Verified } from "../../src/trust/verified.ts";
import { verifyDeltaManifest } from "../../src/trust/verify-delta-manifest.ts";

/** What an attacker may write. */
type Foreign = {
  readonly manifest: Manifest;
  readonly pack: Pack;
  readonly target: Target;
  readonly delta: Delta;
  readonly reference: DeltaManifestReference;
  readonly bytes: Uint8Array;
  readonly kept: KeptRelease;
  readonly entry: JournalEntry;
};

/** What else is needed, and is right. */
type Rest = {
  readonly plan: PlanRequest;
  readonly flight: PreFlightRequest;
  readonly transfer: TransferRequest;
  readonly rebuild: RebuildRequest;
  readonly job: RebuildJob;
  readonly prepared: Prepared;
  readonly installation: Installation;
  readonly fetcher: Fetcher;
  readonly state: DeviceState;
  readonly store: ContentStore;
  readonly downloader: ParallelDownloader;
  readonly warrant: UpdateWarrant;
  readonly strategy: StrategyName;
  readonly arrangement: Arrangement;
};

export async function refused(foreign: Foreign, rest: Rest): Promise<void> {
  const { manifest, pack, target, delta, reference, bytes, kept, entry } = foreign;
  const { installation, state, store, downloader, fetcher, prepared } = rest;
  const at = { source: prepared.release.source };
  const packs = [pack];

  // @ts-expect-error planning, by a manifest that nobody has proven
  planUpdate({ ...rest.plan, wanted: manifest });
  // @ts-expect-error planning, by a manifest that was changed after it was proven
  planUpdate({ ...rest.plan, wanted: { ...rest.plan.wanted, version: "9" } });
  // @ts-expect-error planning, with deltas that no proven manifest names
  planUpdate({ ...rest.plan, deltas: [delta] });
  // @ts-expect-error fetching packs that no proven manifest names
  await transfer({ ...rest.transfer, packs });
  // @ts-expect-error the same by the public downloader
  await downloader.download({ packs, folder: "" });
  // @ts-expect-error keeping what was fetched for others
  await removeOtherParts("", packs);
  // @ts-expect-error recording a transfer
  new TransferRecord(state, { version: "", manifestSha256: "" }, packs);
  // @ts-expect-error looking for room, by another manifest than will be installed
  await preFlight({ ...rest.flight, manifest });
  // @ts-expect-error rebuilding from packs
  await rebuild({ ...rest.rebuild, packs });
  // @ts-expect-error rebuilding targets
  await rebuild({ ...rest.rebuild, steps: [{ kind: "download", target, why: "" }] });
  // @ts-expect-error rebuilding one target in a thread
  await carryOut({ ...rest.job, target });
  // @ts-expect-error a target that was changed after it was proven
  await carryOut({ ...rest.job, target: { ...rest.job.target, sha256_hash: "" } });
  // @ts-expect-error putting something into a store
  await store.add("", target);
  // @ts-expect-error keeping documents for the next time
  state.keepRelease(kept);
  // @ts-expect-error the bytes of a manifest alone
  state.keepRelease({ ...kept, manifest: bytes, signature: bytes });
  // @ts-expect-error deploying
  await deploy(installation, { ...prepared, release: { ...prepared.release, manifest } }, fetcher, {}, {});
  // @ts-expect-error writing down what a switch shall do
  updateEntry({ ...rest.warrant, manifest });
  // @ts-expect-error a switch that nobody warranted
  await install(installation, entry, undefined);
  // @ts-expect-error the same after a cut
  await carryOutSwitch(installation, entry);
  // @ts-expect-error a warranted switch with other steps
  await install(installation, { ...updateEntry(rest.warrant), steps: [] }, undefined);
  // @ts-expect-error opening the journal
  state.openJournal(entry, undefined);
  // @ts-expect-error a delta manifest that an unproven manifest names
  await readDeltaManifest({ ...at, manifest }, reference);
  // @ts-expect-error the same where it is proven
  verifyDeltaManifest(bytes, reference, manifest);
  // @ts-expect-error a name for what nobody has proven
  renamed(target, "app.new") satisfies Verified<Target>;
  // @ts-expect-error documents of an offline bundle
  ({ documents: [{ name: "manifest.json", bytes }], packs: [], deltasFrom: [] }) satisfies Assets;
  // @ts-expect-error its packs
  ({ documents: [], packs, deltasFrom: [] }) satisfies Assets;
}

/** What does: each part of a proven value is proven. */
export async function allowed(manifest: Verified<Manifest>, rest: Rest): Promise<WarrantedEntry> {
  const { packs } = manifest;
  planUpdate({ ...rest.plan, wanted: manifest });
  await transfer({ ...rest.transfer, packs: packs.filter(({ size_bytes }) => size_bytes > 0) });
  await carryOut({ ...rest.job, target: renamed(manifest.files[0]!, "app.new") });
  return updateEntry({ ...rest.warrant, manifest });
}
