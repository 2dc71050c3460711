/** Writes schemas/*.schema.json from the types' own schemas; with --check it only compares. */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { documentSchemas } from "../src/format/schemas.ts";

const folder = join(dirname(import.meta.dirname), "schemas");
const check = process.argv.includes("--check");
for (const [name, schema] of Object.entries(documentSchemas)) {
  const file = join(folder, `${name}.schema.json`);
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  if (!check) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) {
    console.error(`schemas: ${file} differs from the code; run: npm run schemas`);
    process.exitCode = 1;
  }
}
