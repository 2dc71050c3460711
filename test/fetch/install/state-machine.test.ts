import { describe, expect, it } from "vitest";
import {
  INSTALL_STATES,
  type InstallState,
  mayFollow,
  REMEDIES,
  TRANSITIONS,
} from "../../../src/fetch/install/state-machine.ts";

const ends: readonly InstallState[] = ["confirmed", "rolled-back", "failed"];

describe("the states of a deployment", () => {
  it("are all reached from idle", () => {
    const reached = new Set<InstallState>(["idle"]);
    for (const state of reached) for (const next of TRANSITIONS[state]) reached.add(next);
    expect([...reached].sort()).toEqual([...INSTALL_STATES].sort());
  });

  it("lead to an end from everywhere, and an end leads to the next deployment", () => {
    for (const state of INSTALL_STATES) {
      const seen = new Set<InstallState>([state]);
      for (const each of seen) for (const next of TRANSITIONS[each]) seen.add(next);
      expect(
        ends.some((end) => seen.has(end)),
        state,
      ).toBe(true);
    }
    for (const end of ends) expect(TRANSITIONS[end]).toEqual(TRANSITIONS.idle);
  });

  it("never leave a tree that was touched without its way back", () => {
    for (const touched of ["switching", "verifying"] as const) {
      expect(mayFollow(touched, "rolling-back")).toBe(true);
      expect(mayFollow(touched, "failed")).toBe(false);
    }
    expect(TRANSITIONS["rolling-back"]).toEqual(["rolled-back"]);
  });

  it("each have a remedy after a cut: nothing for an end, and never giving up once the tree was touched", () => {
    for (const state of ["idle", ...ends] as const) expect(REMEDIES[state]).toBe("nothing");
    for (const state of ["switching", "verifying", "rolling-back"] as const)
      expect(["finish", "verify", "finish-rolling-back"]).toContain(REMEDIES[state]);
  });
});
