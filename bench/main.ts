/** `npm run bench -- …`: figures of one run; ratios travel, times do not. */
const HELP = `npm run bench -- device                   what a device spends: apply, verification, replacement (3 min)
npm run bench -- verify                   proving a signature in a thread: the first call and warm ones (1 min)
npm run bench -- transfer                 verified transfer beside curl and sha256sum, from nginx on loopback (2 min)
npm run bench -- manifest                 the documents of a release for a device that keeps the one before (1 min)
npm run bench -- service                  a service with 1,000 open connections: stop, update, start (1 min)
npm run bench -- switch                   an update of 10,000 files beside rsync (2 min)
npm run bench -- client                   size and start of a client with its anchor in it, beside node -e 0 (1 min)
npm run bench -- restore                  what ten ways back take on the disk, over real releases of esbuild (2 min)
npm run bench -- delta [PAIR] [--resume]  patches beside bsdiff, xdelta3 and zstd on nine pairs of real releases,
                                          and the bars; PAIR is a part of a pair's name (all: 20 to 40 min)
npm run bench -- themis [PAIR]            what each model of THEMIS is worth, and what its bytes are spent on (all: 3 min)
npm run bench -- growth [MIB]             time and memory of making patches on inputs of 1 MiB to 1 GiB,
                                          as a table and a plot; MIB is the largest input (64: 3 min, all: half an hour)

Corpora are fetched from the npm registry once and kept outside of the tree; delta and growth need bash and
GNU time, build dist/ first, and write to bench/results/.`;

const [what] = process.argv.slice(2);
switch (what) {
  case "device":
    await import("./device.ts");
    break;
  case "verify":
    await import("./verify.ts");
    break;
  case "transfer":
    await import("./transfer.ts");
    break;
  case "manifest":
    await import("./manifest.ts");
    break;
  case "service":
    await import("./service.ts");
    break;
  case "switch":
    await import("./switch.ts");
    break;
  case "client":
    await import("./client.ts");
    break;
  case "restore":
    await import("./restore.ts");
    break;
  case "delta":
    await import("./delta.ts");
    break;
  case "themis":
    await import("./themis.ts");
    break;
  case "growth":
    await import("./growth.ts");
    break;
  case undefined:
  case "help":
  case "--help":
    console.log(HELP);
    break;
  default:
    console.error(`bench: there is no ${JSON.stringify(what)}\n${HELP}`);
    process.exitCode = 2;
}
