/** A real disk that is full to different levels, and an ext4 that gives up in the middle of a switch. */
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rollBack } from "../../../src/fetch/rollback.ts";
import { update } from "../../../src/fetch/update.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { Examiner } from "../../kit/sweep/after-cut.ts";
import { makeSweepWorld, type SweepWorld } from "../../kit/sweep/sweep-world.ts";
import { hasTool } from "../../kit/tools.ts";

const DISK_BYTES = 4 << 20;
const PAGE = 4096;
/** From nothing at all to more than enough. */
const FREE_PAGES = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

const LARGE_BYTES = 16 << 20;

const canMount = process.getuid?.() === 0 && mountable("tmpfs");
const hasExt4 = canMount && hasTool("mkfs.ext4") && mountable("ext4");

let world: SweepWorld;
let examiner: Examiner;
/** Where a disk of the test is mounted. */
let disk: string;

beforeAll(async () => {
  if (!canMount) return;
  world = await makeSweepWorld("in-place");
  examiner = await Examiner.of(world);
  disk = join(world.folder, "disk");
  mkdirSync(disk);
});
afterAll(() => world?.remove());

describe.skipIf(!canMount)("a disk", () => {
  beforeAll(() => mount("-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", disk));
  afterAll(unmount);

  it.each(["update", "rollback"] as const)("is full: an %s ends with NO_SPACE or is done", async (action) => {
    const codes: string[] = [];
    for (const pages of FREE_PAGES) {
      const root = world.device(action, "disk/root");
      leave(pages * PAGE);
      const ending = await act(action, root).then(
        () => "done",
        (error: { code: string }) => error.code,
      );
      codes.push(ending);
      const tree = examiner.treeOf(root);
      const { unfinished } = await examiner.status(root);
      expect({ pages, tree, unfinished }).toEqual({
        pages,
        tree: (ending === "done") === (action === "update") ? "new" : "old",
        unfinished: false,
      });
      rmSync(join(disk, "filler"));
      expect(await examiner.faults(action, root, "recover"), `${pages} free pages`).toEqual([]);
      rmSync(root, { recursive: true, force: true });
    }
    console.log(
      `full disk: ${action}: ${FREE_PAGES.map((pages, i) => `${pages} pages ${codes[i]}`).join(", ")}`,
    );
    expect(codes[0]).toBe("NO_SPACE");
    expect(codes.at(-1)).toBe("done");
    expect(new Set(codes)).toEqual(new Set(["NO_SPACE", "done"]));
  });

  function leave(bytes: number): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, "filler"), Buffer.alloc(bavail * bsize - bytes));
  }
});

/** As after an error of its medium: writes end with EROFS, and what was not committed is gone, as with the power. */
describe.skipIf(!hasExt4)("an ext4", () => {
  let image: string;

  beforeAll(() => {
    image = join(world.folder, "image");
    writeFileSync(image, "");
    truncateSync(image, LARGE_BYTES);
    must("mkfs.ext4", "-q", image);
    mountImage();
  });
  afterAll(unmount);

  it.each([0, 3, 7, 11])("gives up before step %i of a switch: the next command goes on", async (step) => {
    const root = world.device("update", "disk/root");
    must("sync", "-f", disk);
    const giveUp = (index: number): void => {
      if (index === step) must("mount", "-o", "remount,abort", disk);
    };
    await expect(act("update", root, giveUp)).rejects.toMatchObject({
      code: "STATE_UNREADABLE",
      area: "local",
      message: expect.stringMatching(/failed \(.*EROFS.*\) and is not undone yet: the device's records/),
    });
    await expect(act("update", root)).rejects.toMatchObject({ area: "local" });
    unmount();
    mountImage();
    expect(await examiner.status(root)).toMatchObject({ version: "1.0.0", unfinished: true });
    expect(await examiner.faults("update", root, "recover")).toEqual([]);
    rmSync(root, { recursive: true, force: true });
  });

  function mountImage(): void {
    mount("-o", "loop,errors=remount-ro", image, disk);
  }
});

async function act(
  action: "update" | "rollback",
  root: string,
  onStep?: (index: number) => void,
): Promise<void> {
  const tools = { now: () => world.now, ...(onStep && { onStep }) };
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  if (action === "rollback") await rollBack({ root }, tools);
  else await update({ root, source: world.bundle, version: "", connections: 1, anchors }, tools);
}

function mount(...args: string[]): void {
  must("mount", ...args);
}

function unmount(): void {
  must("umount", disk);
}

function must(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

/** In a container root may not mount, or has no loop devices. */
function mountable(kind: "tmpfs" | "ext4"): boolean {
  const folder = mkdtempSync(join(tmpdir(), "themis-mount-"));
  try {
    const [at, image] = ["at", "image"].map((name) => join(folder, name)) as [string, string];
    mkdirSync(at);
    if (kind === "tmpfs") must("mount", "-t", "tmpfs", "tmpfs", at);
    else {
      writeFileSync(image, "");
      truncateSync(image, LARGE_BYTES);
      must("mkfs.ext4", "-q", image);
      must("mount", "-o", "loop", image, at);
    }
    must("umount", at);
    return true;
  } catch {
    console.warn(`skipping tests: no ${kind} can be mounted here`);
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
