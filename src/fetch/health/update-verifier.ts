/**
 * Does the new release do its work? The checks that are configured, one after the other, after the switch.
 *
 *   const verifier = new UpdateVerifier({ checks });
 *   await verifier.verify({ root, from: "1.4.0", to: "1.5.0" });      throws CHECK_FAILED
 *
 * One at a time, because a performance check beside others measures the others. The first that fails ends it:
 * what follows would only keep a bad release running for longer.
 */
import type { UpdateFacts } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";
import { type Check, type CheckReport, demandValid } from "./check.ts";
import { runCheck } from "./run-check.ts";

export type UpdateVerifierOptions = { readonly checks: readonly Check[] };

export type VerifyUpdateRequest = UpdateFacts & {
  readonly signal?: AbortSignal | undefined;
  /** Told after each check. */
  readonly progress?: ((report: CheckReport) => void) | undefined;
};

export type VerificationReport = {
  readonly passed: boolean;
  readonly reports: readonly CheckReport[];
  /** Names of the checks that were not reached. */
  readonly notRun: readonly string[];
};

export class UpdateVerifier {
  readonly #checks: readonly Check[];

  /** @throws FetchError CHECK_INVALID */
  constructor({ checks }: UpdateVerifierOptions) {
    for (const check of checks) demandValid(check);
    const names = checks.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined)
      throw new FetchError("CHECK_INVALID", `two checks are named ${JSON.stringify(twice)}`);
    this.#checks = checks;
  }

  /** @throws the signal's reason */
  async run({ signal, progress, ...facts }: VerifyUpdateRequest): Promise<VerificationReport> {
    const reports: CheckReport[] = [];
    for (const [index, check] of this.#checks.entries()) {
      const report = await runCheck(check, facts, signal);
      reports.push(report);
      progress?.(report);
      if (report.passed) continue;
      const notRun = this.#checks.slice(index + 1).map(({ name }) => name);
      return { passed: false, reports, notRun };
    }
    return { passed: true, reports, notRun: [] };
  }

  /** @throws FetchError CHECK_FAILED with the report of the check in its facts; the signal's reason */
  async verify(request: VerifyUpdateRequest): Promise<VerificationReport> {
    const report = await this.run(request);
    const failed = report.reports.find(({ passed }) => !passed);
    if (failed) throw checkFailure(failed);
    return report;
  }
}

export function checkFailure(report: CheckReport): FetchError {
  const { name, kind, expected, found } = report;
  return new FetchError(
    "CHECK_FAILED",
    `the ${kind} check ${JSON.stringify(name)} failed: expected ${expected}, found ${found}`,
    { facts: { ...report } },
  );
}
