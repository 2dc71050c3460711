/**
 * Random mixtures: fast-check draws what happens to the requests for an asset, one after the other.
 *
 *   fc.asyncProperty(arbitraryDraws({ settings: { stallMs: 50 } }), async (draws) => {
 *     const server = await misbehavingServer({ assets, script: drawn(draws) });
 *
 * A draw is plain data, so that a counterexample says which faults it needs.
 */
import fc from "fast-check";
import type { Fault, Script } from "./fault.ts";
import { fault, serverFaults } from "./faults.ts";
import { storageFaults } from "./redirect-faults.ts";
import { inTurn } from "./script.ts";
import type { Settings } from "./settings.ts";

export type Draw =
  | { readonly kind: "right" }
  | {
      readonly kind: "fault";
      readonly number: number;
      readonly way: string;
      readonly settings: Partial<Settings>;
    };

export type DrawRequest = {
  readonly maxTurns?: number;
  /** About the length of the assets: faults in mid-body strike below it. */
  readonly bodyBytes?: number;
  /** Timings for all of them, short enough for the client's limits. */
  readonly settings?: Partial<Settings>;
  readonly candidates?: readonly Fault[];
};

/** What can be drawn for a server that was started without a storage. */
export const faultsWithoutStorage = serverFaults.filter(
  ({ number, way }) => !storageFaults.some((each) => each.number === number && each.way === way),
);

export function arbitraryDraws({
  maxTurns = 6,
  bodyBytes = 64 * 1024,
  settings = {},
  candidates = faultsWithoutStorage,
}: DrawRequest = {}): fc.Arbitrary<readonly Draw[]> {
  const strike = fc
    .record({
      chosen: fc.constantFrom(...candidates),
      afterBytes: fc.nat(bodyBytes),
      shiftBytes: fc.integer({ min: 1, max: Math.max(1, bodyBytes) }),
    })
    .map(
      ({ chosen: { number, way }, afterBytes, shiftBytes }): Draw => ({
        kind: "fault",
        number,
        way,
        settings: { ...settings, afterBytes, shiftBytes },
      }),
    );
  const right = fc.constant<Draw>({ kind: "right" });
  return fc.array(fc.oneof({ arbitrary: strike, weight: 4 }, { arbitrary: right, weight: 1 }), {
    maxLength: maxTurns,
  });
}

/** After the last draw the server is right. */
export function drawn(draws: readonly Draw[]): Script {
  return inTurn(
    draws.map((draw) =>
      draw.kind === "right" ? undefined : { fault: fault(draw.number, draw.way), settings: draw.settings },
    ),
  );
}
