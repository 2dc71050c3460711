/**
 * Files of the installed release that were changed or lost are brought back from its signed manifest.
 *
 * It is an update of a release to itself: proven, rebuilt, switched and checked like any other. No way back is left
 * of it, because what it would lead to is the damage.
 */
import { readRecords } from "./damaged-records.ts";
import { FetchError } from "./fetch-error.ts";
import { findPlace } from "./place.ts";
import { planOnly, update } from "./update.ts";
import type { Offer, UpdateResult } from "./update-report.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

/** @throws FetchError VERSION_NEEDED, RELEASE_DIFFERS, STATE_CORRUPT; what update throws */
export async function repair(request: UpdateRequest, tools: UpdateTools): Promise<UpdateResult> {
  return update(await toInstalled(request), tools);
}

/** What it would do; writes nothing. */
export async function planRepair(request: UpdateRequest, tools: UpdateTools): Promise<Offer> {
  return planOnly(await toInstalled(request), tools);
}

/** The release that the records name; where they are gone, the one that the operator does. */
async function toInstalled(request: UpdateRequest): Promise<UpdateRequest> {
  const { themis } = await findPlace(request.root);
  const { version } = request;
  const state = readRecords(themis, request.rebuildRecords);
  const installed = state?.installed();
  state?.close();
  if (installed === undefined || installed.version === "") {
    if (version !== "") return { ...request, repairs: true };
    throw new FetchError("VERSION_NEEDED", `no record says which release is installed in ${request.root}`, {
      hint: "name it by --version; themis-fetch update brings the one that is offered",
    });
  }
  if (version !== "" && version !== installed.version) {
    throw new FetchError("RELEASE_DIFFERS", `${installed.version} is installed and not ${version}`, {
      hint: "leave --version out; themis-fetch update goes to another release",
    });
  }
  return { ...request, version: installed.version, only: installed, repairs: true };
}
