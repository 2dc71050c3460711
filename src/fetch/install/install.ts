/**
 * Journal, switch, verify, confirm: the one way in which files under a root change, for updates and rollbacks alike.
 *
 *   journal -> (service stops) -> every step -> (service starts) -> checks -> confirmed
 *                    └──────────────┴──── whatever fails ────┴─────────┴─► the way back, whole
 */
import { join } from "node:path";
import { systemCode, ThemisError } from "../../base/error.ts";
import type { UpdateFacts } from "../command-environment.ts";
import type { RestorePointRecord } from "../device-records.ts";
import { FetchError } from "../fetch-error.ts";
import type { CheckReport } from "../health/check.ts";
import { UpdateVerifier } from "../health/update-verifier.ts";
import type { DevicePlace } from "../place.ts";
import { type Restart, restartAround } from "../service/restart.ts";
import type { Service } from "../service/service.ts";
import type { DeviceState } from "../state.ts";
import { closeEntry } from "./close-entry.ts";
import type { Gate } from "./gate.ts";
import type { WarrantedEntry } from "./journal-entry.ts";
import { CURRENT } from "./slots.ts";
import { checkWay, type OnStep, runSteps, StepFailure } from "./switch.ts";
import { stageWayBack } from "./way-back.ts";

export type Installation = {
  readonly place: DevicePlace;
  readonly state: DeviceState;
  readonly gate: Gate;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: OnStep | undefined;
  /** Told of each check. */
  readonly checked?: ((report: CheckReport) => void) | undefined;
};

export type Installed = {
  /** "awaiting": an operator must confirm it until `until`. */
  readonly outcome: "confirmed" | "awaiting";
  readonly until: Date | undefined;
  readonly checks: readonly CheckReport[];
  /** undefined when no service was restarted. */
  readonly restart: Restart | undefined;
};

/**
 * @throws FetchError PATH_OCCUPIED, ROOT_UNSAFE, CROSS_DEVICE before anything is done; SWITCH_FAILED, CHECK_FAILED, SERVICE_FAILED and the
 *   signal's reason after all was put back; SWITCH_FAILED of a rollback, which the next command goes on with
 */
export async function install(
  installation: Installation,
  entry: WarrantedEntry,
  restorePoint: RestorePointRecord | undefined,
): Promise<Installed> {
  const { place, state } = installation;
  await checkWay(place, entry.steps);
  // Where nobody knows whether it runs, the way back could not be gone either: better to find out now.
  await installation.gate.service?.service.isRunning();
  state.openJournal(entry, restorePoint);
  return carryOut(installation, entry, true);
}

/** From the first step on, for the first time or again after a cut. @throws like install */
export async function carryOut(
  installation: Installation,
  entry: WarrantedEntry,
  isFirstTime = false,
): Promise<Installed> {
  const { place, state, onStep } = installation;
  let restart: Restart | undefined;
  try {
    restart = await aroundService(installation, entry, () => runSteps({ ...place, ...entry }, onStep));
  } catch (error) {
    const failure = error instanceof NotBegun ? error.cause : error;
    if (entry.action === "rollback") throw notFinished(failure, installation);
    // After a cut, steps of an earlier process may have been done.
    if (error instanceof NotBegun && isFirstTime) throw await giveUp(installation, entry, failure);
    throw await putBack(installation, entry, failure);
  }
  if (entry.action === "rollback") {
    await closeEntry(place, state, entry, installation.now(), "done");
    return { outcome: "confirmed", until: undefined, checks: [], restart };
  }
  state.advance("verifying");
  return { ...(await judge(installation, entry)), restart };
}

/** Asks the checks, and an operator where one must be asked. @throws CHECK_FAILED, the signal's reason, after all was put back */
export async function judge(
  installation: Installation,
  entry: WarrantedEntry,
): Promise<Omit<Installed, "restart">> {
  const { place, state, gate, now, signal, checked } = installation;
  let checks: readonly CheckReport[];
  try {
    const facts = factsOf(place, entry);
    const verifier = new UpdateVerifier({ checks: gate.checks });
    ({ reports: checks } = await verifier.verify({ ...facts, signal, progress: checked }));
  } catch (failure) {
    throw await putBack(installation, entry, failure);
  }
  if (gate.confirmation.by === "operator") {
    const until = new Date(now().getTime() + gate.confirmation.withinMs);
    state.updateGate({ ...entry.gate, untilMs: until.getTime() });
    return { outcome: "awaiting", until, checks };
  }
  await closeEntry(place, state, entry, now(), "done");
  return { outcome: "confirmed", until: undefined, checks };
}

/** The state before the switch, byte for byte. @param why for the history @throws SWITCH_FAILED, SERVICE_FAILED, RESTORE_POINT_TAMPERED */
export async function goBack(
  installation: Installation,
  entry: WarrantedEntry,
  why: string,
): Promise<Restart | undefined> {
  const { place, state, now } = installation;
  state.advance("rolling-back");
  const { document, steps, tree } = await stageWayBack(place, state, entry);
  const { release, files } = document;
  try {
    return await aroundService(installation, entry, async () => {
      await runSteps({ ...place, steps, files, tree });
      const undone = { ...entry, release, files, tree, removeRestorePoints: [entry.restorePoint] };
      await closeEntry(place, state, undone, now(), why);
    });
  } catch (error) {
    throw error instanceof NotBegun ? error.cause : error;
  }
}

/** Not one step was done, so there is no way to go back. @returns what to throw */
async function giveUp({ place, state, now }: Installation, entry: WarrantedEntry, failure: unknown) {
  state.advance("rolling-back");
  const before = { release: state.installed(), files: state.files(), tree: state.slot() };
  const undone = { ...entry, ...before, removeRestorePoints: [entry.restorePoint] };
  const why = failure instanceof Error ? failure.message : String(failure);
  await closeEntry(place, state, undone, now(), `undone: nothing was switched: ${why}`);
  if (!(failure instanceof ThemisError)) return failure;
  const { code, kind, area, facts, hint } = failure;
  const version = entry.fromVersion || "the state before";
  const message = `${why}; nothing was switched, and ${version} ${facts.runs === false ? "is" : "runs"} as before`;
  const details = { cause: failure, area, facts, ...(hint !== undefined && { hint }) };
  return new ThemisError(code, kind, message, details);
}

/** @returns what to throw, now that the device is as it was. @throws when that could not be done */
async function putBack(
  installation: Installation,
  entry: WarrantedEntry,
  failure: unknown,
): Promise<unknown> {
  const before = entry.fromVersion || "the state before";
  if (failure instanceof StepFailure) {
    const { message, cause } = failure;
    await goBackAfter(message, installation, entry, "undone");
    return new FetchError(
      "SWITCH_FAILED",
      `the switch to ${entry.toVersion} failed (${message}) and was undone`,
      {
        cause,
        hint: `${before} runs as before; ${remedy(cause)}`,
      },
    );
  }
  const why = failure instanceof Error ? failure.message : String(failure);
  await goBackAfter(why, installation, entry, `rolled back: ${why}`);
  if (!(failure instanceof ThemisError)) return failure;
  const { code, kind, area, facts, hint } = failure;
  return new ThemisError(code, kind, `${why}; ${entry.toVersion} was rolled back, ${before} runs again`, {
    cause: failure,
    area,
    facts: { ...facts, rolledBack: true },
    ...(hint !== undefined && { hint }),
  });
}

/** A way back that fails as well says what it was the way back from. @throws like goBack */
async function goBackAfter(
  failed: string,
  installation: Installation,
  entry: WarrantedEntry,
  why: string,
): Promise<void> {
  try {
    await goBack(installation, entry, why);
  } catch (error) {
    const known = error instanceof StepFailure ? notFinished(error, installation) : error;
    if (!(known instanceof ThemisError)) throw known;
    const { code, kind, area, facts, hint, message } = known;
    const again = message === failed ? "for the same reason" : message;
    const { state, gate } = installation;
    let what = `the switch to ${entry.toVersion} failed (${failed}) and is not undone yet: ${again}`;
    if (!state.journal() && gate.service) {
      // Every file is back; what failed came after that.
      const left = await stateOf(gate.service.service);
      state.explain(`${why}; ${left}`);
      what = `${failed}; ${entry.toVersion} was rolled back, and ${left}: ${again}`;
    }
    throw new ThemisError(code, kind, what, {
      cause: error,
      area,
      facts,
      ...(hint !== undefined && { hint }),
    });
  }
}

/** Checks find the release's files at the same paths, whatever the strategy. */
function factsOf({ root }: DevicePlace, { tree, fromVersion, toVersion }: WarrantedEntry): UpdateFacts {
  return { root: tree === "" ? root : join(root, CURRENT), from: fromVersion, to: toVersion };
}

/** Of a service that was to be started and failed. */
async function stateOf(service: Service): Promise<string> {
  try {
    return (await service.isRunning()) ? "the service runs and is not ready" : "the service is left stopped";
  } catch {
    return "nobody knows whether the service runs";
  }
}

/** What failed before the work was begun: nothing of the tree was touched. */
class NotBegun extends Error {
  constructor(cause: unknown) {
    super("the work was not begun", { cause });
  }
}

/** What ran before the switch runs after it; that it ran is written down before it is stopped. */
async function aroundService(
  { place, state, gate, signal }: Installation,
  entry: WarrantedEntry,
  work: () => Promise<void>,
): Promise<Restart | undefined> {
  if (!gate.service) {
    await work();
    return undefined;
  }
  let isBegun = false;
  const begin = (): Promise<void> => {
    isBegun = true;
    return work();
  };
  const { service, drainMs, ready } = gate.service;
  const written = state.journal()!;
  const startAnyway = written.gate.serviceRan;
  const facts = factsOf(place, entry);
  // Half a tree is nothing to run.
  const canRunAfter = (failure: unknown): boolean => !(failure instanceof StepFailure);
  try {
    if (!startAnyway && (await service.isRunning())) state.updateGate({ ...written.gate, serviceRan: true });
    const request = { service, drainMs, ready, facts, startAnyway, canRunAfter, signal };
    const { restart } = await restartAround(request, begin);
    return restart;
  } catch (error) {
    throw isBegun ? error : new NotBegun(error);
  }
}

/** A way back that stopped half-way, which the next command goes on with; until then nothing runs on it. */
function notFinished(failure: unknown, { place, state }: Pick<Installation, "place" | "state">): FetchError {
  const { message, cause } = failure instanceof StepFailure ? failure : new StepFailure(place.root, failure);
  const isStopped = failure instanceof StepFailure && state.journal()?.gate.serviceRan;
  const stopped = isStopped ? "; the service stays stopped until then" : "";
  return new FetchError("SWITCH_FAILED", `the way back could not be finished (${message})`, {
    cause,
    hint: `${remedy(cause)}; themis-fetch rollback goes on with it${stopped}`,
  });
}

function remedy(cause: unknown): string {
  switch (systemCode(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return "free some of the disk";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "give back the right to write there";
    case "ENOTEMPTY":
    case "EEXIST":
      return "move away what is not of the release there";
    default:
      return "see to that path";
  }
}
