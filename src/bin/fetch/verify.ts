import { existsSync } from "node:fs";
import type { Command } from "commander";
import { MAX_LOG_PROOF_BYTES } from "../../format/log/log-proof.ts";
import { NOTHING_TRUSTED, verifyRelease } from "../../trust/verify-release.ts";
import { prewarmVerification } from "../../trust/verify-thread.ts";
import { logJson, logText } from "../log-words.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";
import { signerLines } from "../signer-lines.ts";
import { type TrustOptions, withoutSource, withTrustOptions } from "../trust-options.ts";
import { type SettingOptions, settled, settledPolicy, withConfig } from "./settings.ts";

type Options = SettingOptions &
  TrustOptions & {
    readonly manifest: string;
    readonly signature: string;
    readonly logProof?: string;
  };

export function verifyCommand({ say }: Tools): Command {
  const made = command("verify", "prove a manifest by its signature; installs nothing", [
    "themis-fetch verify --trust-anchor root.pem --manifest manifest.json --signature manifest.json.p7s",
  ])
    .option("--trust-anchor <file>", "the pinned certificate, PEM")
    .requiredOption("--manifest <file>", "manifest.json")
    .requiredOption("--signature <file>", "manifest.json.p7s")
    .option("--log-proof <file>", "with --log-key: manifest.json.tlog-proof (default: beside the manifest)");
  return withConfig(withTrustOptions(made)).action(async (options: Options) => {
    prewarmVerification();
    const { configuration } = await settled(options, say);
    const now = new Date();
    const policy = withoutSource(await settledPolicy(configuration, options), now);
    const { manifest, report, logged } = await verifyRelease({
      ...policy,
      proofBytes: policy.logKeys && (await readLogProof(options)),
      manifestBytes: await readInput(options.manifest),
      signatureBytes: await readInput(options.signature),
      now,
      trusted: NOTHING_TRUSTED,
      version: "",
    });
    const { product, version, sequence } = manifest;
    say.result(
      {
        schema: "themis-fetch/verify/1",
        product,
        version,
        sequence,
        signers: report.signers,
        ...logJson(logged),
      },
      [
        `${product} ${version} (sequence ${sequence}) is proven`,
        ...signerLines(report.signers),
        ...logText(logged),
      ].join("\n"),
    );
  });
}

/** undefined when nobody named one and none is there. @throws ThemisError FILE_UNREADABLE */
async function readLogProof({ manifest, logProof }: Options): Promise<Uint8Array | undefined> {
  const beside = `${manifest}.tlog-proof`;
  if (logProof === undefined && !existsSync(beside)) return undefined;
  return readInput(logProof ?? beside, MAX_LOG_PROOF_BYTES);
}
