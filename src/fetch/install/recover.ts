/** The first thing that every command does under the lock: what was cut is ended, by what its state says. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "../../base/remove-tree.ts";
import type { DevicePlace } from "../place.ts";
import type { DeviceState } from "../state.ts";
import { carryOut, goBack, type Installation, judge } from "./install.ts";
import type { WarrantedEntry } from "./journal-entry.ts";
import { removeOldSlots } from "./slots.ts";
import { REMEDIES } from "./state-machine.ts";
import { isStagedRight } from "./switch.ts";
import { stageWayBack } from "./way-back.ts";

export type Recovery = {
  /** "awaiting": a release is there that an operator has still time to confirm. */
  readonly outcome: "nothing" | "finished" | "undone" | "awaiting";
  /** The switch that had been cut. */
  readonly entry?: WarrantedEntry;
};

/** @throws what ending it throws, when that fails too */
export async function recover(installation: Installation): Promise<Recovery> {
  const recovery = await settle(installation);
  await removeLeftovers(installation.place, installation.state);
  return recovery;
}

async function settle(installation: Installation): Promise<Recovery> {
  const { place, state } = installation;
  const entry = state.journal();
  const remedy = REMEDIES[state.deployment().state];
  if (!entry) {
    if (remedy === "give-up") state.advance("failed", "it was cut before the switch");
    return { outcome: "nothing" };
  }
  const gate = gateFor(installation, entry);
  const again = { ...installation, gate };
  if (remedy === "verify") return verifyAgain(again, entry);
  if (entry.action === "update" && remedy === "finish-rolling-back") {
    await goBack(again, entry, "undone");
    return { outcome: "undone", entry };
  }
  if (!(await isStagedRight(place, entry))) {
    // Not even one step more of it: what is staged rotted or did not last, and only the way back is proven.
    if (entry.action === "update") {
      await goBack(again, entry, "undone");
      return { outcome: "undone", entry };
    }
    await stageWayBack(place, state, entry);
  }
  return ended(again, entry, () => carryOut(again, entry));
}

async function verifyAgain(installation: Installation, entry: WarrantedEntry): Promise<Recovery> {
  const { untilMs, hasFunctions } = entry.gate;
  if (untilMs > installation.now().getTime()) return { outcome: "awaiting", entry };
  const why =
    untilMs > 0
      ? "nobody confirmed it in time"
      : hasFunctions && installation.gate.checks === entry.gate.checks
        ? "it was cut while it was verified, by checks that only that process could ask"
        : "";
  if (why === "") return ended(installation, entry, () => judge(installation, entry));
  await goBack(installation, entry, `rolled back: ${why}`);
  return { outcome: "undone", entry };
}

/** What fails after everything was put back is an outcome of the cut switch, not of the command that found it. */
async function ended(
  { state }: Installation,
  entry: WarrantedEntry,
  end: () => Promise<{ readonly outcome: "confirmed" | "awaiting" }>,
): Promise<Recovery> {
  try {
    const { outcome } = await end();
    return { outcome: outcome === "awaiting" ? "awaiting" : "finished", entry };
  } catch (error) {
    if (!state.journal()) return { outcome: "undone", entry };
    throw error;
  }
}

/** The one of this process, where it has one; what was written down otherwise. */
function gateFor({ gate }: Installation, entry: WarrantedEntry): Installation["gate"] {
  if (gate.checks.length > 0) return gate;
  const { checks, confirmation } = entry.gate;
  return { ...gate, checks, confirmation };
}

/** What a cut before the journal, or after it, left behind: staged files, and restore points that nobody names. */
async function removeLeftovers(place: DevicePlace, state: DeviceState): Promise<void> {
  await rm(place.staged, { recursive: true, force: true });
  await removeTree(place.building);
  const known = new Set(state.restorePoints().map(({ folder }) => folder));
  const there = await readdir(place.restore).catch(() => []);
  for (const name of there)
    if (!known.has(name)) await rm(join(place.restore, name), { recursive: true, force: true });
  await removeOldSlots(place, state);
}
