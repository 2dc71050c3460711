/**
 * One look for a newer release, and its installation where that is allowed:
 *
 *   what a cut left behind is ended -> discover, verify, plan -> is it newer? -> may it be installed? -> update
 *
 * What a channel's document says is remembered even where nothing comes of it: else an older one could be shown to
 * the next look.
 *
 * A file that was changed here is not mended: an operator's edit would stop the service every few hours.
 */

import type { HistoryRecord } from "../device-records.ts";
import { remember } from "../obey-channel.ts";
import { findPlace, withDevice } from "../place.ts";
import { readStatus } from "../rollback.ts";
import { planOnly, update } from "../update.ts";
import type { Offer, UpdateResult } from "../update-report.ts";
import type { UpdateRequest, UpdateTools } from "../update-request.ts";
import { heldBackBy } from "./held-back.ts";

export type LookRequest = {
  readonly request: UpdateRequest;
  readonly autoUpdate: boolean;
  /** A release that is held back is tried again: somebody has asked for it. */
  readonly tryAgain: boolean;
};

export type Look =
  | { readonly kind: "up-to-date"; readonly offer: Offer; readonly changedHere: number }
  | { readonly kind: "offered"; readonly offer: Offer }
  | { readonly kind: "held-back"; readonly offer: Offer; readonly by: HistoryRecord }
  | { readonly kind: "updated"; readonly result: UpdateResult };

export type LookTools = UpdateTools & {
  /** A switch that had been cut, or a release that nobody confirmed in time, was put right. */
  readonly settled?: (outcome: "finished" | "undone") => void;
  /** Told before anything is installed. */
  readonly found?: (offer: Offer) => Promise<void>;
};

/** @throws what update and planOnly throw; the signal's reason */
export async function look({ request, autoUpdate, tryAgain }: LookRequest, tools: LookTools): Promise<Look> {
  await settle(request, tools);
  const offer = await planOnly(request, tools, { remembers: true });
  const { from, to, plan, followed } = offer;
  if (followed?.isNews || followed?.isUnnumbered) {
    await remember(followed, request, tools);
    // Now that the device has a number, another release may be for it.
    if (followed.isUnnumbered) return look({ request, autoUpdate, tryAgain }, tools);
  }
  if (from === to || (offer.upToDate && from !== "")) {
    const changedHere = plan.steps.filter(({ kind }) => kind !== "keep").length;
    return { kind: "up-to-date", offer, changedHere };
  }
  await tools.found?.(offer);
  if (!autoUpdate) return { kind: "offered", offer };
  const by = heldBackBy((await readStatus(request.root)).history, to);
  if (by && !tryAgain) return { kind: "held-back", offer, by };
  return { kind: "updated", result: await update(request, tools) };
}

/** By the next command, a cut switch ends; who watches is that command. */
async function settle({ root, gate, signal }: UpdateRequest, tools: LookTools): Promise<void> {
  const { unfinished, confirmUntil } = await readStatus(root);
  const isAwaited = confirmUntil !== "" && Date.parse(confirmUntil) > tools.now().getTime();
  if (!unfinished || isAwaited) return;
  const device = { ...tools, signal, ...(gate && { gate }) };
  const outcome = await withDevice(await findPlace(root), device, async (_, recovery) => recovery.outcome);
  if (outcome === "finished" || outcome === "undone") tools.settled?.(outcome);
}
