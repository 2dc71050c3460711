/** After a release was confirmed: the ways back are made small. */
import { systemCode } from "../../base/error.ts";
import { compactRestorePoint } from "./compact.ts";
import type { Installation } from "./install.ts";

export type KeepOptions = {
  /** Told what could not be done. */
  readonly notice?: ((message: string) => void) | undefined;
};

/** The release is there and runs, so nothing that fails here is a failure of the update; the next one tries again. */
export async function keepRestorePoints(
  { place, state, signal }: Pick<Installation, "place" | "state" | "signal">,
  { notice = () => {} }: KeepOptions,
): Promise<void> {
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      const why = systemCode(error) ?? (error instanceof Error ? error.message : String(error));
      notice(`${what} (${why}); the next update tries again`);
    }
  };
  for (const [index, record] of state.restorePoints().entries()) {
    if (record.kind === "compact") continue;
    await attempt(`the restore point ${record.id} could not be made smaller`, () =>
      compactRestorePoint(place, state, record, { isNewest: index === 0, signal }),
    );
  }
}
