/** Which releases no device brings back by itself. */
import { expect, it } from "vitest";
import { heldBackBy } from "../../../src/fetch/watch/held-back.ts";

type Row = readonly [action: string, from: string, to: string, result: string];

it.each<{ why: string; held: boolean; history: readonly Row[] }>([
  { why: "nothing has happened", held: false, history: [] },
  {
    why: "its checks failed",
    held: true,
    history: [["update", "1", "2", "rolled back: smoke check x failed"]],
  },
  {
    why: "nobody confirmed it",
    held: true,
    history: [["update", "1", "2", "rolled back: nobody confirmed it in time"]],
  },
  { why: "an operator went back from it", held: true, history: [["rollback", "2", "1", "done"]] },
  {
    why: "an operator went back twice",
    held: true,
    history: [
      ["rollback", "1", "0", "done"],
      ["rollback", "2", "1", "done"],
    ],
  },
  { why: "another one's checks failed", held: false, history: [["update", "1", "3", "rolled back: x"]] },
  { why: "there was no room for it", held: false, history: [["update", "1", "2", "undone"]] },
  {
    why: "a signal came while it was checked",
    held: false,
    history: [["update", "1", "2", "rolled back: This operation was aborted"]],
  },
  {
    why: "it has stayed since",
    held: false,
    history: [
      ["update", "1", "2", "done"],
      ["update", "1", "2", "rolled back: x"],
    ],
  },
])("holds back: $held, when $why", ({ held, history }) => {
  const records = history.map(([action, fromVersion, toVersion, result]) => ({
    ...{ at: "2026-11-25T00:00:00Z", who: "root", action, fromVersion, toVersion, result },
  }));
  expect(heldBackBy(records, "2") !== undefined).toBe(held);
});
