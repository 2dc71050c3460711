/** What make-seeds.ts left: real messages, lists and documents, in base64. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";

export type Seeds = {
  /** What the messages sign. */
  readonly content: string;
  readonly root: string;
  readonly ca: string;
  readonly signer: string;
  readonly lists: { readonly ca: string; readonly root: string; readonly revoking: string };
  /** By what they have in them. */
  readonly messages: Readonly<Record<string, string>>;
  /** By their names in a bundle. */
  readonly documents: Readonly<Record<string, string>>;
  readonly manifestSignature: string;
  /** PEM. */
  readonly manifestRoot: string;
  /** By the hierarchy's signer. */
  readonly channel: { readonly document: string; readonly signature: string };
  /** Version 1, and version 2 with its signature. */
  readonly trustRoots: { readonly first: string; readonly next: string; readonly signature: string };
  /** An authority's root, and its token for the value of a signature. */
  readonly timeStamp: { readonly root: string; readonly token: string; readonly stamped: string };
  /** A public key as text, a proof that 1.0.0 is in the log, and one for 1.1.0 when it had grown. */
  readonly log: { readonly key: string; readonly before: string; readonly proof: string };
};

const vectors = resolve(import.meta.dirname, "../vectors");

export const seeds: Seeds = JSON.parse(readFileSync(resolve(vectors, "fuzz/seeds.json"), "utf8"));

/** When all of them are good. */
export const now = new Date("2027-01-01T00:00:00Z");

export const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));

type Pkits = {
  readonly certificates: Readonly<Record<string, string>>;
  readonly crls: Readonly<Record<string, string>>;
};

/** NIST's suite. */
export function readPkits(): Pkits {
  return JSON.parse(gunzipSync(readFileSync(resolve(vectors, "pkits/data.json.gz"))).toString()) as Pkits;
}
