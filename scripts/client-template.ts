/**
 * dist/client.mjs: themis-fetch with its threads and kernels as one function in one file, and a place for a text.
 *
 *   #!/usr/bin/env node
 *   // a slot for words about the client
 *   (function themisClient(__THEMIS_SELF__) { "use strict"; const __THEMIS_COMPILED_IN__ = "a slot"; … })({ … });
 *
 * `themis-bundle client` fills the slots (src/publish/client/). The function's text is what each thread is started
 * from, and what a single executable holds; so nothing in it asks for a file beside it.
 *
 * The program is in it as zstd, in base64: the parts that esbuild splits it into, one behind the other. To unpack
 * all of them takes two milliseconds, to compile all of them ten; so a part is compiled when a command asks for it.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { build, type Plugin, transform } from "esbuild";
import { SLOTS, STARTS } from "../src/publish/client/template.ts";

const COMMON = { platform: "node", target: "node24", charset: "ascii", legalComments: "none" } as const;
/** Failures say their class; a name of one letter says nothing. */
const SMALL = { minify: true, keepNames: true } as const;
const MAIN = "client-main.js";
/** Names that a part knows besides those of the language. */
const PARAMETERS = [
  "module",
  "exports",
  "require",
  "__THEMIS_SELF__",
  "__THEMIS_PROGRAM__",
  "__THEMIS_COMPILED_IN__",
];

export async function clientTemplate(root: string, version: string, plugins: Plugin[]): Promise<string> {
  const parts = await programParts(root, version, plugins);
  const bytes = Buffer.concat(parts.map(({ text }) => Buffer.from(text, "latin1")));
  const packed = zstdCompressSync(bytes, {
    params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: 22 },
    pledgedSrcSize: bytes.length,
  });
  return [
    "#!/usr/bin/env node",
    SLOTS.words,
    '(function themisClient(__THEMIS_SELF__) {"use strict";',
    NODE_CHECK,
    PROTOTYPE_CHECK,
    `const __THEMIS_PROGRAM__ = themisClient, __THEMIS_COMPILED_IN__ = ${SLOTS.compiledIn};`,
    `const sizes = ${JSON.stringify(parts.map(({ name, text }) => [name, text.length]))};`,
    `const packed = "${packed.toString("base64")}";`,
    LOADER,
    `})${STARTS.module}\n`,
  ].join("\n");
}

/** In ASCII, so that a character is a byte. */
async function programParts(
  root: string,
  version: string,
  plugins: Plugin[],
): Promise<{ readonly name: string; readonly text: string }[]> {
  const kernels = Object.fromEntries(
    ["kernel", "device-kernel", "deflate-kernel", "themis-kernel"].map((name) => [
      name,
      readFileSync(join(root, "dist", `${name}.wasm`)).toString("base64"),
    ]),
  );
  const { outputFiles } = await build({
    ...COMMON,
    ...SMALL,
    entryPoints: { "client-main": join(root, "src/bin/client/main.ts") },
    outdir: join(root, "dist"),
    write: false,
    bundle: true,
    splitting: true,
    format: "esm",
    chunkNames: "[name]-[hash]",
    define: {
      __THEMIS_VERSION__: JSON.stringify(version),
      __THEMIS_KERNELS__: JSON.stringify(kernels),
      "import.meta.url": JSON.stringify("file:///themis-fetch.mjs"),
    },
    plugins,
    logLevel: "warning",
  });
  const parts = await Promise.all(
    outputFiles.map(async ({ path, text }) => {
      const { code } = await transform(text, {
        ...COMMON,
        minify: true,
        format: "cjs",
        supported: { "dynamic-import": false },
      });
      return { name: basename(path), text: code };
    }),
  );
  return parts.sort((one, other) => (one.name < other.name ? -1 : 1));
}

const NODE_CHECK = `if (Number(process.versions.node.split(".")[0]) < 24) {
process.stderr.write("themis-fetch: NODE_TOO_OLD: Node 24 or newer is needed, this is " + process.versions.node + "\\n");
process.exit(2);
}`;

/**
 * Before the first part is loaded, because what links the parts goes through properties, and would stop at one of
 * everybody's without a word for it. src/bin/client/untampered.ts says the rest.
 */
const PROTOTYPE_CHECK = `for (const name in {}) {
const message = "every object has a property " + JSON.stringify(name.slice(0, 60)) + ", and this client runs no code but its own";
if (process.argv.includes("--json")) process.stdout.write(JSON.stringify({ error: { code: "PROCESS_TAMPERED", kind: "refused", message } }) + "\\n");
else process.stderr.write("themis-fetch: PROCESS_TAMPERED: " + message + "\\n");
process.exitCode = 4;
return;
}`;

/** A part asks for Node's own modules and for other parts, and for nothing else: there is no node_modules. */
const LOADER = `const program = process.getBuiltinModule("node:zlib").zstdDecompressSync(Buffer.from(packed, "base64")).toString("latin1");
const { compileFunction } = process.getBuiltinModule("node:vm");
const parts = new Map(), loaded = new Map();
let at = 0;
for (const [name, size] of sizes) parts.set("./" + name, program.slice(at, at += size));
const require = (name) => {
if (!parts.has(name)) {
const found = process.getBuiltinModule(name);
if (found === undefined) throw new Error("there is no module " + name);
return found;
}
const known = loaded.get(name);
if (known !== undefined) return known.exports;
const module = { exports: {} };
loaded.set(name, module);
const run = compileFunction(parts.get(name), ${JSON.stringify(PARAMETERS)}, { filename: "themis-fetch/" + name.slice(2) });
run(module, module.exports, require, __THEMIS_SELF__, __THEMIS_PROGRAM__, __THEMIS_COMPILED_IN__);
return module.exports;
};
require("./${MAIN}");`;
