/** `npm run bench -- [device | delta [part of a pair's name]]`: figures of one run; ratios travel, times do not. */
const [what = "device"] = process.argv.slice(2);
switch (what) {
  case "device":
    await import("./device.ts");
    break;
  case "delta":
    await import("./delta.ts");
    break;
  default:
    console.error(`bench: there is no ${JSON.stringify(what)}; device or delta`);
    process.exitCode = 2;
}
