/** What scripts/client-template.ts leaves open in dist/client.mjs; each stands there exactly once. */
export const SLOTS = {
  /** A line of a comment: what this client is. */
  words: "// themis:words",
  /** A literal: canonical JSON as a text of JavaScript. */
  compiledIn: '"themis:compiled-in"',
} as const;

/** How the one function is called, at the end: by a module, or by an executable's script. */
export const STARTS = {
  module: "({main: import.meta.main, file: import.meta.filename});",
  executable: "({main: true, file: process.execPath});",
} as const;
