/** A client with an anchor in it, in a root where another client has remembered a trust root. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trustRootName } from "../../../src/format/trust-root/trust-root.ts";
import { clientSays, makeClientFile } from "../../kit/client.ts";
import type { Identity } from "../../kit/pki.ts";
import { hasTool } from "../../kit/tools.ts";
import { type Party, signedBy, TrustRoots, trustRoot } from "../../kit/trust-roots.ts";
import { makeWorld, ok, snapshot, type World } from "../../kit/world.ts";

describe.skipIf(!hasTool("openssl"))("a client with an anchor in it", () => {
  const made = new TrustRoots();
  let world: World;
  let client: string;
  /** Whose signer signed the releases of the world, and whose anchor is in the client. */
  let ci: Party;
  let other: Party;
  beforeAll(async () => {
    world = await makeWorld();
    mkdirSync(world.at("alone"));
    client = await makeClientFile(world.at("alone/themis-fetch.mjs"), {
      anchor: world.anchor,
      source: world.page,
    });
    ci = { ca: identity("root"), signer: identity("signer") };
    other = made.party("other");
  });
  afterAll(() => {
    world?.remove();
    made.remove();
  });

  function identity(name: "root" | "signer"): Identity {
    const certificatePath = world.at("pki", `${name}.pem`);
    const pem = readFileSync(certificatePath);
    const der = Buffer.from(pem.toString().replace(/-----[^-]+-----|\s/g, ""), "base64");
    return { name, certificatePath, keyPath: world.at("pki", `${name}-key.pem`), pem, der };
  }

  it("goes by none that somebody else has pinned there", async () => {
    const root = world.device("foreign");
    writeFileSync(
      world.at("pinned.json"),
      trustRoot({ root: { of: [other] }, release: { of: [other, ci] } }),
    );
    const pinned = ["--trust-root", world.at("pinned.json"), "--version", "1.0.0"];
    await ok("themis-fetch", "update", "--source", world.page, "--root", root, ...pinned);
    const before = snapshot(root);
    for (const command of ["check", "update"]) {
      expect(await clientSays(client, [command, "--root", root])).toMatchObject({
        status: 4,
        said: { code: "TRUST_ROOT_FOREIGN" },
      });
    }
    expect(snapshot(root)).toEqual(before);
  });

  it("goes by one that its own anchor has begun", async () => {
    const root = world.device("own");
    const page = world.at("page-with-root");
    cpSync(world.page, page, { recursive: true, verbatimSymlinks: true });
    const issued = new Date().toISOString().replace(/\.\d+/, "");
    const { content, signature } = signedBy(trustRoot({ issued, root: { of: [ci] } }), ci);
    writeFileSync(join(page, trustRootName(1)), content);
    writeFileSync(join(page, `${trustRootName(1)}.p7s`), signature);
    const update = ["update", "--root", root, "--source", page];
    const first = [...update, "--version", "1.0.0", "--trust-root", "source"];
    expect(await clientSays(client, first)).toMatchObject({ status: 0, said: { to: "1.0.0" } });
    expect(await clientSays(client, update)).toMatchObject({ status: 0, said: { to: "1.1.0" } });
    const { said } = await clientSays(client, ["status", "--root", root]);
    expect(said.trustRoot).toMatchObject({ version: 1 });
  });

  it("remembers none of another product, whoever signed it, and goes on when it gets its own", async () => {
    const root = world.device("product");
    const page = world.at("page-of-another");
    cpSync(world.page, page, { recursive: true, verbatimSymlinks: true });
    const issued = new Date().toISOString().replace(/\.\d+/, "");
    const put = (product: string): void => {
      const { content, signature } = signedBy(trustRoot({ product, issued, root: { of: [ci] } }), ci);
      writeFileSync(join(page, trustRootName(1)), content);
      writeFileSync(join(page, `${trustRootName(1)}.p7s`), signature);
    };
    const update = ["update", "--root", root, "--source", page, "--trust-root", "source"];
    put("other");
    expect(await clientSays(client, update)).toMatchObject({ status: 4, said: { code: "PRODUCT_MISMATCH" } });
    put("app");
    expect(await clientSays(client, update)).toMatchObject({ status: 0, said: { to: "1.1.0" } });
  });
});
