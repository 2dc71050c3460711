/** Every document that a bundle holds, and the device's configuration, as JSON Schema 2020-12; scripts/schemas.ts writes them to schemas/. */
import { compiledInSchema } from "./client/compiled-in.ts";
import { themisYmlSchema } from "./config/themis-yml.ts";
import { deltaManifestSchema } from "./manifest/delta-manifest.ts";
import { deltaReportSchema } from "./manifest/delta-report.ts";
import { manifestSchema } from "./manifest/manifest.ts";

const DIALECT = "https://json-schema.org/draft/2020-12/schema";

export const documentSchemas: Readonly<Record<string, object>> = {
  manifest: { $schema: DIALECT, title: "themis-bundle manifest", ...manifestSchema },
  "delta-manifest": { $schema: DIALECT, title: "themis-bundle delta manifest", ...deltaManifestSchema },
  "delta-report": { $schema: DIALECT, title: "themis-bundle delta report", ...deltaReportSchema },
  client: { $schema: DIALECT, title: "themis-fetch client configuration", ...compiledInSchema },
  "themis-yml": {
    $schema: DIALECT,
    ...themisYmlSchema,
    title: "themis.yml, the configuration of themis-fetch",
  },
};
