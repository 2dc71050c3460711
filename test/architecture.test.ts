/**
 * The house holds: imports point down, publish and fetch never meet, each outside package has one door,
 * and the device's program reaches nothing that belongs to the publisher.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";
import { CLIENT_THREADS } from "../src/bin/client/threads.ts";

const root = resolve(import.meta.dirname, "..");
const src = join(root, "src");

const FLOOR: Readonly<Record<string, number>> = {
  base: 0,
  kernel: 0,
  format: 1,
  trust: 2,
  publish: 3,
  fetch: 3,
  fleet: 4,
  bin: 5,
};

/** Where an outside package may be imported; everybody else speaks our nouns. */
const DOORS: Readonly<Record<string, RegExp>> = {
  pkijs: /^publish\/sign\//,
  asn1js: /^publish\/sign\//,
  "graphene-pk11": /^publish\/sign\/token(-object|-place)?\.ts$/,
  "bsdiff-node": /^publish\/diff\//,
  "@octokit/rest": /^publish\/upload\/github\/octokit\.ts$/,
  ajv: /^format\//,
  undici: /^fetch\/transfer\/(http-(client|body)|undici-parts\.d)\.ts$/,
  yaml: /^format\/config\/yaml-document\.ts$/,
  commander: /^bin\//,
  "@inquirer/password": /^bin\//,
};

const PUBLISHER_PACKAGES = [
  "pkijs",
  "asn1js",
  "graphene-pk11",
  "pkcs11js",
  "bsdiff-node",
  "tar",
  "@octokit/rest",
];

type Import = { readonly from: string; readonly to: string };

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(src, name));
const imports = files.flatMap((file) => importsOf(file));

/** Static, dynamic and type imports alike: a type is a dependency for the reader too. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)"([^"]+)"/gm);
  return [...found].map(([, to]) => ({ from: file, to: to! }));
}

function name(file: string): string {
  return relative(src, file).replaceAll("\\", "/");
}

function floorOf(file: string): number {
  const room = name(file).split("/")[0]!;
  return FLOOR[room] ?? (name(file).includes("/") ? -1 : 6);
}

function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

it("has files to look at", () => {
  expect(files.length).toBeGreaterThan(30);
  expect(imports.length).toBeGreaterThan(100);
});

it("has only rooms that the design names", () => {
  expect(files.filter((file) => floorOf(file) === -1).map(name)).toEqual([]);
});

it("imports point down", () => {
  const up = imports
    .filter(({ to }) => to.startsWith("."))
    .map(({ from, to }) => ({ from, to: resolve(dirname(from), to) }))
    .filter(({ from, to }) => floorOf(to) > floorOf(from))
    .map(({ from, to }) => `${name(from)} -> ${name(to)}`);
  expect(up).toEqual([]);
});

it("publish and fetch never import each other", () => {
  const met = imports
    .filter(({ to }) => to.startsWith("."))
    .map(({ from, to }) => `${name(from)} -> ${name(resolve(dirname(from), to))}`)
    .filter((line) => /^publish\/.* -> fetch\/|^fetch\/.* -> publish\//.test(line));
  expect(met).toEqual([]);
});

it("each outside package is used behind its one door", () => {
  const wrong = imports
    .filter(({ to }) => !to.startsWith(".") && !to.startsWith("node:"))
    .filter(({ from, to }) => !(DOORS[packageName(to)]?.test(name(from)) ?? false))
    .map(({ from, to }) => `${name(from)} -> ${to}`);
  expect(wrong).toEqual([]);
});

it("format does no I/O and asks no clock", () => {
  const io = /^node:(fs|net|http|https|child_process|worker_threads|sqlite|dgram|tls|os)/;
  const wrong = imports
    .filter(({ from, to }) => name(from).startsWith("format/") && io.test(to))
    .map(({ from, to }) => `${name(from)} -> ${to}`);
  const clocks = files
    .filter((file) => name(file).startsWith("format/"))
    .filter((file) => /Date\.now\(|new Date\(\)|performance\.now/.test(readFileSync(file, "utf8")))
    .map(name);
  expect([...wrong, ...clocks]).toEqual([]);
});

it.each([
  { what: "program", entry: "bin/themis-fetch.ts" },
  { what: "program in one file", entry: "bin/client/main.ts" },
  { what: "part for other programs", entry: "fetch/index.ts" },
])("the device's $what reaches no publisher package", ({ entry }) => {
  const reached = closure(join(src, entry));
  expect(reached.packages.filter((each) => PUBLISHER_PACKAGES.includes(each))).toEqual([]);
  expect(reached.files.filter((file) => name(file).startsWith("publish/")).map(name)).toEqual([]);
  expect(reached.files.map(name)).toContain("trust/verify-signature.ts");
});

it("only trust puts the mark of belief on", () => {
  const markers = files.filter((file) => readFileSync(file, "utf8").includes("markVerified")).map(name);
  expect(markers.sort()).toEqual([
    "trust/transparency.ts",
    "trust/trust-root.ts",
    "trust/verified.ts",
    "trust/verify-channel.ts",
    "trust/verify-delta-manifest.ts",
    "trust/verify-release.ts",
  ]);
});

it("nobody else claims it, and a switch is warranted where its entry is made or read, and nowhere else", () => {
  const claims = files.filter((file) => / as (unknown as )?Verified\b/.test(readFileSync(file, "utf8")));
  expect(claims.map(name)).toEqual(["trust/verified.ts"]);
  const warrants = files.filter((file) => /\bas WarrantedEntry\b/.test(readFileSync(file, "utf8")));
  expect(warrants.map(name).sort()).toEqual(["fetch/install/journal-entry.ts", "fetch/state.ts"]);
});

it("publish and fetch are put together by commands and by what other programs build on, and nowhere else", () => {
  const both = files.filter((file) => {
    const rooms = new Set(
      importsOf(file)
        .filter(({ to }) => to.startsWith("."))
        .map(({ to }) => name(resolve(dirname(file), to)).split("/")[0]),
    );
    return rooms.has("publish") && rooms.has("fetch");
  });
  expect(both.map(name).filter((file) => !file.startsWith("bin/bundle/"))).toEqual([
    "delta-update-engine.ts",
    "index.ts",
  ]);
});

function closure(entry: string): { files: string[]; packages: string[] } {
  const seen = new Set([entry]);
  const packages = new Set<string>();
  for (const file of seen) {
    for (const { to } of importsOf(file)) {
      if (to.startsWith(".")) seen.add(resolve(dirname(file), to));
      else if (!to.startsWith("node:")) packages.add(packageName(to));
    }
  }
  return { files: [...seen], packages: [...packages] };
}

it("a client in one file knows each thread that anybody starts", () => {
  const started = closure(join(src, "bin/client/main.ts"))
    .files.filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/new Threads(?:<[^>]*>)?\(\s*"([^"]+)"/g)])
    .map(([, thread]) => thread!);
  expect(started.length).toBeGreaterThan(3);
  expect(Object.keys(CLIENT_THREADS).sort()).toEqual([...new Set(started)].sort());
});
