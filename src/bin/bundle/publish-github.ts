/** `publish --to github:OWNER/REPO`, loaded when it is asked for. */
import { ThemisError } from "../../base/error.ts";
import type { SignedBundle } from "../../publish/prove-bundle.ts";
import { type GitHubPublication, publishToGitHub } from "../../publish/upload/github/publish-to-github.ts";
import type { TrustPolicy } from "../../trust/trust-policy.ts";
import type { Tools } from "../program.ts";
import type { Reporter } from "../reporter.ts";
import { size } from "../units.ts";
import { openGitHubPlace } from "./github-place.ts";
import type { PublishOptions } from "./publish.ts";

export async function publishGitHub(
  prove: () => Promise<SignedBundle>,
  policy: TrustPolicy | undefined,
  options: PublishOptions,
  { say, signal }: Tools,
): Promise<void> {
  const isPublished = readYes(options.publish);
  let sent = (_asset: string, _bytes: number): void => {};
  // The token first: without one nothing has to be read.
  const tools = await openGitHubPlace(options, { say, signal }, (asset, bytes) => sent(asset, bytes));
  const bundle = await prove();
  sent = uploadProgress(bundle, say);
  const { version } = bundle.manifest;
  const published = await publishToGitHub(
    { bundle, policy, isPublished, isPrerelease: options.prerelease, now: new Date() },
    tools,
  );
  say.result(
    { schema: "themis-bundle/publish-github/1", version, ...published },
    publishedText(version, published),
  );
}

/** YAML 1.2's booleans, as a workflow writes them. @throws ThemisError USAGE */
function readYes(publish: boolean | string): boolean {
  if (typeof publish === "boolean") return publish;
  if (/^(true|false)$/.test(publish)) return publish === "true";
  throw new ThemisError("USAGE", "usage", `--publish takes true or false, not ${JSON.stringify(publish)}`);
}

function uploadProgress({ manifest }: SignedBundle, say: Reporter): (asset: string, bytes: number) => void {
  const files = [...manifest.packs, ...manifest.delta_manifests];
  const totalBytes = files.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const seen = new Set<string>();
  let doneBytes = 0;
  return (asset, bytes) => {
    seen.add(asset);
    doneBytes = Math.min(totalBytes, doneBytes + bytes);
    const total = files.length + 2;
    say.progress({ label: "uploading", done: seen.size, total, doneBytes, totalBytes });
  };
}

function publishedText(
  version: string,
  { state, changed, location, assets, removed, latest, isImmutable }: GitHubPublication,
): string {
  const total = size(assets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const older = latest === "" ? "" : `; latest stays at ${latest}, which has a higher sequence`;
  const mended = removed.length > 0 ? `; removed what was wrong: ${removed.join(", ")}` : "";
  const what = `${assets.length} assets, ${total}, every digest as GitHub has it`;
  if (state === "draft") return `a complete draft of ${version} is at ${location}: ${what}${mended}`;
  if (!changed) return `${version} is already published at ${location}; nothing to do`;
  return `published ${version} at ${location}${isImmutable ? ", for ever" : ""}: ${what}${mended}${older}`;
}
