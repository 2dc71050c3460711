import type { Command } from "commander";
import { openBundle } from "../../publish/bundle.ts";
import { command, type Tools } from "../program.ts";
import { saved, size, table } from "../units.ts";

export function inspectCommand({ say }: Tools): Command {
  return command("inspect", "show what a bundle holds; believes nothing and proves nothing", [
    "themis-bundle inspect bundle",
  ])
    .argument("<bundle>", "a bundle, signed or not")
    .action(async (folder: string) => {
      const { manifest, deltaManifests, signature } = await openBundle(folder);
      const targets = manifest.files.map((file) => [
        file.path,
        file.type,
        size(file.size_bytes),
        size(file.blob.length),
        file.blob.encoding,
        file.permissions,
      ]);
      const whole = new Map(manifest.files.map(({ path, blob }) => [path, blob.length]));
      const deltas = deltaManifests.flatMap(({ from_version, deltas: list }) =>
        list.map(({ path, algorithm, patch_size }) => [
          path,
          from_version,
          algorithm,
          size(patch_size),
          saved(patch_size, whole.get(path) ?? 0),
        ]),
      );
      const facts = [
        `${manifest.product} ${manifest.version}, channel ${manifest.channel}, sequence ${manifest.sequence}`,
        `expires ${manifest.expires || "never"}; ${signature ? "signed (themis-bundle verify proves it)" : "not signed"}`,
      ];
      const text = [
        ...facts,
        "",
        table(["file", "type", "size", "stored", "encoding", "mode"], targets, [2, 3]),
      ];
      if (deltas.length > 0)
        text.push("", table(["delta for", "from", "algorithm", "patch", "saved"], deltas, [3, 4]));
      say.result(
        { schema: "themis-bundle/inspect/1", signed: signature !== undefined, manifest, deltaManifests },
        text.join("\n"),
      );
    });
}
