import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { checkOutput, isSameFile, writeFileAtomically } from "../../base/atomic-file.ts";
import { sha256 } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import { describeClient, doubtsAbout } from "../../publish/client/describe-client.ts";
import { asScript, makeClient } from "../../publish/client/make-client.ts";
import { makeExecutable } from "../../publish/client/make-executable.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { MAX_THRESHOLD } from "../../trust/threshold.ts";
import { command, type Tools, wholeNumber } from "../program.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";
import { size } from "../units.ts";
import { version } from "../version.ts";

type Options = {
  readonly trustAnchor: string;
  readonly product: string;
  readonly source: string;
  readonly channel: string;
  readonly threshold: number;
  readonly clientSource: string;
  readonly clientProduct?: string;
  readonly sea?: boolean;
  readonly node?: string;
  readonly out: string;
};

export function clientCommand({ say }: Tools): Command {
  return command("client", "make themis-fetch for one product: one file with its trust anchor in it", [
    "themis-bundle client --trust-anchor pki/root.pem --product app --source https://example.org/app --out themis-fetch.mjs",
    "node themis-fetch.mjs update --root /opt/app",
  ])
    .requiredOption("--trust-anchor <file>", "what it believes, PEM with one or more certificates")
    .requiredOption("--product <name>", "the only product whose releases it installs")
    .requiredOption(
      "--source <place>",
      "where it looks, unless told otherwise: an http(s) URL, github:OWNER/REPO, a folder",
    )
    .option("--channel <name>", "the only channel that it follows (default: any)", "")
    .option(
      "--threshold <n>",
      "so many distinct signers must have signed",
      wholeNumber("--threshold", 1, MAX_THRESHOLD),
      1,
    )
    .option("--client-source <place>", "where newer clients lie, for its self-update", "")
    .option("--client-product <name>", "the product that those are releases of (default: NAME-client)")
    .option("--sea", "with its Node in one executable, for Linux on this machine's processor")
    .option(
      "--node <file>",
      "with --sea: the Node that goes into it, of the version that runs (default: the one that runs)",
    )
    .requiredOption("--out <file>", "the file to make; one that is there is replaced at the end")
    .action(async (options: Options) => {
      const { trustAnchor, out } = options;
      const anchors = await loadTrustAnchors(trustAnchor);
      checkOutput(out);
      if (isSameFile(out, trustAnchor))
        throw new ThemisError(
          "OUTPUT_INVALID",
          "usage",
          `--out ${out} is the trust anchor; nothing was written`,
        );
      const { sea: isExecutable = false, node = process.execPath } = options;
      if (options.node !== undefined && !isExecutable)
        throw new ThemisError("USAGE", "usage", "--node is for --sea, which is not given");
      if (options.node !== undefined && isSameFile(out, node))
        throw new ThemisError("OUTPUT_INVALID", "usage", `--out ${out} is the Node; nothing was written`);
      const described = describeClient({ ...options, isExecutable, anchors });
      const client = makeClient(template(), version(), described);
      const bytes = isExecutable ? makeExecutable(asScript(client), node) : client;
      for (const doubt of doubtsAbout(anchors, new Date())) say.warn(doubt);
      await write(out, bytes);
      const { product, source } = described;
      const fingerprints = anchors.map(({ fingerprintSha256 }) => fingerprintSha256);
      say.result(
        {
          schema: "themis-bundle/client/1",
          out,
          product,
          source,
          anchors: fingerprints,
          sizeBytes: bytes.length,
          sha256: sha256(bytes),
        },
        [
          `${out}: themis-fetch for ${product}, ${size(bytes.length)}`,
          ...anchors.map(({ subject, fingerprintSha256 }) => `believes ${subject} (${fingerprintSha256})`),
          `sha256 ${sha256(bytes)}`,
        ].join("\n"),
      );
    });
}

/** @throws PublishError CLIENT_TEMPLATE */
function template(): string {
  const place = import.meta.url.endsWith(".ts") ? "../../../dist/client.mjs" : "./client.mjs";
  try {
    return readFileSync(new URL(place, import.meta.url), "utf8");
  } catch (cause) {
    throw new PublishError("CLIENT_TEMPLATE", "the template of the client is not there", {
      cause,
      hint: "install themis-bundle again, or build it: npm run build",
    });
  }
}

/** @throws PublishError OUTPUT_FAILED */
async function write(out: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFileAtomically(out, bytes, { mode: 0o755 });
  } catch (cause) {
    if (cause instanceof ThemisError) throw cause;
    throw new PublishError("OUTPUT_FAILED", `${out} cannot be written`, { cause });
  }
}
