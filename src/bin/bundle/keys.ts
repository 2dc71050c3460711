import type { Command } from "commander";
import { parsePkcs11Uri } from "../../publish/sign/pkcs11-uri.ts";
import { command, type Tools } from "../program.ts";
import { table } from "../units.ts";
import { secretSources } from "./secrets.ts";

export function keysCommand({ say }: Tools): Command {
  const keys = command("keys", "look into a PKCS#11 token");
  keys.addCommand(
    command("list", "list tokens and keys; private keys only with a PIN", [
      "themis-bundle keys list 'pkcs11:?module-path=/usr/lib/softhsm/libsofthsm2.so'",
    ])
      .argument("<uri>", "a pkcs11: URI with module-path (RFC 7512)")
      .option("--pin-file <file>", "the token's PIN; or pin-source in the URI, or THEMIS_PIN")
      .action(async (uri: string, options: { pinFile?: string }) => {
        const { listKeys } = await import("../../publish/sign/token.ts");
        const tokens = await listKeys(parsePkcs11Uri(uri), secretSources(options));
        const rows = tokens.flatMap(({ token, loggedIn, keys: found }) =>
          found.length === 0
            ? [[token, loggedIn ? "empty" : "no PIN given", "", "", ""]]
            : found.map((key) => [token, key.kind, key.label, key.id, key.type]),
        );
        say.result(
          { schema: "themis-bundle/keys/1", tokens },
          table(["token", "kind", "label", "id", "type"], rows),
        );
      }),
  );
  return keys;
}
