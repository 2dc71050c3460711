/** Two signatures on one bundle, and devices that want two: the commands as a person meets them. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readDer } from "../../src/format/cms/der.ts";
import { decodeSignedData } from "../../src/format/cms/signed-data.ts";
import { Authority } from "../kit/authority.ts";
import { type Identity, opensslSign, opensslVerifies } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { makeWorld, ok, run, snapshot, type World } from "../kit/world.ts";

const SIGNER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];

describe.skipIf(!hasTool("openssl"))("a threshold of signers", () => {
  let world: World;
  const authority = new Authority();
  let root: Identity;
  let first: Identity;
  let second: Identity;
  let renewed: Identity;
  let stranger: Identity;
  let page: string;
  let twice: string;
  beforeAll(async () => {
    world = await makeWorld();
    root = identity("root");
    first = identity("signer");
    second = authority.issue({ name: "second", by: root, extensions: SIGNER });
    renewed = authority.issue({ name: "renewed", by: root, extensions: SIGNER, keyOf: first });
    stranger = authority.issue({ name: "stranger", extensions: SIGNER });
    twice = copyOf("twice");
    await ok("themis-bundle", "sign", twice, "--add", ...by(second), "--trust-anchor", world.anchor);
    page = world.at("page-twice");
    await ok("themis-bundle", "publish", twice, "--to", `file:${page}`, ...two());
  });
  afterAll(() => {
    world?.remove();
    authority.remove();
  });

  function identity(name: "root" | "signer"): Identity {
    const certificatePath = world.at("pki", `${name}.pem`);
    const pem = readFileSync(certificatePath);
    return { name, certificatePath, keyPath: world.at("pki", `${name}-key.pem`), pem, der: Buffer.alloc(0) };
  }
  function copyOf(name: string): string {
    cpSync(world.at("bundle-1.1.0"), world.at(name), { recursive: true });
    return world.at(name);
  }
  const by = ({ keyPath, certificatePath }: Identity): string[] => [
    ...["--key", keyPath, "--certificates", certificatePath],
  ];
  const two = (): string[] => ["--trust-anchor", world.anchor, "--threshold", "2"];
  const signatureOf = (folder: string): Buffer => readFileSync(join(folder, "manifest.json.p7s"));
  const manifestOf = (folder: string): Buffer => readFileSync(join(folder, "manifest.json"));
  const refusal = async (
    status: number,
    ...args: Parameters<typeof run>
  ): Promise<{ code: string; message: string }> => {
    const answer = await run(...args, "--json");
    expect(answer.status).toBe(status);
    return JSON.parse(answer.stdout).error;
  };

  it("is met when a second person adds a signature, which leaves the first as it was, and OpenSSL takes it", async () => {
    const [before, after] = [signatureOf(world.at("bundle-1.1.0")), signatureOf(twice)];
    const partsOf = (der: Buffer, field: number): string[] =>
      readDer(der)
        .children[1]!.children[0]!.children.at(field)!
        .children.map(({ bytes }) => Buffer.from(bytes).toString("hex"));
    expect(partsOf(after, -1)).toEqual(expect.arrayContaining(partsOf(before, -1)));
    expect(partsOf(after, -1)).toHaveLength(2);
    expect(partsOf(after, 3)).toEqual(expect.arrayContaining(partsOf(before, 3)));
    expect(opensslVerifies(root, manifestOf(twice), after)).toBe(true);
    expect((await ok("themis-bundle", "verify", twice, ...two())).signers).toHaveLength(2);
  });

  it.each(["check", "plan", "download", "update"])(
    "stops %s on a device, and leaves it untouched",
    async (name) => {
      const device = ["--source", world.page, "--root", world.device(`one-${name}`), ...two()];
      const { code, message } = await refusal(4, "themis-fetch", name, ...device);
      expect(code).toBe("THRESHOLD_NOT_MET");
      expect(message).toMatch(/^2 distinct signers are wanted, and 1 is here \(.*CN=/);
      expect(snapshot(world.at(`one-${name}`))).toEqual({});
    },
  );

  it("stops verify, publish and bundle", async () => {
    const bundle = world.at("bundle-1.1.0");
    const files = [
      "--manifest",
      join(bundle, "manifest.json"),
      "--signature",
      join(bundle, "manifest.json.p7s"),
    ];
    const tar = ["--source", world.page, "--out", world.at("one.tar")];
    for (const [program, ...args] of [
      ["themis-fetch", "verify", ...files],
      ["themis-fetch", "bundle", ...tar],
      ["themis-bundle", "verify", bundle],
      ["themis-bundle", "publish", bundle, "--to", `file:${world.at("never")}`],
    ] as const) {
      expect((await refusal(4, program, ...args, ...two())).code).toBe("THRESHOLD_NOT_MET");
    }
  });

  it("lets an update through, by flag and by themis.yml", async () => {
    await ok("themis-fetch", "update", "--source", page, "--root", world.device("flag"), ...two());
    expect(snapshot(world.at("flag"))).toEqual(snapshot(world.new));
    const config = (source: string, root: string): string => {
      const text = `checker: { source: ${source}, trustAnchor: ${world.anchor}, threshold: 2 }\nhotReload: { root: ${root} }\nautoUpdate: { enabled: true }\n`;
      writeFileSync(world.at("themis.yml"), text);
      return world.at("themis.yml");
    };
    const one = config(world.page, world.device("watched"));
    expect((await refusal(4, "themis-fetch", "watch", "--once", "--config", one)).code).toBe(
      "THRESHOLD_NOT_MET",
    );
    expect(snapshot(world.at("watched"))).toEqual({});
    await ok("themis-fetch", "watch", "--once", "--config", config(page, world.at("watched")));
    expect(snapshot(world.at("watched"))).toEqual(snapshot(world.new));
  });

  it("takes a whole number from 1 to 16", async () => {
    for (const n of ["0", "17", "two", "-1", "1.5"]) {
      const answer = await run(
        "themis-bundle",
        "verify",
        twice,
        "--trust-anchor",
        world.anchor,
        `--threshold=${n}`,
      );
      expect(answer.status).toBe(2);
    }
  });

  it("is of no use at publish without an anchor", async () => {
    const args = ["publish", twice, "--to", `file:${world.at("never")}`, "--threshold", "2"];
    expect((await refusal(2, "themis-bundle", ...args)).code).toBe("USAGE");
  });

  describe("sign --add", () => {
    const unchanged = async (folder: string, status: number, code: string, ...more: string[]) => {
      const before = signatureOf(folder);
      expect((await refusal(status, "themis-bundle", "sign", folder, "--add", ...more)).code).toBe(code);
      expect(signatureOf(folder)).toEqual(before);
    };

    it("refuses a key and a name that signed already", async () => {
      await unchanged(copyOf("same-signer"), 2, "ALREADY_SIGNED", ...by(first));
      await unchanged(copyOf("same-key"), 2, "ALREADY_SIGNED", ...by(renewed));
      await unchanged(twice, 2, "ALREADY_SIGNED", ...by(second));
    });

    it("refuses a signature that is of another manifest, damaged, or not there", async () => {
      const [other, damaged, none] = [copyOf("other"), copyOf("damaged"), copyOf("none")];
      writeFileSync(join(other, "manifest.json.p7s"), signatureOf(world.at("bundle-1.0.0")));
      await unchanged(other, 4, "DIGEST_MISMATCH", ...by(second));
      const bytes = signatureOf(damaged);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(join(damaged, "manifest.json.p7s"), bytes);
      await unchanged(damaged, 4, "SIGNATURE_INVALID", ...by(second));
      rmSync(join(none, "manifest.json.p7s"));
      const { code } = await refusal(4, "themis-bundle", "sign", none, "--add", ...by(second));
      expect(code).toBe("BUNDLE_INCOMPLETE");
    });

    it("refuses a result that devices would refuse, when it is told what they pin", async () => {
      const folder = copyOf("stranger");
      await unchanged(folder, 2, "CERTIFICATE_CHAIN_BROKEN", ...by(stranger), "--trust-anchor", world.anchor);
    });

    it("mixes algorithms, takes a signer that is named by its key, and carries certificates once", async () => {
      const folder = copyOf("mixed");
      const rsa = world.at("rsa");
      await ok("themis-bundle", "keygen", "--out", rsa, "--algorithm", "rsa-3072", "--signer-name", "Third");
      const content = manifestOf(folder);
      writeFileSync(
        join(folder, "manifest.json.p7s"),
        opensslSign({ content, signers: [first], digest: "sha384", extra: ["-keyid"] }),
      );
      await ok("themis-bundle", "sign", folder, "--add", ...by(second));
      const third = {
        keyPath: join(rsa, "signer-key.pem"),
        certificatePath: join(rsa, "signer.pem"),
      } as Identity;
      await ok("themis-bundle", "sign", folder, "--add", ...by(third), "--rsa-padding", "pss");
      const { signers, certificates } = decodeSignedData(signatureOf(folder));
      expect(signers.map(({ digestAlgorithm }) => digestAlgorithm).sort()).toEqual([
        "sha256",
        "sha256",
        "sha384",
      ]);
      expect(signers.map(({ id }) => id.kind)).toContain("key-identifier");
      expect(certificates).toHaveLength(3);
      const both = world.at("both.pem");
      writeFileSync(both, Buffer.concat([root.pem, readFileSync(join(rsa, "root.pem"))]));
      expect(opensslVerifies({ ...root, certificatePath: both }, content, signatureOf(folder))).toBe(true);
      const trust = ["--trust-anchor", both, "--threshold", "3"];
      expect((await ok("themis-bundle", "verify", folder, ...trust)).signers).toHaveLength(3);
    });

    it("replaces the signatures when nobody says --add", async () => {
      const folder = copyOf("again");
      await ok("themis-bundle", "sign", folder, "--add", ...by(second));
      await ok("themis-bundle", "sign", folder, ...by(first));
      expect(decodeSignedData(signatureOf(folder)).signers).toHaveLength(1);
    });
  });
});
