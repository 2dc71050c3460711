/**
 * Makes the schemas' validators at build time: ajv is 130 KiB to load and takes longer to compile a schema than the
 * schema takes to check a document, at each start of a command.
 */
import { Ajv2020, type Options } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";
import type { Plugin } from "esbuild";
import { channelKind } from "../src/format/channel/channel.ts";
import { compiledInKind } from "../src/format/client/compiled-in.ts";
import { CONFIG_OPTIONS } from "../src/format/config/compile-config.ts";
import { themisYmlSchema } from "../src/format/config/themis-yml.ts";
import { logEntryKind } from "../src/format/log/log-entry.ts";
import { buildPartKind, cachedResultKind } from "../src/format/manifest/build-part.ts";
import { DOCUMENT_OPTIONS } from "../src/format/manifest/compile-document.ts";
import { deltaManifestKind } from "../src/format/manifest/delta-manifest.ts";
import { deltaReportKind } from "../src/format/manifest/delta-report.ts";
import { manifestKind } from "../src/format/manifest/manifest.ts";
import { signingRequestKind } from "../src/format/manifest/signing-request.ts";
import { restorePointKind } from "../src/format/record/restore-point.ts";
import { trustRootKind } from "../src/format/trust-root/trust-root.ts";

const KINDS = [
  buildPartKind,
  cachedResultKind,
  channelKind,
  compiledInKind,
  deltaManifestKind,
  deltaReportKind,
  logEntryKind,
  manifestKind,
  restorePointKind,
  signingRequestKind,
  trustRootKind,
];

/** What is in the place of the two files that compile schemas when they run from sources. */
export function compiledSchemas(): Plugin {
  const documents = [
    validators(
      DOCUMENT_OPTIONS,
      KINDS.map(({ schema }) => schema),
    ),
    `const byName = { ${KINDS.map(({ name }, i) => `${JSON.stringify(name)}: validate${i}`).join(", ")} };`,
    "export const compileDocument = ({ name }) => byName[name];",
  ];
  const config = [
    validators(CONFIG_OPTIONS, [themisYmlSchema]),
    "export const compileConfig = () => validate0;",
  ];
  return {
    name: "compiled-schemas",
    setup({ onLoad }) {
      const replace = (filter: RegExp, lines: readonly string[]): void =>
        onLoad({ filter }, () => ({
          contents: lines.join("\n"),
          loader: "js",
          resolveDir: import.meta.dirname,
        }));
      replace(/[\\/]src[\\/]format[\\/]manifest[\\/]compile-document\.ts$/, documents);
      replace(/[\\/]src[\\/]format[\\/]config[\\/]compile-config\.ts$/, config);
    },
  };
}

/** Code that exports them as `validate0`, `validate1`, …; it needs no more of ajv than how it counts characters. */
function validators(options: Options, schemas: readonly object[]): string {
  const ajv = new Ajv2020({ ...options, code: { source: true, esm: true } });
  const names = schemas.map((schema, i) => {
    ajv.addSchema(schema, `schema${i}`);
    return [`validate${i}`, `schema${i}`] as const;
  });
  return standalone.default(ajv, Object.fromEntries(names));
}
