/**
 * TUF's list of attacks, each by its name, on the client as a process: a page that lies, over HTTP, and a device that has
 * to end with a code, exit status 4 and every file as it was. What concerns channels is in channel-attacks.test.ts, what
 * concerns trust roots in trust-root.test.ts.
 */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../../src/base/canonical-json.ts";
import { encodeCanonicalJson } from "../../src/base/canonical-json.ts";
import { Authority, pemOf } from "../kit/authority.ts";
import { assetsOf } from "../kit/misbehaving-server/asset.ts";
import type { Script } from "../kit/misbehaving-server/fault.ts";
import { fault } from "../kit/misbehaving-server/faults.ts";
import { always, forAsset, rightly } from "../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../kit/misbehaving-server/server.ts";
import { type Identity, opensslSign } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, ok, run, snapshot, type World } from "../kit/world.ts";

const MANIFEST = "manifest.json";
const SIGNATURE = "manifest.json.p7s";
const PACK = "targets-0.pack";

type Assets = Map<string, Uint8Array>;
type Attack = {
  /** What the page does to an honest 1.1.0. */
  readonly lie?: (assets: Assets) => void | Promise<void>;
  readonly script?: Script;
  readonly args?: readonly string[];
  /** What the device runs; nothing unless given. */
  readonly runs?: "1.0.0" | "1.1.0";
};

function filesOf(assets: Assets): Record<string, Json>[] {
  const text = Buffer.from(assets.get(MANIFEST)!).toString();
  return (JSON.parse(text) as { files: Record<string, Json>[] }).files;
}

describe.skipIf(!hasTool("openssl"))("a device survives", () => {
  let world: World;
  const authority = new Authority();
  let signer: Identity;
  let devices = 0;
  const running: Record<string, string> = {};
  beforeAll(async () => {
    world = await makeWorld();
    signer = identityOf("pki", "signer");
    for (const version of ["1.0.0", "1.1.0"]) {
      running[version] = world.device(`runs-${version}`);
      await ok("themis-fetch", "update", ...to(running[version], world.at(`bundle-${version}`)));
    }
    await ok("themis-bundle", "keygen", "--out", world.at("stranger"));
  });
  afterAll(() => {
    world?.remove();
    authority.remove();
  });

  const to = (root: string, source: string): string[] => [
    ...["--source", source, "--root", root, "--trust-anchor", world.anchor],
  ];

  function identityOf(folder: string, name: string): Identity {
    const certificatePath = world.at(folder, `${name}.pem`);
    const pem = readFileSync(certificatePath);
    const keyPath = world.at(folder, `${name}-key.pem`);
    return { name, certificatePath, keyPath, pem, der: Buffer.alloc(0) };
  }

  /** A device of its own, which runs what was asked for. */
  function device(runs: Attack["runs"]): string {
    const root = world.device(`attacked-${devices++}`);
    if (runs !== undefined) cpSync(running[runs]!, root, { recursive: true, verbatimSymlinks: true });
    return root;
  }

  async function underAttack<T>(
    { lie, script = rightly }: Attack,
    act: (url: string) => Promise<T>,
  ): Promise<T> {
    const assets: Assets = new Map(assetsOf(world.at("bundle-1.1.0")));
    await lie?.(assets);
    const server = await misbehavingServer({ assets, script });
    try {
      return await act(server.url);
    } finally {
      await server.close();
    }
  }

  /** The code with which the client refuses, having changed nothing. */
  async function refusal(attack: Attack): Promise<string> {
    const root = device(attack.runs);
    const before = snapshot(root);
    const { status, stdout } = await underAttack(attack, (url) =>
      run("themis-fetch", "update", ...to(root, url), ...(attack.args ?? []), "--json"),
    );
    expect(status, stdout).toBe(4);
    expect(snapshot(root)).toEqual(before);
    return (JSON.parse(stdout) as { error: { code: string } }).error.code;
  }

  /** The manifest with something else in it, signed by whoever has the key. */
  const signedAnew =
    (change: Readonly<Record<string, Json>>, ...signers: readonly Identity[]) =>
    (assets: Assets): void => {
      const honest = JSON.parse(Buffer.from(assets.get(MANIFEST)!).toString()) as Record<string, Json>;
      const content = encodeCanonicalJson({ ...honest, ...change });
      assets.set(MANIFEST, content);
      assets.set(SIGNATURE, opensslSign({ content, signers: signers.length === 0 ? [signer] : signers }));
    };

  const from =
    (folder: string, ...names: string[]) =>
    (assets: Assets): void => {
      for (const name of names) assets.set(name, readFileSync(join(world.at(folder), name)));
    };

  const flipped =
    (name: string) =>
    (assets: Assets): void => {
      const bytes = Buffer.from(assets.get(name)!);
      bytes[bytes.length >> 1]! ^= 1;
      assets.set(name, bytes);
    };

  type Row = Attack & { readonly by: string; readonly code: string };
  const each = (rows: readonly Row[]): void => {
    it.each(rows)("by $by: $code", async ({ code, ...attack }) => {
      expect(await refusal(attack)).toBe(code);
    });
  };

  it("nothing when the page is honest: it updates", async () => {
    const root = device("1.0.0");
    await underAttack({}, (url) => ok("themis-fetch", "update", ...to(root, url)));
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });

  describe("arbitrary software:", () => {
    each([
      {
        by: "a release that a stranger signed",
        code: "CHAIN_UNTRUSTED",
        lie: (assets) => signedAnew({}, identityOf("stranger", "signer"))(assets),
      },
      { by: "a manifest that was changed", code: "DIGEST_MISMATCH", lie: flipped(MANIFEST) },
      { by: "a file that was changed", code: "TRANSFER_DIGEST_MISMATCH", lie: flipped(PACK) },
      {
        by: "a path out of the root, signed well",
        code: "PATH_UNSAFE",
        lie: (assets) => {
          const files = filesOf(assets);
          files[0]!.path = "../escaped";
          signedAnew({ files })(assets);
        },
      },
    ]);
  });

  describe("endless data:", () => {
    const endless = always(fault(48, "endless"));
    each([
      { by: "a manifest without end", code: "ASSET_SIZE", script: forAsset(MANIFEST, endless) },
      { by: "a signature without end", code: "ASSET_SIZE", script: forAsset(SIGNATURE, endless) },
      {
        by: "a signature of 64 KiB and a byte",
        code: "ASSET_SIZE",
        lie: (assets) => void assets.set(SIGNATURE, Buffer.alloc((64 << 10) + 1)),
      },
    ]);

    it("a file without end is cut where its manifest says", async () => {
      const root = device("1.0.0");
      await underAttack({ script: forAsset(PACK, endless) }, (url) =>
        run("themis-fetch", "update", ...to(root, url), "--json"),
      );
      expect([snapshot(world.old), snapshot(world.new)]).toContainEqual(snapshot(root));
    });
  });

  describe("fast-forward:", () => {
    each([
      {
        by: "a release whose sequence leaps to where no other can follow",
        code: "FAST_FORWARD",
        runs: "1.0.0",
        lie: (assets) => signedAnew({ sequence: Number.MAX_SAFE_INTEGER })(assets),
      },
    ]);
  });

  describe("indefinite freeze:", () => {
    each([
      {
        by: "a release that its publisher let expire",
        code: "MANIFEST_EXPIRED",
        runs: "1.0.0",
        lie: (assets) => signedAnew({ expires: "2026-01-01T00:00:00Z" })(assets),
      },
      {
        by: "no document of the channel",
        code: "CHANNEL_MISSING",
        runs: "1.0.0",
        args: ["--channel", "stable", "--require-channel"],
      },
    ]);
  });

  describe("a malicious mirror:", () => {
    it("its bytes are refused and the source's are taken", async () => {
      const root = device("1.0.0");
      await underAttack({ lie: flipped(PACK) }, (mirror) =>
        underAttack({}, (url) => ok("themis-fetch", "update", ...to(root, url), "--mirror", mirror)),
      );
      expect(snapshot(root)).toEqual(snapshot(world.new));
    });

    it("the source lies too: nothing is changed", async () => {
      const code = await underAttack({ lie: flipped(PACK) }, (mirror) =>
        refusal({ lie: flipped(PACK), args: ["--mirror", mirror] }),
      );
      expect(code).toBe("TRANSFER_DIGEST_MISMATCH");
    });
  });

  describe("mix-and-match:", () => {
    each([
      {
        by: "a manifest with another release's signature",
        code: "DIGEST_MISMATCH",
        lie: (assets) => from("bundle-1.0.0", SIGNATURE)(assets),
      },
      {
        by: "a manifest with another release's files",
        code: "ASSET_SIZE",
        lie: (assets) => from("bundle-1.0.0", PACK)(assets),
      },
    ]);
  });

  describe("rollback:", () => {
    each([
      {
        by: "an older release under the newer one's name",
        code: "RELEASE_OLDER",
        runs: "1.1.0",
        lie: (assets) => from("bundle-1.0.0", MANIFEST, SIGNATURE, PACK)(assets),
      },
    ]);
  });

  describe("slow retrieval:", () => {
    it("a source that trickles is left for a mirror", async () => {
      const root = device("1.0.0");
      const trickle = forAsset(PACK, always(fault(8)));
      await underAttack({}, (mirror) =>
        underAttack({ script: trickle }, (url) =>
          ok("themis-fetch", "update", ...to(root, url), "--mirror", mirror),
        ),
      );
      expect(snapshot(root)).toEqual(snapshot(world.new));
    });
  });

  describe("key compromise:", () => {
    it("one stolen key of two that are needed", async () => {
      expect(await refusal({ runs: "1.0.0", lie: signedAnew({}), args: ["--threshold", "2"] })).toBe(
        "THRESHOLD_NOT_MET",
      );
    });

    it("one stolen key with two certificates is one", async () => {
      const root = identityOf("pki", "root");
      const extensions = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];
      const renewed = authority.issue({ name: "renewed", by: root, extensions, keyOf: signer });
      const lie = signedAnew({}, signer, renewed);
      expect(await refusal({ runs: "1.0.0", lie, args: ["--threshold", "2"] })).toBe("THRESHOLD_NOT_MET");
    });

    it("a stolen key whose certificate is revoked, and a page that hides the list", async () => {
      const list = authority.list({
        by: identityOf("pki", "root"),
        revoked: [{ certificate: signer, reason: "keyCompromise" }],
      });
      expect(await refusal({ runs: "1.0.0", args: ["--crl", list.path] })).toBe("CERTIFICATE_REVOKED");
      expect(await refusal({ runs: "1.0.0", args: ["--require-crl"] })).toBe("CRL_MISSING");
      expect(pemOf("X509 CRL", list.der).toString()).toBe(readFileSync(list.path, "utf8"));
    });
  });

  describe("the wrong", () => {
    it("product", async () => {
      expect(await refusal({ runs: "1.0.0", lie: signedAnew({ product: "other" }) })).toBe(
        "PRODUCT_MISMATCH",
      );
    });

    it("channel", async () => {
      expect(
        await refusal({
          runs: "1.0.0",
          lie: signedAnew({ channel: "nightly" }),
          args: ["--channel", "stable"],
        }),
      ).toBe("CHANNEL_MISMATCH");
    });

    it("platform", async () => {
      const lie = (assets: Assets): void => {
        const files = filesOf(assets).map((file) => ({ ...file, platform: "plan9" }));
        signedAnew({ files })(assets);
      };
      expect(await refusal({ runs: "1.0.0", lie })).toBe("PLATFORM_MISMATCH");
    });

    it("version", async () => {
      expect(await refusal({ runs: "1.0.0", args: ["--version", "1.2.0"] })).toBe("VERSION_MISMATCH");
    });
  });
});
