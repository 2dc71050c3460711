/** What `sign` and `timestamp` are told of time-stamp authorities, and what they make of it. */
import { type Command, InvalidArgumentError } from "commander";
import { ThemisError } from "../../base/error.ts";
import { isOid } from "../../format/cms/encode-der.ts";
import { type Stamped, stampSignature } from "../../publish/sign/stamp-signature.ts";
import { repeated } from "../program.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";

export type StampOptions = {
  readonly timestamp: readonly string[];
  readonly timestampPolicy?: string;
  readonly timestampAnchor: readonly string[];
};

export function withStampOptions(made: Command): Command {
  return made
    .option(
      "--timestamp <url>",
      "an authority that says when this was signed (RFC 3161); repeat for others, asked when it fails",
      repeatedUrl,
      [],
    )
    .option("--timestamp-policy <oid>", "the rules it should stamp by", parseOid)
    .option(
      "--timestamp-anchor <file>",
      "also prove the time-stamp as devices do that pin this certificate; repeat for more",
      repeated,
      [],
    );
}

/** A time-stamp is of a signature, and there is none yet. @throws ThemisError USAGE */
export function refuseStampOptions({ timestamp, timestampPolicy, timestampAnchor }: StampOptions): void {
  if (timestamp.length === 0 && timestampPolicy === undefined && timestampAnchor.length === 0) return;
  throw new ThemisError("USAGE", "usage", "--timestamp is for a signature, and --digest-only makes none", {
    hint: "give it with --attach",
  });
}

/** The signature as it is when no authority is named. @throws SignError TIMESTAMP_NOT_GIVEN, SIGNATURE_FULL; TrustError ANCHOR_MALFORMED */
export async function stamped(
  signature: Uint8Array,
  options: StampOptions,
  signal: AbortSignal,
): Promise<Stamped> {
  if (options.timestamp.length === 0) return { signature, stamps: [] };
  const anchors = (await Promise.all(options.timestampAnchor.map(loadTrustAnchors))).flat();
  const request = {
    ...{ signature, signal, policy: options.timestampPolicy },
    authorities: options.timestamp.map((url) => new URL(url)),
    anchors: anchors.length > 0 ? anchors : undefined,
  };
  return stampSignature(request, { now: () => new Date() });
}

export function stampLines({ stamps }: Stamped): readonly string[] {
  return stamps.map(({ authority, time }) => `time-stamped by ${authority} at ${time.toISOString()}`);
}

function repeatedUrl(text: string, before: readonly string[]): readonly string[] {
  const protocol = URL.parse(text)?.protocol;
  if (protocol !== "http:" && protocol !== "https:")
    throw new InvalidArgumentError("it takes an http: or https: address");
  return repeated(text, before);
}

function parseOid(text: string): string {
  if (!isOid(text)) throw new InvalidArgumentError("it takes an object identifier, as 1.3.6.1.4.1.13762.3");
  return text;
}
