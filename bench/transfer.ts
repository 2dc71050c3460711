/**
 * Verified transfer beside curl and sha256sum, from an nginx on loopback: `npm run bench -- transfer`.
 *
 * Each way is a process of its own and takes turns with the other; ratios are of one run. The peak of memory is
 * shown on packs of three sizes, because it must not grow with them.
 */
import { createHash, randomFillSync } from "node:crypto";
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MAX_ASSET_BYTES, PIECE_BYTES } from "../src/format/manifest/blob.ts";
import type { Pack } from "../src/format/manifest/manifest.ts";
import { startNginx } from "../test/kit/nginx.ts";
import {
  bestOf,
  buildDist,
  MIB,
  onPath,
  type Run,
  repeated,
  root,
  setting,
  table,
  temporaryFolder,
  timed,
} from "./measure.ts";
import { finish } from "./results.ts";

const SIZES_MIB = [256, 1024, 2047];
const COMPARED_MIB = 1024;
const TIMES = 3;
const LIMITED_MIB = 64;
const LIMIT_MIB = 8;

for (const needed of ["nginx", "curl", "sha256sum"])
  if (!onPath(needed)) throw new Error(`${needed} is not on the PATH`);
buildDist();
const work = temporaryFolder("transfer");
const served = join(work, "app.pack");

/** Downloads in a process of its own: argv = base URL, document of the pack, folder, connections. */
const CLIENT = join(work, "client.mjs");
writeFileSync(
  CLIENT,
  `import { readFileSync } from "node:fs";
import { ParallelDownloader } from ${JSON.stringify(join(root, "dist", "fetch.js"))};
const [source, pack, folder, connections] = process.argv.slice(2);
await new ParallelDownloader({ sources: [source], connections: Number(connections) })
  .download({ packs: [JSON.parse(readFileSync(pack, "utf8"))], folder });`,
);

const rows: string[][] = [];
let throughput = Number.NaN;
for (const mebibytes of SIZES_MIB) {
  const pack = writePack(mebibytes);
  const nginx = await startNginx(work);
  const ours = await repeated(TIMES, () => download(nginx.url, pack, 4));
  const row = [String(mebibytes), ...cells(bestOf(ours), pack)];
  if (mebibytes === COMPARED_MIB) {
    const out = join(work, "curl.out");
    const theirs = await repeated(TIMES, () =>
      timed(
        [
          "bash",
          "-c",
          `curl -s -o "$1" "$2" && sha256sum "$1" > /dev/null`,
          "bash",
          out,
          `${nginx.url}/app.pack`,
        ],
        work,
      ),
    );
    rmSync(out, { force: true });
    throughput = bestOf(theirs).wallS / bestOf(ours).wallS;
    rows.push(["1024, curl and sha256sum", ...cells(bestOf(theirs), pack)]);
  }
  rows.push(row);
  await nginx.close();
}
const limitedPack = writePack(LIMITED_MIB);
const nginx = await startNginx(work, `limit_rate ${LIMIT_MIB}m;`);
const one = await download(nginx.url, limitedPack, 1);
const four = await download(nginx.url, limitedPack, 4);
await nginx.close();
rows.push([`${LIMITED_MIB}, ${LIMIT_MIB} MiB/s a connection, 1 connection`, ...cells(one, limitedPack)]);
rows.push([`${LIMITED_MIB}, ${LIMIT_MIB} MiB/s a connection, 4 connections`, ...cells(four, limitedPack)]);

const text = [
  "# Verified transfer",
  "",
  `Printed by \`npm run bench -- transfer\`, everything in one run, nginx on loopback: ${setting()}.`,
  `Each is a process of its own, Node's start included; of ${TIMES} runs the shortest times and the largest memory.`,
  "Ours proves each MiB before it writes it, and syncs the file; curl writes, and sha256sum reads it again.",
  "",
  ...table(["pack, MiB", "wall s", "MiB/s", "CPU s", "peak MiB"], rows),
  "",
  ...table(
    ["bar", "measured", "wanted"],
    [
      ["ours : curl and sha256sum, throughput, 1 GiB", `${throughput.toFixed(2)} x`, ">= 1.00 x"],
      ["4 connections : 1, each limited", `${(one.wallS / four.wallS).toFixed(2)} x`, ">= 3.50 x"],
      [
        "largest peak",
        `${rows
          .filter(([name]) => /^\d+$/.test(name!))
          .map((row) => Number(row[4]))
          .reduce((a, b) => Math.max(a, b), 0)} MiB`,
        "<= 150 MiB",
      ],
    ],
  ),
  "",
].join("\n");
console.log(text);
finish("transfer", { md: text });

function cells(run: Run, { size_bytes }: Pack): string[] {
  return [
    run.wallS.toFixed(2),
    (size_bytes / MIB / run.wallS).toFixed(0),
    run.cpuS.toFixed(2),
    run.peakMiB.toFixed(0),
  ];
}

async function download(url: string, pack: Pack, connections: number): Promise<Run> {
  const [folder, document] = [join(work, "device"), join(work, "pack.json")];
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(document, JSON.stringify(pack));
  return timed([process.execPath, CLIENT, url, document, folder, String(connections)], work);
}

/** Bytes that nothing compresses, a piece at a time. */
function writePack(mebibytes: number): Pack {
  const whole = createHash("sha256");
  const pieces: string[] = [];
  const file = openSync(served, "w");
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let i = 0; i < mebibytes; i++) {
    randomFillSync(piece);
    writeSync(file, piece);
    whole.update(piece);
    pieces.push(createHash("sha256").update(piece).digest("hex"));
  }
  closeSync(file);
  const size = mebibytes * MIB;
  if (size > MAX_ASSET_BYTES) throw new Error("no asset is so large");
  return { asset: "app.pack", size_bytes: size, sha256_hash: whole.digest("hex"), pieces };
}
