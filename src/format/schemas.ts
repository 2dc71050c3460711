/** Every document that a bundle holds, and the device's configuration, as JSON Schema 2020-12; scripts/schemas.ts writes them to schemas/. */
import { channelSchema } from "./channel/channel.ts";
import { compiledInSchema } from "./client/compiled-in.ts";
import { themisYmlSchema } from "./config/themis-yml.ts";
import { logEntrySchema } from "./log/log-entry.ts";
import { buildPartSchema } from "./manifest/build-part.ts";
import { deltaManifestSchema } from "./manifest/delta-manifest.ts";
import { deltaReportSchema } from "./manifest/delta-report.ts";
import { manifestSchema } from "./manifest/manifest.ts";
import { signingRequestSchema } from "./manifest/signing-request.ts";
import { trustRootSchema } from "./trust-root/trust-root.ts";

const DIALECT = "https://json-schema.org/draft/2020-12/schema";

export const documentSchemas: Readonly<Record<string, object>> = {
  manifest: { $schema: DIALECT, title: "themis-bundle manifest", ...manifestSchema },
  "delta-manifest": { $schema: DIALECT, title: "themis-bundle delta manifest", ...deltaManifestSchema },
  "delta-report": { $schema: DIALECT, title: "themis-bundle delta report", ...deltaReportSchema },
  "trust-root": { $schema: DIALECT, title: "themis-bundle trust root", ...trustRootSchema },
  channel: { $schema: DIALECT, title: "themis-bundle channel document", ...channelSchema },
  "log-entry": { $schema: DIALECT, title: "themis-bundle log entry", ...logEntrySchema },
  client: { $schema: DIALECT, title: "themis-fetch client configuration", ...compiledInSchema },
  "build-part": { $schema: DIALECT, title: "themis-bundle part of a build", ...buildPartSchema },
  "signing-request": { $schema: DIALECT, title: "themis-bundle signing request", ...signingRequestSchema },
  "themis-yml": {
    $schema: DIALECT,
    ...themisYmlSchema,
    title: "themis.yml, the configuration of themis-fetch",
  },
};
