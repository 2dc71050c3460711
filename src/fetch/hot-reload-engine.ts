/**
 * Installing for other programs, split from fetching: `DownloadEngine` brings a release, `HotReloadEngine` makes it
 * the one that runs, and goes back.
 *
 *   const request = { source: "https://example.org/app", root: "/opt/app", anchors, connections: 4, gate };
 *   await new DownloadEngine(request).download();          // any time before; what came and was proven is kept
 *   const engine = new HotReloadEngine(request);
 *   const { plan } = await engine.dryRun();                // exactly what apply will do
 *   await engine.apply();                                  // stop, switch, start, checks; or everything as before
 *   await engine.rollback();
 *
 * Failures are ThemisError with a code that never changes meaning; after each of them the device runs the release
 * before, whole, or the next call ends what was cut.
 */
import { type Confirmed, confirm } from "./confirm.ts";
import type { RestorePointRecord } from "./device-records.ts";
import type { DeviceTools } from "./place.ts";
import { repair } from "./repair.ts";
import { type RollbackResult, readStatus, rollBack } from "./rollback.ts";
import { download, planOnly, update } from "./update.ts";
import type { Offer, UpdateResult } from "./update-report.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

export type EngineRequest = Omit<UpdateRequest, "version" | "signal">;

/** `now` is the system's clock by default. */
export type EngineTools = Partial<Omit<UpdateTools, "onStep">>;

export type EngineCall = {
  /** Default: the offered release. */
  readonly version?: string;
  readonly signal?: AbortSignal;
};

export class DownloadEngine {
  readonly #request: EngineRequest;
  readonly #tools: UpdateTools;

  constructor(request: EngineRequest, tools: EngineTools = {}) {
    this.#request = request;
    this.#tools = { now: () => new Date(), ...tools };
  }

  /** What is offered, proven; writes nothing. @throws ThemisError SOURCE_*, and why it is not believed */
  check(call: EngineCall = {}): Promise<Offer> {
    return planOnly(asked(this.#request, call), this.#tools);
  }

  /** Everything that an update needs, piece by piece proven. @throws ThemisError SOURCE_*, TRANSFER_*, NO_SPACE … */
  download(call: EngineCall = {}): Promise<UpdateResult> {
    return download(asked(this.#request, call), this.#tools);
  }
}

export class HotReloadEngine {
  readonly #request: EngineRequest;
  readonly #tools: UpdateTools;

  constructor(request: EngineRequest, tools: EngineTools = {}) {
    this.#request = request;
    this.#tools = { now: () => new Date(), ...tools };
  }

  /** @throws ThemisError; CHECK_FAILED, SERVICE_FAILED and SWITCH_FAILED after everything was put back */
  apply(call: EngineCall = {}): Promise<UpdateResult> {
    return update(asked(this.#request, call), this.#tools);
  }

  /** The plan that apply takes; writes nothing. */
  dryRun(call: EngineCall = {}): Promise<Offer> {
    return planOnly(asked(this.#request, call), this.#tools);
  }

  /** Of the installed release, whatever was changed or lost. @throws ThemisError VERSION_NEEDED, RELEASE_DIFFERS, and as apply */
  repair(call: EngineCall = {}): Promise<UpdateResult> {
    return repair(asked(this.#request, call), this.#tools);
  }

  /** @throws ThemisError RESTORE_POINT_NOT_FOUND, RESTORE_POINT_TAMPERED, SWITCH_FAILED */
  rollback(call: { readonly to?: string; readonly signal?: AbortSignal } = {}): Promise<RollbackResult> {
    const { to, signal } = call;
    return rollBack({ root: this.#request.root, to }, { ...this.#deviceTools(), signal });
  }

  /** Of a release that waits for its operator. @throws ThemisError NOTHING_TO_CONFIRM */
  confirm(): Promise<Confirmed> {
    return confirm({ root: this.#request.root }, this.#deviceTools());
  }

  /** Newest first. */
  async listRollbackPoints(): Promise<readonly RestorePointRecord[]> {
    return (await readStatus(this.#request.root)).restorePoints;
  }

  #deviceTools(): DeviceTools {
    const { gate } = this.#request;
    const { now, checked } = this.#tools;
    return { now, checked, ...(gate && { gate }) };
  }
}

function asked(request: EngineRequest, { version = "", signal }: EngineCall): UpdateRequest {
  return { ...request, version, signal };
}
