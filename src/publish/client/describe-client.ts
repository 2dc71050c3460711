/** From the words of a command line to what is compiled into a client, and what is strange about it. */
import type { CompiledIn } from "../../format/client/compiled-in.ts";
import { PRODUCT } from "../../format/manifest/manifest.ts";
import type { TrustAnchor } from "../../trust/anchor.ts";
import { PublishError } from "../publish-error.ts";

export type ClientWords = {
  readonly anchors: readonly TrustAnchor[];
  readonly product: string;
  readonly source: string;
  /** "" for any. */
  readonly channel: string;
  readonly threshold: number;
  /** Where newer clients lie; "" for nowhere. */
  readonly clientSource: string;
  /** With its Node in one executable, for this machine. */
  readonly isExecutable: boolean;
  /** Default: PRODUCT-client, for an executable PRODUCT-client-linux-x64. */
  readonly clientProduct?: string | undefined;
};

/** @throws PublishError CLIENT_INVALID */
export function describeClient(words: ClientWords): CompiledIn {
  const { anchors, product, source, channel, clientSource } = words;
  const machine = words.isExecutable ? `-${process.platform}-${process.arch}` : "";
  const clientProduct = words.clientProduct ?? `${product}-client${machine}`;
  demandName("--product", product);
  demandName("--client-product", clientProduct);
  if (channel !== "") demandName("--channel", channel);
  demandPlace("--source", source);
  if (clientSource !== "") demandPlace("--client-source", clientSource);
  if (clientProduct === product)
    throw invalid(`--client-product is ${product} too, and a client is no release of its product`);
  if (anchors.length > 16)
    throw invalid(`--trust-anchor brings ${anchors.length} certificates, at most 16 fit`);
  return {
    schema_version: 1,
    product,
    source,
    channel,
    threshold: words.threshold,
    anchors: anchors.map(({ certificate }) => Buffer.from(certificate.der).toString("base64")),
    client_product: clientProduct,
    client_source: clientSource,
    client_path: words.isExecutable ? "themis-fetch" : "themis-fetch.mjs",
  };
}

const MONTH_MS = 30 * 24 * 3600 * 1000;

/** What a person should know before many devices have it: an anchor cannot be changed there. */
export function doubtsAbout(anchors: readonly TrustAnchor[], now: Date): string[] {
  return anchors.flatMap(({ certificate: { notBefore, notAfter }, subject }) => {
    const until = notAfter.toISOString();
    if (notAfter < now)
      return [`the anchor ${subject} expired on ${until}: this client will believe nothing by it`];
    if (notBefore > now) return [`the anchor ${subject} is not valid before ${notBefore.toISOString()}`];
    const soon = notAfter.getTime() - now.getTime() < 12 * MONTH_MS;
    return soon
      ? [`the anchor ${subject} expires on ${until}; clients that have it then believe nothing by it`]
      : [];
  });
}

function demandName(option: string, name: string): void {
  if (!new RegExp(PRODUCT).test(name))
    throw invalid(
      `${option} takes a name of letters, digits, ".", "_" and "-", not ${JSON.stringify(name.slice(0, 80))}`,
    );
}

/** Everybody who has the client can read it, and it runs in any folder. */
function demandPlace(option: string, place: string): void {
  if (place.length > 2048 || /[\x00-\x1f\x7f]/.test(place))
    throw invalid(`${option} is too long, or has control characters`);
  if (/^https?:\/\//i.test(place)) {
    if (!URL.canParse(place)) throw invalid(`${option} is not a URL`);
    const { username, password } = new URL(place);
    if (username !== "" || password !== "")
      throw invalid(`${option} has a password in it, and whoever has the client could read it`);
    return;
  }
  if (/^github:[^/\s]+\/[^/\s]+$/.test(place) || place.startsWith("/") || /^file:\/\/\//.test(place)) return;
  throw invalid(
    `${option} takes an http(s) URL, github:OWNER/REPO or a folder's whole path, not ${JSON.stringify(place.slice(0, 80))}`,
  );
}

function invalid(message: string): PublishError {
  return new PublishError("CLIENT_INVALID", message);
}
