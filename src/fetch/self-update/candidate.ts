/**
 * May this file take the place of the client that runs? It is asked: it must start, and say that it is a client of
 * the same product, not older, and believe at least one anchor that the running one believes.
 *
 * It is signed, so this is no question of trust: a publisher who wants to can ship any program. It keeps a fleet from
 * a file that does not start there, and from one that was made for another product or with another root by mistake.
 * Anchors are exchanged in two steps: a client with the old and the new, then one with the new.
 */
import { runCommand } from "../../base/command.ts";
import { compareVersions, parseVersion } from "../../base/version.ts";
import { plainEnvironment } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";

/** What `themis-fetch about --json` says, as far as it counts here. */
export type ClientAbout = {
  readonly version: string;
  readonly product: string;
  readonly clientProduct: string;
  /** SHA-256 of the certificates. */
  readonly anchors: readonly string[];
};

/** A cold start on a slow disk takes a second. */
const START_MS = 60_000;

/** @param command starts it: a file, or Node and a file @throws FetchError CLIENT_UNFIT; the signal's reason */
export async function demandFit(
  command: readonly string[],
  running: ClientAbout,
  signal?: AbortSignal,
): Promise<ClientAbout> {
  const end = await runCommand({
    argv: [...command, "about", "--json"],
    environment: plainEnvironment(),
    timeoutMs: START_MS,
    signal,
  });
  if (end.kind !== "exited" || end.status !== 0)
    throw unfit(`does not start (${end.kind === "exited" ? `exit ${end.status}` : end.kind})`, end.output);
  const about = readAbout(end.output);
  if (!about) throw unfit("does not say what it is", end.output);
  if (about.product !== running.product || about.clientProduct !== running.clientProduct)
    throw unfit(`is one of ${about.product}, and this one is of ${running.product}`);
  if (!about.anchors.some((anchor) => running.anchors.includes(anchor)))
    throw unfit("believes none of the anchors that this one believes");
  if (isOlder(about.version, running.version))
    throw unfit(`is ${about.version}, and this one is ${running.version} already`);
  return about;
}

/** What is no version is not compared. */
function isOlder(version: string, than: string): boolean {
  const [one, other] = [parseVersion(version), parseVersion(than)];
  return one !== undefined && other !== undefined && compareVersions(one, other) < 0;
}

function readAbout(output: string): ClientAbout | undefined {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    return undefined;
  }
  const { schema, version, product, clientProduct, anchors } = (value ?? {}) as Record<string, unknown>;
  const texts = [version, product, clientProduct];
  if (schema !== "themis-fetch/about/1" || !texts.every((text) => typeof text === "string")) return undefined;
  if (!Array.isArray(anchors)) return undefined;
  const fingerprints = anchors.map(
    (anchor: unknown) => (anchor as { fingerprintSha256?: unknown })?.fingerprintSha256,
  );
  if (!fingerprints.every((text) => typeof text === "string")) return undefined;
  return { version, product, clientProduct, anchors: fingerprints } as ClientAbout;
}

function unfit(what: string, output = ""): FetchError {
  return new FetchError("CLIENT_UNFIT", `the new client ${what}; the one before stays`, {
    facts: { output: output.slice(-500) },
    hint: "the publisher must release a client that starts here, is of the same product and shares an anchor",
  });
}
