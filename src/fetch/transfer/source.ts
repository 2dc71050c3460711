/**
 * Where a bundle lies. Only two questions are asked: a whole small document, or a byte range of a pack.
 * Nothing a source says chooses a path, and nothing is longer than what was asked.
 *
 *   SOURCE/manifest.json              a bundle
 *   SOURCE/latest/manifest.json       a release page; SOURCE/<version>/ holds each release
 *   SOURCE/channels/channel-*.json    what is offered to whom, where a publisher says so
 */
import { FetchError } from "../fetch-error.ts";
import type { Wait } from "./retry-after.ts";

export type ByteRange = {
  readonly start: number;
  /** Not included. */
  readonly end: number;
  /** What the signed manifest says the whole asset has; a source that says otherwise holds another one. */
  readonly total: number;
};

export type Asking = {
  readonly signal?: AbortSignal | undefined;
  /** What came before was wrong: caches on the way are passed by. */
  readonly fresh?: boolean;
  /** How often a document is asked for in all, when that may help; default: as often as the source finds right. */
  readonly attempts?: number;
};

export type Document = {
  readonly bytes: Uint8Array;
  /** What the source calls this state of it, for the next time; "" when it does not say. */
  readonly etag: string;
};

export type Source = {
  /** For messages; holds no credentials and no query. */
  readonly name: string;
  /**
   * @param known what it was called when it was read the last time
   * @returns "absent" when the source says that it does not exist, "unchanged" when it is as `known`
   */
  readonly readAll: (
    asset: string,
    maxBytes: number,
    asking?: Asking & { readonly known?: string },
  ) => Promise<Document | "absent" | "unchanged">;
  /**
   * Bytes from the start of the range on. May stop early, never goes on longer.
   * A chunk that is a whole ArrayBuffer belongs to the reader, who gives its memory back.
   */
  readonly readRange: (asset: string, range: ByteRange, asking?: Asking) => AsyncIterable<Uint8Array>;
  /** False once a range was answered with the whole: to ask for parts would bring the whole each time. */
  readonly hasRanges: (asset: string) => boolean;
  readonly at: (folder: string) => Source;
  /** Below it, where a version may lie, in the order in which to look; "" asks for the offered one. */
  readonly foldersOf: (version: string) => readonly string[];
  /** Where a release stays when another one is offered meanwhile; undefined when its place does not say. */
  readonly folderOfTag: (tag: string) => string | undefined;
  /** Where the document of a channel lies. */
  readonly folderOfChannel: (channel: string) => string;
  readonly close: () => Promise<void>;
};

/** A bundle has its manifest right there; a release page below `latest`, or below the version asked for. */
export const PAGE_FOLDERS: Pick<Source, "foldersOf" | "folderOfTag" | "folderOfChannel"> = {
  foldersOf: (version) => (version === "" ? ["", "latest"] : [encodeURIComponent(version), ""]),
  folderOfTag: () => undefined,
  folderOfChannel: () => "channels",
};

/** What somebody named, for a message: quoted, and without a name and a password that may stand in it. */
export function quotedPlace(location: string): string {
  return JSON.stringify(location.replace(/^([a-z][a-z0-9+.-]*:\/*).*@/is, "$1***@"));
}

export function otherAsset(where: string, size: number, total: number): FetchError {
  return new FetchError("ASSET_SIZE", `${where} has ${size} bytes, the manifest says ${total}`, {
    hint: "the source holds another file than was signed, or a login page stands in its place",
  });
}

export function tooLong(asset: string, maxBytes: number): FetchError {
  return new FetchError("ASSET_SIZE", `${asset} is longer than the ${maxBytes} bytes it may have`);
}

export function statusError(
  where: string,
  status: number,
  facts: Readonly<Record<string, unknown>> = {},
  why = "",
): FetchError {
  return new FetchError("SOURCE_STATUS", `${where} answered ${status}${why}`, {
    facts: { status, ...facts },
  });
}

export function isAbsent(error: unknown): error is FetchError {
  return (
    error instanceof FetchError &&
    error.code === "SOURCE_STATUS" &&
    (error.facts.status === 404 || error.facts.status === 410)
  );
}

/** What the server asked for, where it did. */
export function waitFact(error: FetchError): Wait | undefined {
  return error.facts.wait as Wait | undefined;
}

/** A refusal by the server stays one; trouble on its side or on the way may pass. */
export function isWorthRepeating(error: unknown): error is FetchError {
  if (!(error instanceof FetchError)) return false;
  if (error.code === "TRANSFER_INTERRUPTED" || error.code === "SOURCE_UNREACHABLE") return true;
  if (error.code !== "SOURCE_STATUS") return false;
  const status = Number(error.facts.status ?? 0);
  return status >= 500 || status === 429 || status === 408 || waitFact(error)?.kind === "wait";
}
