/**
 * Builds dist/: JavaScript that Node 24 runs inside node_modules, where it does not strip types.
 *
 *   themis-bundle.js, themis-fetch.js   launchers: check the Node version, then load the program
 *   bundle-main.js, fetch-main.js       the programs, without the optional addons
 *   diff-worker.js                      runs in worker threads
 *   kernel.wasm                         compute-heavy kernels, see kernel.ts
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { buildKernels } from "./kernel.ts";

const root = dirname(import.meta.dirname);
const dist = join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

rmSync(dist, { recursive: true, force: true });
await buildKernels();
const result = await build({
  entryPoints: {
    "bundle-main": join(root, "src/bin/themis-bundle.ts"),
    "fetch-main": join(root, "src/bin/themis-fetch.ts"),
    "diff-worker": join(root, "src/publish/diff/diff-worker.ts"),
    "bsdiff-process": join(root, "src/publish/diff/bsdiff-process.ts"),
    index: join(root, "src/index.ts"),
    fetch: join(root, "src/fetch/index.ts"),
  },
  outdir: dist,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  minifySyntax: true,
  legalComments: "none",
  external: ["graphene-pk11", "bsdiff-node"],
  define: { __THEMIS_VERSION__: JSON.stringify(version) },
  // CommonJS parts of dependencies ask for `require`, which an ES module does not have.
  banner: {
    js: 'import { createRequire as __cr } from "node:module"; const require = __cr(import.meta.url);',
  },
  metafile: true,
  logLevel: "warning",
});
for (const [name, main] of [
  ["themis-bundle", "bundle-main"],
  ["themis-fetch", "fetch-main"],
]) {
  const file = join(dist, `${name}.js`);
  writeFileSync(file, launcher(name!, main!));
  chmodSync(file, 0o755);
}
if (process.argv.includes("--sizes")) {
  for (const [file, { bytes }] of Object.entries(result.metafile.outputs)) console.log(`${bytes}\t${file}`);
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
