/** A client that is one file knows which one; the stock program, many files of a package, does not. */

/** How the file was started, by the file itself. */
declare const __THEMIS_SELF__: { readonly file: string } | undefined;

/** The file that runs, and what starts one like it. */
export function ownFile(): { readonly file: string; readonly starter: readonly string[] } | undefined {
  if (typeof __THEMIS_SELF__ !== "object") return undefined;
  const { file } = __THEMIS_SELF__;
  return { file, starter: file === process.execPath ? [] : [process.execPath] };
}
