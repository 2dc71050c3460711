/** Trust roots as publishers and devices meet them: the real programs, a page on disk, a server where one is cut. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findPlace } from "../../src/fetch/place.ts";
import { rememberTrustRoot } from "../../src/fetch/remember-trust-root.ts";
import { trustRootName } from "../../src/format/trust-root/trust-root.ts";
import { pinnedTrustRoot, type TrustRootFiles } from "../../src/trust/trust-root.ts";
import { type Identity, opensslSign } from "../kit/pki.ts";
import { hasTool } from "../kit/tools.ts";
import { type Party, type RootWish, signedBy, TrustRoots, trustRoot } from "../kit/trust-roots.ts";
import { makeWorld, ok, run, snapshot, start, type World } from "../kit/world.ts";

describe.skipIf(!hasTool("openssl"))("a trust root", () => {
  const made = new TrustRoots();
  let world: World;
  let a: Party;
  let b: Party;
  /** Whose signer signed the releases of the world. */
  let ci: Party;
  let successor: Party;
  let pages = 0;
  beforeAll(async () => {
    world = await makeWorld();
    [a, b, successor] = [made.party("a"), made.party("b"), made.party("successor")];
    ci = { ca: identity("root"), signer: identity("signer") };
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

  /** Two of a and b for the next; releases by ci. */
  const document = (version: number, more: Partial<RootWish> = {}): Uint8Array =>
    trustRoot({
      ...{ version, root: { of: [a, b], threshold: 2, anchor_threshold: 2 }, release: { of: [ci] } },
      ...more,
    });
  const signed = (version: number, more: Partial<RootWish> = {}): TrustRootFiles =>
    signedBy(document(version, more), a, b);
  const put = (page: string, version: number, { content, signature }: TrustRootFiles): void => {
    writeFileSync(join(page, trustRootName(version)), content);
    writeFileSync(join(page, `${trustRootName(version)}.p7s`), signature);
  };
  /** The releases of the world, and these trust roots beside them. */
  const pageWith = (...roots: readonly TrustRootFiles[]): string => {
    const page = world.at(`page-${++pages}`);
    cpSync(world.page, page, { recursive: true, verbatimSymlinks: true });
    for (const [i, files] of roots.entries()) put(page, i + 1, files);
    return page;
  };
  const signRelease = (page: string, version: string, ...parties: readonly Party[]): void => {
    const content = readFileSync(join(page, version, "manifest.json"));
    const signers = parties.map(({ signer }) => signer);
    writeFileSync(join(page, version, "manifest.json.p7s"), opensslSign({ content, signers }));
  };
  const pinned = (name: string, content: Uint8Array): string[] => {
    writeFileSync(world.at(name), content);
    return ["--trust-root", world.at(name)];
  };
  const fromSource = (): string[] => ["--trust-anchor", a.ca.certificatePath, "--trust-root", "source"];
  const update = (page: string, device: string, ...more: string[]): string[] => [
    ...["update", "--source", page, "--root", world.at(device), ...more],
  ];
  const device = (name: string): string => {
    world.device(name);
    return name;
  };
  const refusal = async (...args: Parameters<typeof run>): Promise<string> => {
    const { status, stdout } = await run(...args, "--json");
    const { error } = JSON.parse(stdout);
    expect({ status, code: error.code }).toEqual({ status: 4, code: error.code });
    return error.code as string;
  };
  const known = async (name: string): Promise<unknown> =>
    (await ok("themis-fetch", "status", "--root", world.at(name))).trustRoot;

  describe("of a publisher", () => {
    const key = ({ signer }: Party): string[] => [
      "--key",
      signer.keyPath,
      "--certificates",
      signer.certificatePath,
    ];

    it("is never written over, and never allows less than the one before", async () => {
      const at = (name: string): string => world.at(`kept-${name}.json`);
      const common = ["--expires", "2047-12-31", "--anchor", `root=${a.ca.certificatePath}`];
      const first = [
        "--product",
        "app",
        "--anchor",
        `release=${ci.ca.certificatePath}`,
        "--min-sequence",
        "5",
      ];
      await ok("themis-bundle", "root", "create", "--out", at("1"), ...common, ...first);
      const before = readFileSync(at("1"));
      const again = await run(
        "themis-bundle",
        "root",
        "create",
        "--out",
        at("1"),
        ...common,
        ...first,
        "--json",
      );
      expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: "OUTPUT_INVALID" } });
      expect(readFileSync(at("1")).equals(before)).toBe(true);
      const lower = [
        "--previous",
        at("1"),
        "--out",
        at("2"),
        "--expires",
        "2047-12-31",
        "--min-sequence",
        "4",
      ];
      const refused = await run("themis-bundle", "root", "create", ...lower, "--json");
      expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: "TRUST_ROOT_INVALID" } });
      expect(refused.stdout).toContain("no release below 5");
    });

    it("is created, signed by two, proven, published, and rotates what devices believe", async () => {
      const at = (n: number): string => world.at(`trust-root.${n}.json`);
      const common = ["--issued", "2026-01-01", "--expires", "2047-12-31"];
      await ok(
        "themis-bundle",
        ...["root", "create", "--out", at(1), "--product", "app", ...common],
        ...[
          ...["--anchor", `root=${a.ca.certificatePath}`, "--anchor", `root=${b.ca.certificatePath}`],
          ...["--threshold", "root=2", "--anchor", `release=${ci.ca.certificatePath}`],
        ],
      );
      const trust = ["--trust-anchor", a.ca.certificatePath];
      expect(await ok("themis-bundle", "root", "sign", at(1), ...key(a))).toMatchObject({ ownRole: false });
      expect(await refusal("themis-bundle", "root", "verify", at(1), ...trust)).toBe("THRESHOLD_NOT_MET");
      const page = pageWith();
      const publish = ["root", "publish", "--to", `file:${page}`, ...trust];
      expect(await refusal("themis-bundle", ...publish, at(1))).toBe("THRESHOLD_NOT_MET");
      expect(await ok("themis-bundle", "root", "sign", at(1), ...key(b))).toMatchObject({
        ownRole: true,
        signers: 2,
      });
      expect(await ok("themis-bundle", "root", "verify", at(1), ...trust)).toMatchObject({
        roots: [{ version: 1 }],
      });
      await ok("themis-bundle", ...publish, at(1));
      const name = device("published");
      await ok("themis-fetch", ...update(page, name, ...fromSource(), "--version", "1.0.0"));
      expect(await known(name)).toMatchObject({ version: 1 });

      await ok(
        "themis-bundle",
        ...["root", "create", "--out", at(2), "--previous", at(1), ...common],
        ...[
          ...["--revoke", ci.ca.certificatePath, "--anchor", `release=${successor.ca.certificatePath}`],
          ...["--anchor", `channel=${successor.ca.certificatePath}`],
        ],
      );
      for (const each of [a, b]) await ok("themis-bundle", "root", "sign", at(2), ...key(each));
      const chain = await ok("themis-bundle", "root", "verify", at(2), at(1), ...trust);
      expect(chain).toMatchObject({ roots: [{ version: 1 }, { version: 2 }] });
      expect(await ok("themis-bundle", ...publish, at(2))).toMatchObject({ changed: true });
      expect(await ok("themis-bundle", ...publish, at(1), at(2))).toMatchObject({ changed: false });

      expect(await refusal("themis-fetch", ...update(page, name, ...fromSource()))).toBe("ANCHOR_REVOKED");
      expect(snapshot(world.at(name))).toEqual(snapshot(world.old));
      expect(await known(name)).toMatchObject({ version: 2 });
      signRelease(page, "1.1.0", successor);
      await ok("themis-fetch", ...update(page, name, ...fromSource()));
      expect(snapshot(world.at(name))).toEqual(snapshot(world.new));
    });

    it("is refused on a page that has another one of its version, or none before it, or another product", async () => {
      const [one, other, three] = [world.at("one.json"), world.at("other.json"), world.at("three.json")];
      const write = (path: string, { content, signature }: TrustRootFiles): void => {
        writeFileSync(path, content);
        writeFileSync(`${path}.p7s`, signature);
      };
      write(one, signed(1));
      write(other, signed(1, { min_sequence: 1 }));
      write(three, signed(3));
      const page = pageWith();
      const to = ["--to", `file:${page}`];
      await ok("themis-bundle", "root", "publish", one, ...to);
      expect(await refusal("themis-bundle", "root", "publish", other, ...to)).toBe("PAGE_CONFLICT");
      expect(await refusal("themis-bundle", "root", "publish", three, ...to)).toBe("PAGE_CONFLICT");
      write(other, signed(1, { product: "other" }));
      expect(await refusal("themis-bundle", "root", "publish", other, "--to", `file:${pageWith()}`)).toBe(
        "PAGE_CONFLICT",
      );
      expect(readdirSync(page).filter((name) => name.startsWith("trust-root"))).toHaveLength(2);
    });

    it("is refused when one key signs twice, and when its certificate was not valid then", async () => {
      const path = world.at("twice.json");
      writeFileSync(path, document(1));
      await ok("themis-bundle", "root", "sign", path, ...key(a));
      const before = readFileSync(`${path}.p7s`);
      expect((await run("themis-bundle", "root", "sign", path, ...key(a), "--json")).stdout).toContain(
        "ALREADY_SIGNED",
      );
      const late = made.party("late", { from: "20270101000000Z" });
      expect((await run("themis-bundle", "root", "sign", path, ...key(late), "--json")).stdout).toContain(
        "CERTIFICATE_EXPIRED",
      );
      expect(readFileSync(`${path}.p7s`)).toEqual(before);
    });

    it.each([
      {
        why: "no product",
        args: () => ["--anchor", `root=${a.ca.certificatePath}`],
        code: "TRUST_ROOT_INVALID",
      },
      { why: "no anchor", args: () => ["--product", "app"], code: "TRUST_ROOT_INVALID" },
      {
        why: "a role that does not exist",
        args: () => ["--anchor", `boss=${a.ca.certificatePath}`],
        code: "TRUST_ROOT_INVALID",
      },
      { why: "no role", args: () => ["--anchor", a.ca.certificatePath], code: "USAGE" },
      { why: "a threshold that is none", args: () => ["--threshold", "root=0"], code: "USAGE" },
    ])("is not created with $why", async ({ args, code }) => {
      const create = [
        "root",
        "create",
        "--out",
        world.at("never.json"),
        "--expires",
        "2047-12-31",
        ...args(),
      ];
      const { status, stdout } = await run("themis-bundle", ...create, "--json");
      expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 2, code });
    });
  });

  describe("on a device", () => {
    it("is followed over ten versions that it slept through, and never back", async () => {
      const ten = Array.from({ length: 10 }, (_, i) => signed(i + 1, { expires: "2026-02-01T00:00:00Z" }));
      const page = pageWith(...ten, signed(11, { release: { of: [successor] }, revoked: [ci] }));
      signRelease(page, "1.1.0", successor);
      const name = device("slept");
      const pin = pinned("slept.json", ten[0]!.content);
      await ok("themis-fetch", ...update(page, name, ...pin));
      expect(snapshot(world.at(name))).toEqual(snapshot(world.new));
      expect(await known(name)).toEqual({ version: 11, expires: "2048-01-01T00:00:00Z" });

      // A source that goes back to what it had before finds nobody who goes with it.
      const old = pageWith(ten[0]!);
      for (const trust of [pin, fromSource(), ["--trust-anchor", ci.ca.certificatePath]])
        expect(await refusal("themis-fetch", ...update(old, name, ...trust))).toBe("ANCHOR_REVOKED");
      await ok("themis-fetch", "rollback", "--root", world.at(name));
      expect(await known(name)).toMatchObject({ version: 11 });
    });

    it.each([
      {
        why: "the newest has expired",
        code: "TRUST_ROOT_EXPIRED",
        next: () => signed(2, { expires: "2026-02-01T00:00:00Z" }),
      },
      { why: "one of two keys was stolen", code: "THRESHOLD_NOT_MET", next: () => signedBy(document(2), a) },
      {
        why: "a version is left out, up to the highest there is",
        code: "TRUST_ROOT_VERSION",
        next: () => signed(999_999_999),
      },
      { why: "it is an older one", code: "TRUST_ROOT_OLDER", next: () => signed(1) },
      {
        why: "it takes something back",
        code: "TRUST_ROOT_WEAKER",
        next: () => signed(2, { issued: "2025-01-01T00:00:00Z" }),
      },
      { why: "it is not one", code: "TRUST_ROOT_MALFORMED", next: () => signedBy(Buffer.from("{}"), a, b) },
      {
        why: "a stranger signed too",
        code: "CHAIN_UNTRUSTED",
        next: () => signedBy(document(2), a, b, successor),
      },
      {
        why: "its signature is another's",
        code: "DIGEST_MISMATCH",
        next: () => ({ ...signed(2), signature: signed(3).signature }),
      },
      {
        why: "its signature is something else",
        code: "SIGNATURE_MALFORMED",
        next: () => ({ ...signed(2), signature: Buffer.from("<html>") }),
      },
      {
        why: "it is endless",
        code: "ASSET_SIZE",
        next: () => ({ ...signed(2), content: Buffer.alloc(300 << 10) }),
      },
    ])("stops an update when $why", async ({ code, next }) => {
      const page = pageWith(signed(1), next());
      const name = device(`stopped-${code}`);
      expect(await refusal("themis-fetch", ...update(page, name, ...fromSource()))).toBe(code);
      expect(snapshot(world.at(name))).toEqual({});
    });

    it("stops an update when it is missing, not signed, or of another product", async () => {
      const missing = device("missing");
      expect(await refusal("themis-fetch", ...update(pageWith(), missing, ...fromSource()))).toBe(
        "TRUST_ROOT_MISSING",
      );
      expect(snapshot(world.at(missing))).toEqual({});
      const page = pageWith(signed(1));
      rmSync(join(page, `${trustRootName(1)}.p7s`));
      expect(await refusal("themis-fetch", ...update(page, missing, ...fromSource()))).toBe(
        "TRUST_ROOT_MALFORMED",
      );
      const other = pageWith(signed(1, { product: "other" }));
      expect(await refusal("themis-fetch", ...update(other, missing, ...fromSource()))).toBe(
        "PRODUCT_MISMATCH",
      );
    });

    it("says who may sign releases, how many, and that a stolen CA alone is not enough", async () => {
      const page = pageWith(
        signed(1, { release: { of: [ci, successor], threshold: 2, anchor_threshold: 2 } }),
      );
      const name = device("roles");
      expect(await refusal("themis-fetch", ...update(page, name, ...fromSource()))).toBe("THRESHOLD_NOT_MET");
      const more = made.signer("more", ci.ca);
      signRelease(page, "1.1.0", ci, { ca: ci.ca, signer: more });
      expect(await refusal("themis-fetch", ...update(page, name, ...fromSource()))).toBe("THRESHOLD_NOT_MET");
      // Who may sign the trust root may not sign releases for that.
      signRelease(page, "1.1.0", a, b);
      expect(await refusal("themis-fetch", ...update(page, name, ...fromSource()))).toBe("CHAIN_UNTRUSTED");
      signRelease(page, "1.1.0", ci, successor);
      await ok("themis-fetch", ...update(page, name, ...fromSource()));
    });

    it("holds without being named again, and when another one is pinned", async () => {
      const page = pageWith(signed(1));
      const name = device("held");
      await ok("themis-fetch", ...update(page, name, ...fromSource()));
      signRelease(page, "1.1.0", a);
      const plain = ["--trust-anchor", a.ca.certificatePath];
      expect(await refusal("themis-fetch", ...update(page, name, ...plain))).toBe("CHAIN_UNTRUSTED");
      const fork = pinned("fork.json", document(1, { release: { of: [a] } }));
      expect(await refusal("themis-fetch", ...update(page, name, ...fork))).toBe("TRUST_ROOT_VERSION");
      const weaker = pinned(
        "weaker.json",
        document(7, { issued: "2025-01-01T00:00:00Z", release: { of: [a] } }),
      );
      expect(await refusal("themis-fetch", ...update(page, name, ...weaker))).toBe("TRUST_ROOT_WEAKER");
      expect(await known(name)).toMatchObject({ version: 1 });
      const newer = pinned("newer.json", document(7, { release: { of: [a] } }));
      await ok("themis-fetch", ...update(page, name, ...newer));
      expect(await known(name)).toMatchObject({ version: 7 });
    });

    it("lets nobody go below its smallest sequence, and mends what is there", async () => {
      const page = pageWith(signed(1));
      const name = device("floor");
      for (const version of ["1.0.0", "1.1.0"])
        await ok("themis-fetch", ...update(page, name, ...fromSource(), "--version", version));
      const { sequence } = JSON.parse(readFileSync(join(page, "1.1.0/manifest.json"), "utf8"));
      put(page, 2, signed(2, { min_sequence: sequence }));
      await ok("themis-fetch", ...update(page, name, ...fromSource()));
      expect(await refusal("themis-fetch", "rollback", "--root", world.at(name))).toBe("BELOW_MIN_SEQUENCE");
      expect(snapshot(world.at(name))).toEqual(snapshot(world.new));
      put(page, 3, signed(3, { min_sequence: sequence + 1 }));
      expect(await refusal("themis-fetch", ...update(page, name, ...fromSource()))).toBe(
        "BELOW_MIN_SEQUENCE",
      );
      const fresh = device("floor-fresh");
      expect(await refusal("themis-fetch", ...update(page, fresh, ...fromSource()))).toBe(
        "BELOW_MIN_SEQUENCE",
      );
      writeFileSync(world.at(name, "same.dat"), "damaged");
      await ok("themis-fetch", "repair", "--source", page, "--root", world.at(name), ...fromSource());
      expect(snapshot(world.at(name))).toEqual(snapshot(world.new));
    });

    it("is looked at by check without a trace, and remembered by a watch that has nothing to install", async () => {
      const page = pageWith(signed(1));
      const name = device("looks");
      await ok("themis-fetch", ...update(page, name, ...fromSource()));
      put(page, 2, signed(2));
      await ok("themis-fetch", "check", ...update(page, name, ...fromSource()).slice(1));
      expect(await known(name)).toMatchObject({ version: 1 });
      writeFileSync(
        world.at("watch.yml"),
        `checker: { source: ${page}, trustAnchor: ${a.ca.certificatePath}, trustRoot: source }\nhotReload: { root: ${world.at(name)} }\n`,
      );
      await ok("themis-fetch", "watch", "--once", "--config", world.at("watch.yml"));
      expect(await known(name)).toMatchObject({ version: 2 });
    });

    it("is forgotten with damaged records only, and caught up with again from the pin", async () => {
      const page = pageWith(signed(1), signed(2), signed(3));
      const name = device("damaged");
      const pin = pinned("damaged.json", document(1));
      await ok("themis-fetch", ...update(page, name, ...pin));
      writeFileSync(world.at(name, ".themis/state.db"), "no database at all");
      const where = ["--source", page, "--root", world.at(name), ...pin];
      expect((await run("themis-fetch", "update", ...where)).status).toBe(6);
      await ok("themis-fetch", "repair", ...where, "--rebuild-records", "--version", "1.1.0");
      expect(await known(name)).toMatchObject({ version: 3 });
    });

    it("goes with an offline bundle, and is proven there as anywhere", async () => {
      const page = pageWith(signed(1), signed(2), signed(3, { release: { of: [successor] }, revoked: [ci] }));
      signRelease(page, "1.1.0", successor);
      const tar = ["--source", page, ...fromSource(), "--out", world.at("carried.tar")];
      const { assets } = await ok("themis-fetch", "bundle", ...tar);
      expect(assets).toEqual(
        expect.arrayContaining([1, 2, 3].flatMap((n) => [trustRootName(n), `${trustRootName(n)}.p7s`])),
      );
      const name = device("offline");
      const offline = ["--offline", world.at("carried.tar"), "--root", world.at(name)];
      await ok("themis-fetch", "update", ...offline, ...pinned("offline.json", document(1)));
      expect(await known(name)).toMatchObject({ version: 3 });
      expect(snapshot(world.at(name))).toEqual(snapshot(world.new));
    });

    it("is asked by verify and by themis-bundle too, which have no source", async () => {
      const bundle = world.at("bundle-1.1.0");
      const files = [
        "--manifest",
        join(bundle, "manifest.json"),
        "--signature",
        join(bundle, "manifest.json.p7s"),
      ];
      const good = pinned("good.json", document(1));
      await ok("themis-fetch", "verify", ...files, ...good);
      await ok("themis-bundle", "verify", bundle, ...good);
      await ok("themis-bundle", "publish", bundle, "--to", `file:${world.at("with-root")}`, ...good);
      const revoked = pinned("revoked.json", document(1, { release: { of: [successor] }, revoked: [ci] }));
      expect(await refusal("themis-fetch", "verify", ...files, ...revoked)).toBe("ANCHOR_REVOKED");
      expect(await refusal("themis-bundle", "verify", bundle, ...revoked)).toBe("ANCHOR_REVOKED");
      const floor = pinned("floor.json", document(1, { min_sequence: Number.MAX_SAFE_INTEGER }));
      expect(await refusal("themis-bundle", "verify", bundle, ...floor)).toBe("BELOW_MIN_SEQUENCE");
      const old = pinned("old.json", document(1, { expires: "2026-01-02T00:00:00Z" }));
      expect(await refusal("themis-fetch", "verify", ...files, ...old)).toBe("TRUST_ROOT_EXPIRED");
      expect((await run("themis-fetch", "verify", ...files, ...fromSource())).status).toBe(2);
      expect(
        (await run("themis-fetch", "verify", ...files, ...good, "--trust-anchor", world.anchor)).status,
      ).toBe(2);
      expect((await run("themis-fetch", "verify", ...files)).status).toBe(2);
    });
  });

  describe("over HTTP", () => {
    let server: Server;
    let served: string;
    let asked: (name: string) => unknown = () => {};
    beforeAll(async () => {
      server = createServer(async (request, answer) => {
        const path = decodeURIComponent(new URL(request.url!, "http://x").pathname);
        await asked(path.slice(1));
        try {
          answer.end(readFileSync(join(served, path)));
        } catch {
          answer.writeHead(404).end();
        }
      });
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    });
    afterAll(() => server?.close());

    it("leaves the old one or the new one, whole, wherever the device is killed, and the next command goes on", async () => {
      const steps = [1, 2, 3, 4];
      served = pageWith(
        ...steps.map((n) => signed(n)),
        signed(5, { release: { of: [successor] }, revoked: [ci] }),
      );
      signRelease(served, "1.1.0", successor);
      const source = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const name = device("killed");
      mkdirSync(world.at(name), { recursive: true });
      const args = update(source, name, ...fromSource());
      const found: unknown[] = [];
      for (const at of [...steps, 5].flatMap((n) => [trustRootName(n), `${trustRootName(n)}.p7s`])) {
        const { child, done } = start("themis-fetch", ...args);
        asked = (path) => path === at && child.kill("SIGKILL");
        await done;
        found.push(((await known(name)) as { version: number } | undefined)?.version ?? 0);
      }
      asked = () => {};
      // What was proven before the cut is kept, the one that was being read is not.
      expect(found).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
      expect(snapshot(world.at(name))).toEqual({});
      await ok("themis-fetch", ...args);
      expect(await known(name)).toMatchObject({ version: 5 });
      expect(snapshot(world.at(name))).toEqual(snapshot(world.new));
    });

    it("that another command learns of meanwhile decides over a release that was proven already", async () => {
      served = pageWith(signed(1));
      const source = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const name = device("meanwhile");
      const next = document(2, { release: { of: [successor] }, revoked: [ci] });
      const place = await findPlace(world.at(name));
      asked = async (path) => {
        if (path === "latest/manifest.json")
          await rememberTrustRoot(place, { anchors: [] })(pinnedTrustRoot(next), next);
      };
      expect(await refusal("themis-fetch", ...update(source, name, ...fromSource()))).toBe("ANCHOR_REVOKED");
      asked = () => {};
      expect(await known(name)).toMatchObject({ version: 2 });
      expect(snapshot(world.at(name))).toEqual({});
    });
  });
});
