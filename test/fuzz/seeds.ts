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
