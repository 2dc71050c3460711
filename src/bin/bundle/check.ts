import { resolve } from "node:path";
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { fileLayer } from "../../fetch/config/config-file.ts";
import { assetNames, checkPacks, type OpenBundle, openBundle } from "../../publish/bundle.ts";
import { lookAtCertificates, lookAtManifest, lookAtSignature } from "../../publish/doctor.ts";
import { ask, type Finding, good } from "../../publish/finding.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";
import { sayFindings } from "./findings.ts";

type Options = { readonly config?: string; readonly certificates?: string; readonly trustAnchor?: string };

export function checkCommand({ say, signal }: Tools): Command {
  return command(
    "check",
    "look at what a release is made with, and at a bundle; writes nothing, asks nobody",
    [
      "themis-bundle check bundle --trust-anchor pki/root.pem",
      "themis-bundle check --certificates pki/signer.pem --config themis.yml",
    ],
  )
    .argument("[bundle]", "is it whole, signed, and for how long will devices take it")
    .option("--config <file>", "a themis.yml for devices (default: themis.yml, where it is there)")
    .option("--certificates <file>", "do they sign, and for how long")
    .option("--trust-anchor <file>", "what devices pin: do signature and certificates end there")
    .action(async (folder: string | undefined, options: Options) => {
      const findings = [
        ...(await askConfig(options)),
        ...(await askCertificates(options)),
        ...(folder === undefined ? [] : await askBundle(folder, options, signal)),
      ];
      if (findings.length === 0)
        throw new ThemisError("USAGE", "usage", "there is nothing to check", {
          hint: "name a bundle, --certificates or --config; no themis.yml is here",
        });
      sayFindings(say, "themis-bundle/check/1", findings);
    });
}

async function askConfig({ config }: Options): Promise<Finding[]> {
  let isThere = true;
  const finding = await ask("themis.yml", async () => {
    isThere = (await fileLayer(config, {})) !== undefined;
    return good(`${resolve(config ?? "themis.yml")} is as devices read it`);
  });
  return isThere ? [finding] : [];
}

async function askCertificates({ certificates, trustAnchor }: Options): Promise<Finding[]> {
  if (certificates === undefined) return [];
  const text = async (path: string): Promise<string> => (await readInput(path)).toString("latin1");
  const finding = await ask("certificates", async () => {
    const anchorsPem = trustAnchor === undefined ? undefined : await text(trustAnchor);
    return lookAtCertificates(await text(certificates), anchorsPem, new Date());
  });
  return [finding];
}

async function askBundle(
  folder: string,
  { trustAnchor }: Options,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const now = new Date();
  const opened: OpenBundle[] = [];
  const whole = await ask("bundle", async () => {
    const bundle = await openBundle(folder);
    await checkPacks(bundle, signal);
    opened.push(bundle);
    const { product, version } = bundle.manifest;
    return good(
      `${product} ${version}, ${assetNames(bundle.manifest).length} assets, every byte as its manifest says`,
    );
  });
  const [bundle] = opened;
  if (bundle === undefined) return [whole];
  return [
    whole,
    await ask("manifest", () => lookAtManifest(bundle, now)),
    await ask("signature", async () =>
      lookAtSignature(bundle, trustAnchor === undefined ? [] : await loadTrustAnchors(trustAnchor), now),
    ),
  ];
}
