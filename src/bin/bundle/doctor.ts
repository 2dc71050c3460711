import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import {
  lookAtCertificates,
  lookAtClock,
  lookAtDisk,
  lookAtGitHub,
  lookAtKey,
} from "../../publish/doctor.ts";
import { ask, type Finding, poor } from "../../publish/finding.ts";
import { openSigner } from "../../publish/sign/sign.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";
import { sayFindings } from "./findings.ts";
import { secretSources } from "./secrets.ts";

type Options = {
  readonly to?: string;
  readonly tokenFile?: string;
  readonly key?: string;
  readonly pinFile?: string;
  readonly passphraseFile?: string;
  readonly certificates?: string;
  readonly trustAnchor?: string;
  readonly disk: string;
};

export function doctorCommand(tools: Tools): Command {
  return command("doctor", "ask this machine whether a release could be made and published from it", [
    "GH_TOKEN=... themis-bundle doctor --to github:acme/app",
    "themis-bundle doctor --certificates chain.pem --key 'pkcs11:token=release;object=signer?module-path=/usr/lib/hsm.so'",
  ])
    .option("--to <page>", "github:OWNER/REPO: the network, the API, the token's rights, the clock")
    .option("--token-file <file>", "of GitHub: a token, one line (default: GH_TOKEN or GITHUB_TOKEN)")
    .option("--key <key>", "open it, and sign nothing: a PKCS#8 PEM file, or a pkcs11: URI")
    .option("--passphrase-file <file>", "for an encrypted key; or THEMIS_KEY_PASSPHRASE")
    .option("--pin-file <file>", "for a token; or pin-source in the URI, THEMIS_PIN, a prompt; tried once")
    .option("--certificates <file>", "whether they sign, for how long, and are the key's")
    .option("--trust-anchor <file>", "what devices pin, and whether the certificates end there")
    .option("--disk <folder>", "where bundles are built", ".")
    .action(async (options: Options) => {
      if (options.to !== undefined && !/^github:/i.test(options.to))
        throw new ThemisError("USAGE", "usage", "--to is for github:OWNER/REPO; a folder needs no doctor");
      sayFindings(tools.say, "themis-bundle/doctor/1", await examine(options, tools));
    });
}

async function examine(options: Options, tools: Tools): Promise<Finding[]> {
  const { key, certificates, to } = options;
  const text = async (path: string): Promise<string> => (await readInput(path)).toString("latin1");
  const findings = [await ask("disk", () => lookAtDisk(options.disk))];
  if (certificates !== undefined) {
    const look = async () => {
      const anchorsPem = options.trustAnchor === undefined ? undefined : await text(options.trustAnchor);
      return lookAtCertificates(await text(certificates), anchorsPem, new Date());
    };
    findings.push(await ask("certificates", look));
  }
  if (key !== undefined) {
    const look = async () => {
      const certificatesPem = certificates === undefined ? undefined : await text(certificates);
      const signer = await openSigner({ key, secrets: secretSources(options), certificatesPem });
      try {
        return lookAtKey(signer, certificatesPem);
      } finally {
        await signer.close();
      }
    };
    findings.push(await ask(key.startsWith("pkcs11:") ? "token" : "key", look));
  }
  if (to !== undefined) findings.push(...(await askGitHub({ ...options, to }, tools)));
  return findings;
}

/** The clock by the answer of the same server, because nobody else is asked. */
async function askGitHub(options: Options & { readonly to: string }, tools: Tools): Promise<Finding[]> {
  let date: string | undefined;
  const github = await ask("GitHub", async () => {
    const { openGitHubPlace } = await import("./github-place.ts");
    const { api } = await openGitHubPlace(options, tools, () => {});
    const found = await api.find("GET ");
    if (found !== "absent") date = found.headers.date === undefined ? undefined : String(found.headers.date);
    return lookAtGitHub(api);
  });
  const clock = await ask("clock", () =>
    date === undefined ? poor("no server said what time it is", "look at it") : lookAtClock(date, new Date()),
  );
  return [github, clock];
}
