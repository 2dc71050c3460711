/**
 * One file that believes one anchor: the template of dist/ with its slots filled.
 *
 *   #!/usr/bin/env node
 *   // themis-fetch 0.1.0 for "app", made by themis-bundle client; source "https://example.org/app"
 *   // anchor 5f…  (SHA-256 of the certificate; one line for each)
 *   // sha256 9a… of everything below this line
 *   (function themisClient…
 *
 * The same version of themis-bundle makes the same bytes from the same anchors and words, on every machine. Of
 * certificates only digests are written as words: a name in one may hold a line break, and what follows that would
 * be code.
 */
import { sha256 } from "../../base/digest.ts";
import { type CompiledIn, encodeCompiledIn } from "../../format/client/compiled-in.ts";
import { PublishError } from "../publish-error.ts";
import { SLOTS, STARTS } from "./template.ts";

/** A device's whole client; what a page or a mail takes without thinking. */
export const MAX_CLIENT_BYTES = 1_000_000;

/** @param template dist/client.mjs @param version of themis-bundle @throws PublishError; DocumentError */
export function makeClient(template: string, version: string, compiledIn: CompiledIn): Uint8Array {
  const literal = asciiLiteral(Buffer.from(encodeCompiledIn(compiledIn)).toString("utf8"));
  const [top, rest] = apart(template, SLOTS.words);
  const [before, behind] = apart(rest, SLOTS.compiledIn);
  const below = `${before.replace(/^\n/, "")}${literal}${behind}`;
  const words = [
    `// themis-fetch ${version} for ${asciiLiteral(compiledIn.product)}, made by themis-bundle client; source ${asciiLiteral(compiledIn.source)}`,
    ...compiledIn.anchors.map((der) => `// anchor ${sha256(Buffer.from(der, "base64"))}`),
    `// sha256 ${sha256(Buffer.from(below))} of everything below this line`,
  ];
  const bytes = Buffer.from(`${top}${words.join("\n")}\n${below}`);
  if (bytes.length < MAX_CLIENT_BYTES) return bytes;
  throw new PublishError(
    "CLIENT_TOO_LARGE",
    `the client has ${bytes.length} bytes, ${MAX_CLIENT_BYTES} is the bound`,
  );
}

/** The same as a script for an executable: without the line for a shell, and called as no module is. */
export function asScript(client: Uint8Array): Uint8Array {
  const text = Buffer.from(client).toString("latin1");
  const [program] = apart(text, STARTS.module);
  return Buffer.from(`${program.slice(program.indexOf("\n") + 1)}${STARTS.executable}\n`, "latin1");
}

/** Around a mark that must be there once: two would be two programs, and no two readers would agree. */
function apart(text: string, mark: string): [string, string] {
  const parts = text.split(mark);
  if (parts.length === 2) return parts as [string, string];
  throw new PublishError(
    "CLIENT_TEMPLATE",
    `the template of the client has ${parts.length - 1} places for ${mark}`,
    {
      hint: "install themis-bundle again, or build it: npm run build",
    },
  );
}

/**
 * A literal of JavaScript that is nothing else anywhere: no quote, no end of a comment or of a <script>, no
 * character beyond ASCII (U+2028 ends a line in some readers).
 */
function asciiLiteral(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]|[<>&/]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
