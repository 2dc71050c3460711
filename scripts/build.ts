/**
 * Builds dist/: JavaScript that Node 24 runs inside node_modules, where it does not strip types.
 *
 *   themis-bundle.js, themis-fetch.js   launchers: check the Node version, then load the program
 *   bundle-main.js, fetch-main.js       the programs, without the optional addons
 *   bundle-<command>-<hash>.js, …        their commands and what these share, loaded when called for
 *   index.js, fetch.js                  for other programs
 *   diff-worker.js, piece-worker.js, rebuild-worker.js, scan-worker.js, compact-worker.js, verify-worker.js, bsdiff-process.js   run in threads and processes of their own
 *   client.mjs                          themis-fetch in one file, for themis-bundle client to fill, see client-template.ts
 *   *.wasm                              the kernels, see kernel.ts
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { clientTemplate } from "./client-template.ts";
import { compiledSchemas } from "./compiled-schemas.ts";
import { buildKernels } from "./kernel.ts";

/** What most commands need. A chunk is what the same commands reach; so all are made to reach these. */
const COMMON = [
  "bin/read-input",
  "bin/reporter",
  "bin/units",
  "base/atomic-file",
  "base/byte-source",
  "base/digest",
];

/** What is loaded later. Each reaches some of those, and would pull them apart. */
const LATER = new RegExp(
  `[\\\\/](?:${[
    "format/delta/(?:archive|themis)/apply",
    "format/config/check-config",
    "publish/sign/token",
    "publish/diff/generate",
    "publish/upload/github/prune",
    "bin/bundle/(?:publish-github|github-place)",
    "fetch/transfer/(?:http-client|http-source|github-api|github-source)",
  ]
    .map((name) => name.replaceAll("/", "[\\\\/]"))
    .join("|")})\\.ts$`,
);

const root = dirname(import.meta.dirname);
const dist = join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

const schemas = compiledSchemas();

rmSync(dist, { recursive: true, force: true });
await buildKernels();
const outputs = [
  await bundle({ "bundle-main": "src/bin/themis-bundle.ts" }, split("bundle")),
  await bundle({ "fetch-main": "src/bin/themis-fetch.ts" }, split("fetch")),
  // Whoever loads one of these needs all of it; in one file it is found at once.
  await bundle({
    "diff-worker": "src/publish/diff/diff-worker.ts",
    "bsdiff-process": "src/publish/diff/bsdiff-process.ts",
    "piece-worker": "src/fetch/transfer/piece-worker.ts",
    "rebuild-worker": "src/fetch/rebuild-worker.ts",
    "scan-worker": "src/fetch/scan-worker.ts",
    "verify-worker": "src/trust/verify-worker.ts",
    "compact-worker": "src/fetch/install/compact-worker.ts",
    index: "src/index.ts",
    fetch: "src/fetch/index.ts",
  }),
];
writeFileSync(
  join(dist, "client.mjs"),
  await clientTemplate(root, version, [commanderWithoutProcesses(), schemas]),
);
for (const [name, main] of [
  ["themis-bundle", "bundle-main"],
  ["themis-fetch", "fetch-main"],
]) {
  const file = join(dist, `${name}.js`);
  writeFileSync(file, launcher(name!, main!));
  chmodSync(file, 0o755);
}
if (process.argv.includes("--sizes")) {
  for (const [file, { bytes }] of outputs.flatMap((made) => Object.entries(made))) {
    console.log(`${bytes}\t${file}`);
  }
}

async function bundle(entryPoints: Readonly<Record<string, string>>, more: BuildOptions = {}) {
  const { metafile } = await build({
    entryPoints: Object.fromEntries(
      Object.entries(entryPoints).map(([name, file]) => [name, join(root, file)]),
    ),
    outdir: dist,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    minifySyntax: true,
    legalComments: "none",
    external: ["graphene-pk11", "bsdiff-node"],
    define: { __THEMIS_VERSION__: JSON.stringify(version) },
    plugins: [commanderWithoutProcesses(), schemas],
    metafile: true,
    logLevel: "warning",
    ...more,
  });
  const outputs = metafile!.outputs;
  for (const path of Object.keys(outputs)) {
    const file = resolve(path);
    writeFileSync(file, withRequire(builtinsByCall(readFileSync(file, "utf8"))));
  }
  return outputs;
}

/** One file for each command, and few for what they share: to find and link a file takes a millisecond. */
function split(program: string): BuildOptions {
  return {
    splitting: true,
    chunkNames: `${program}-[name]-[hash]`,
    plugins: [commanderWithoutProcesses(), schemas, commonRoom()],
  };
}

function commonRoom(): Plugin {
  return {
    name: "common-room",
    setup({ onLoad }) {
      const reached = COMMON.map((name) => `import ${JSON.stringify(join(root, "src", `${name}.ts`))};`);
      for (const filter of [/[\\/]src[\\/]bin[\\/]program\.ts$/, LATER]) {
        onLoad({ filter }, ({ path }) => ({
          contents: [readFileSync(path, "utf8"), ...reached].join("\n"),
          loader: "ts",
        }));
      }
    },
  };
}

/** Commander can have a command that is another program. None of ours is, so it needs no processes. */
function commanderWithoutProcesses(): Plugin {
  return {
    name: "commander-without-processes",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
        /[\\/]commander[\\/]/.test(importer) ? { path: "nothing", namespace: "nothing" } : undefined,
      );
      onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "export default undefined;" }));
    },
  };
}

/**
 * Node's own modules are asked for by a call and not imported.
 *
 * An import of node:process or node:crypto reads every property there is, for the live bindings of ES
 * modules, and so opens stdin and loads Web Crypto; that is a third of the time in which a command starts.
 */
function builtinsByCall(text: string): string {
  const call = (name: string): string => `globalThis.process.getBuiltinModule(${name})`;
  return text
    .replace(/^import \* as (\S+) from ("node:[^"]+");$/gm, (_, all, name) => `const ${all} = ${call(name)};`)
    .replace(/^import (\w+) from ("node:[^"]+");$/gm, (_, all, name) => `const ${all} = ${call(name)};`)
    .replace(
      /^import (?:(\w+), )?\{([^}]*)\} from ("node:[^"]+");$/gm,
      (_, all: string | undefined, names: string, name) =>
        `const ${all ? `${all} = ${call(name)}, ` : ""}{${names.replaceAll(" as ", ": ")}} = ${call(name)};`,
    );
}

/** CommonJS parts of dependencies ask for `require`, which an ES module does not have. */
function withRequire(text: string): string {
  if (!/\brequire\b/.test(text)) return text;
  return `const require = globalThis.process.getBuiltinModule("node:module").createRequire(import.meta.url);\n${text}`;
}

function launcher(name: string, main: string): string {
  return `#!/usr/bin/env node
if (Number(process.versions.node.split(".")[0]) < 24) {
  process.stderr.write("${name}: NODE_TOO_OLD: Node 24 or newer is needed, this is " + process.versions.node + "\\n" +
    "hint: npm install node@24 and run it with: npx ${name}\\n");
  process.exit(2);
}
await import("./${main}.js");
`;
}
