import { join } from "node:path";
import type { Command } from "commander";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { ThemisError } from "../../base/error.ts";
import { openBundle } from "../../publish/bundle.ts";
import { PublishError } from "../../publish/publish-error.ts";
import { attachCrls } from "../../publish/sign/attach-crls.ts";
import { checkSignedContent, verifySignature } from "../../trust/verify-signature.ts";
import { command, type Tools } from "../program.ts";
import { loadTrustAnchors } from "../trust-anchors.ts";
import { type CrlOptions, loadCrls, withCrlOptions } from "../trust-options.ts";

export function crlCommand({ say }: Tools): Command {
  const crl = command("crl", "revocation lists that travel with a bundle");
  crl.addCommand(
    withCrlOptions(
      command("attach", "put revocation lists into a bundle's signature, which stays as it is", [
        "themis-bundle crl attach bundle --crl root.crl --crl ca.crl --trust-anchor pki/root.pem --require-crl",
      ])
        .argument("<bundle>", "a signed bundle that is not published yet")
        .option("--trust-anchor <file>", "also prove the result as devices do that pin this certificate"),
    ).action(async (folder: string, options: CrlOptions & { trustAnchor?: string }) => {
      if (options.crl.length === 0) throw new ThemisError("USAGE", "usage", "--crl names no revocation list");
      const { crls, requireCrl } = await loadCrls(options);
      const anchors = options.trustAnchor && (await loadTrustAnchors(options.trustAnchor));
      const { signature: before, manifestBytes: content } = await openBundle(folder);
      if (before === undefined) {
        throw new PublishError("BUNDLE_INCOMPLETE", `the bundle ${folder} is not signed`, {
          hint: `themis-bundle sign ${folder} --key KEY --certificates CHAIN.pem`,
        });
      }
      const now = new Date();
      const { signature, crls: attached } = attachCrls(before, crls);
      checkSignedContent({ content, signature, now });
      if (anchors) verifySignature({ content, signature, anchors, now, requireCrl });
      await writeFileAtomically(join(folder, "manifest.json.p7s"), signature);
      for (const { issuer, nextUpdate } of attached) {
        if (nextUpdate !== undefined && nextUpdate >= now) continue;
        say.warn(`the revocation list of ${issuer.text} is not good any more: it can revoke, not vouch`);
      }
      const lists = attached.map(({ issuer, thisUpdate, nextUpdate, number, baseNumber }) => ({
        issuer: issuer.text,
        number: number?.toString() ?? "",
        delta: baseNumber !== undefined,
        thisUpdate,
        nextUpdate: nextUpdate?.toISOString() ?? "",
      }));
      say.result(
        { schema: "themis-bundle/crl-attach/1", crls: lists, signatureBytes: signature.length },
        [
          `${lists.length} revocation lists are in the signature (${signature.length} bytes)`,
          ...lists.map(({ issuer, nextUpdate }) => `${issuer}, good until ${nextUpdate || "no stated time"}`),
        ].join("\n"),
      );
    }),
  );
  return crl;
}
