/**
 * A client that replaces itself, by the way in which it replaces everything else:
 *
 *   the tree is made like the client -> update of the tree (verify, delta, restore point, switch) -> the new one is
 *   asked what it is -> one rename puts it in the place of the one that runs
 *
 * Killed anywhere, the file is the old client or the new one, whole, and the next command goes on from there: what
 * the tree has and the file has not is either on its way to the file, or was refused and is taken back. Somebody may
 * also have put another client there by hand; then the tree is made like that one first.
 */
import { FetchError } from "../fetch-error.ts";
import { rollBack } from "../rollback.ts";
import { planOnly, update } from "../update.ts";
import type { Offer, UpdateResult } from "../update-report.ts";
import type { UpdateRequest, UpdateTools } from "../update-request.ts";
import { type ClientAbout, demandFit } from "./candidate.ts";
import {
  type ClientPlace,
  digestOf,
  placeOf,
  readRecord,
  seed,
  switchTo,
  withPlace,
  writeRecord,
} from "./client-place.ts";

export type SelfUpdateRequest = {
  /** The client that runs, no symlink. */
  readonly file: string;
  /** Its path in a release. */
  readonly path: string;
  /** What starts a client: nothing for an executable, else Node. */
  readonly starter: readonly string[];
  readonly running: ClientAbout;
  /** How its releases are found and proven. */
  readonly release: Omit<UpdateRequest, "root" | "strategy">;
};

/** Where a test cuts the power. */
export type SelfUpdatePoint = "seeded" | "recorded" | "updated" | "asked" | "switched";

export type SelfUpdateTools = UpdateTools & { readonly at?: (point: SelfUpdatePoint) => void };

export type SelfUpdateResult = {
  readonly switched: boolean;
  /** Releases of the client; "" for one that came by hand. */
  readonly from: string;
  readonly to: string;
  /** Of the file, before and after. */
  readonly fromSha256: string;
  readonly toSha256: string;
  readonly bytesFetched: number;
  readonly bytesFull: number;
};

const KEPT_CLIENTS = 3;

/** What is offered; makes the folder beside the client and nothing else. */
export async function planSelfUpdate(request: SelfUpdateRequest, tools: SelfUpdateTools): Promise<Offer> {
  const place = placeOf(request.file, request.path);
  return withPlace(place, async () => {
    await makeAlike(place);
    return offered(request, place, tools);
  });
}

/** @throws FetchError CLIENT_UNFIT, CLIENT_UNWRITABLE; what an update throws */
export async function selfUpdate(
  request: SelfUpdateRequest,
  tools: SelfUpdateTools,
): Promise<SelfUpdateResult> {
  const place = placeOf(request.file, request.path);
  return withPlace(place, async () => {
    await makeAlike(place);
    tools.at?.("seeded");
    const fromSha256 = await digestOf(place.file);
    await offered(request, place, tools);
    await writeRecord(place, { action: "update", own: fromSha256, tree: await digestOf(place.inTree) });
    tools.at?.("recorded");
    const done = await update(updateOf(request, place), tools);
    tools.at?.("updated");
    const toSha256 = await digestOf(place.inTree);
    if (toSha256 !== fromSha256) {
      await demandFitOrGoBack(request, place, tools);
      tools.at?.("asked");
      await switchTo(place);
      tools.at?.("switched");
    }
    return { ...resultOf(done), switched: toSha256 !== fromSha256, fromSha256, toSha256 };
  });
}

/** @throws FetchError RESTORE_POINT_NOT_FOUND, CLIENT_UNWRITABLE; what a rollback throws */
export async function selfRollBack(
  request: Pick<SelfUpdateRequest, "file" | "path" | "release">,
  tools: SelfUpdateTools,
): Promise<SelfUpdateResult> {
  const place = placeOf(request.file, request.path);
  return withPlace(place, async () => {
    const record = await readRecord(place);
    const fromSha256 = await digestOf(place.file);
    const before = await digestOf(place.inTree);
    // A rollback that was cut had the tree back already, and only the file was missing.
    const isCut =
      record?.action === "rollback" && record.own === fromSha256 && record.tree !== before && before !== "";
    const way = isCut ? { from: "", to: "" } : await rollBackTree(request, place, tools, fromSha256, before);
    tools.at?.("updated");
    const toSha256 = await digestOf(place.inTree);
    if (toSha256 === "")
      throw new FetchError("RESTORE_POINT_NOT_FOUND", "there is no client before this one to go back to");
    if (toSha256 !== fromSha256) await switchTo(place);
    tools.at?.("switched");
    const { from, to } = way;
    const switched = toSha256 !== fromSha256;
    return { switched, from, to, fromSha256, toSha256, bytesFetched: 0, bytesFull: 0 };
  });
}

async function rollBackTree(
  { release }: Pick<SelfUpdateRequest, "release">,
  place: ClientPlace,
  { now, at }: SelfUpdateTools,
  own: string,
  tree: string,
): Promise<{ readonly from: string; readonly to: string }> {
  await writeRecord(place, { action: "rollback", own, tree });
  at?.("recorded");
  const { from, to } = await rollBack({ root: place.tree }, { now, signal: release.signal });
  return { from, to };
}

/** Unless the tree is ahead of the file since an update of ours was cut, or the file is what the tree has. */
async function makeAlike(place: ClientPlace): Promise<void> {
  const [own, tree, record] = [
    await digestOf(place.file),
    await digestOf(place.inTree),
    await readRecord(place),
  ];
  if (own === tree || (record?.own === own && tree !== "")) return;
  await seed(place);
}

/** @throws FetchError CLIENT_UNFIT: the release has no client where this one looks for it */
async function offered(
  request: SelfUpdateRequest,
  place: ClientPlace,
  tools: SelfUpdateTools,
): Promise<Offer> {
  const offer = await planOnly(updateOf(request, place), tools);
  const holdsClient = offer.plan.steps.some(
    (step) => step.kind !== "remove" && step.target.path === request.path && step.target.size_bytes > 0,
  );
  if (holdsClient) return offer;
  throw new FetchError(
    "CLIENT_UNFIT",
    `${offer.product} ${offer.to} has no ${request.path}; nothing was changed`,
    {
      hint: "the publisher releases clients as trees with that one file",
    },
  );
}

function updateOf({ release }: SelfUpdateRequest, { tree }: ClientPlace): UpdateRequest {
  return {
    ...release,
    root: tree,
    strategy: "in-place",
    retention: { count: KEPT_CLIENTS, ageMs: undefined, bytes: undefined },
  };
}

async function demandFitOrGoBack(
  { starter, running, release: { signal } }: SelfUpdateRequest,
  place: ClientPlace,
  { now }: SelfUpdateTools,
): Promise<void> {
  try {
    await demandFit([...starter, place.inTree], running, signal);
  } catch (error) {
    // Asked again, it would be refused again; the tree is what the file is.
    if (error instanceof FetchError) await rollBack({ root: place.tree }, { now });
    throw error;
  }
}

function resultOf({ from, to, bytesFetched, bytesFull }: UpdateResult) {
  return { from, to, bytesFetched, bytesFull };
}
