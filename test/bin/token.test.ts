/** A release signed by a key that never leaves its token, and installed: the commands, SoftHSM, a device. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createToken, SOFTHSM_MODULE, type TestToken } from "../kit/softhsm.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, ok, run, snapshot, type World } from "../kit/world.ts";

describe.skipIf(!hasTool("softhsm2-util") || !hasTool("pkcs11-tool"))("with a SoftHSM token", () => {
  let world: World;
  let token: TestToken;

  beforeAll(async () => {
    token = createToken();
    world = await makeWorld();
  });
  afterAll(() => {
    token.remove();
    world.remove();
  });

  it.each(["EC:prime256v1", "EC:secp384r1", "rsa:3072"] as const)(
    "signs with a %s key, publishes and installs",
    async (type) => {
      const name = type.replace(":", "-");
      token.generateKey(name, type);
      const pki = world.at(`pki-${name}`);
      await ok("themis-bundle", "keygen", "--out", pki, "--key", token.uri(name));
      const bundle = world.at(`signed-${name}`);
      await ok(
        "themis-bundle",
        "build",
        world.new,
        "--product",
        "app",
        "--version",
        "2.0.0",
        "--out",
        bundle,
      );
      await ok(
        "themis-bundle",
        "sign",
        bundle,
        "--key",
        token.uri(name),
        "--certificates",
        `${pki}/signer.pem`,
      );
      const root = world.device(`device-${name}`);
      await ok(
        "themis-fetch",
        "update",
        "--source",
        bundle,
        "--root",
        root,
        "--trust-anchor",
        `${pki}/root.pem`,
      );
      expect(snapshot(root)).toEqual(snapshot(world.new));
    },
  );

  it("lists what the token holds, private keys too when there is a PIN", async () => {
    const { tokens } = (await ok(
      "themis-bundle",
      "keys",
      "list",
      `pkcs11:?module-path=${SOFTHSM_MODULE}`,
      "--pin-file",
      token.pinFile,
    )) as {
      tokens: { keys: { kind: string }[] }[];
    };
    expect(tokens.flatMap(({ keys }) => keys).map(({ kind }) => kind)).toContain("private");
  });

  it("says which token is not there, in one sentence and with exit 2", async () => {
    const uri = `pkcs11:token=nowhere;object=x?module-path=${SOFTHSM_MODULE}`;
    const args = [
      "sign",
      world.at("bundle-1.1.0"),
      "--key",
      uri,
      "--certificates",
      world.at("pki/signer.pem"),
      "--json",
    ];
    const { status, stdout } = await run("themis-bundle", ...args);
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 2, code: "TOKEN_NOT_FOUND" });
  });
});
