/**
 * A private SoftHSM token in a temp folder, with its own SOFTHSM2_CONF and a PIN file.
 *
 *   const token = createToken();  token.importKey("signer", pem);  token.uri("signer")  -> pkcs11:…
 *
 * SoftHSM reads SOFTHSM2_CONF when the module starts, so it is set in this process until `remove()`: one token
 * folder at a time. In production the same variable is set by whoever runs the release.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MODULES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
  "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];
export const SOFTHSM_MODULE =
  process.env.SOFTHSM2_MODULE ?? MODULES.find((path) => existsSync(path)) ?? MODULES[0]!;
export const TOKEN_PIN = "648219";

export type TestToken = {
  readonly label: string;
  readonly folder: string;
  readonly pinFile: string;
  /** A PKCS#8 key in PEM; the public half is imported with it. */
  importKey(label: string, pem: string, id?: string): void;
  generateKey(label: string, keyType: "rsa:3072" | "EC:prime256v1" | "EC:secp384r1", id?: string): void;
  /** Another token in the same folder. */
  addToken(label: string): void;
  uri(object: string, changes?: { token?: string; pinSource?: string | null; module?: string }): string;
  /** What pkcs11-tool shows, flags included. */
  describe(): string;
  remove(): void;
};

export function createToken(label = "release"): TestToken {
  const folder = mkdtempSync(join(tmpdir(), "themis-softhsm-"));
  const tokens = join(folder, "tokens");
  const config = join(folder, "softhsm2.conf");
  const pinFile = join(folder, "pin");
  mkdirSync(tokens);
  writeFileSync(config, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  writeFileSync(pinFile, `${TOKEN_PIN}\n`, { mode: 0o600 });
  const previous = process.env.SOFTHSM2_CONF;
  process.env.SOFTHSM2_CONF = config;

  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, SOFTHSM2_CONF: config },
    });
  const addToken = (name: string): void => {
    run(
      "softhsm2-util",
      "--init-token",
      "--free",
      "--label",
      name,
      "--pin",
      TOKEN_PIN,
      "--so-pin",
      "87654321",
    );
  };
  addToken(label);
  let nextId = 1;
  const newId = (): string => (nextId++).toString(16).padStart(2, "0");

  return {
    label,
    folder,
    pinFile,
    addToken,
    importKey: (name, pem, id = newId()) => {
      const file = join(folder, "import.pem");
      writeFileSync(file, pem, { mode: 0o600 });
      // --force: two keys may share an id, as they may in a badly kept token.
      run(
        "softhsm2-util",
        "--import",
        file,
        "--token",
        label,
        "--label",
        name,
        "--id",
        id,
        "--pin",
        TOKEN_PIN,
        "--force",
      );
      rmSync(file);
    },
    generateKey: (name, keyType, id = newId()) => {
      const to = ["--token-label", label, "--login", "--pin", TOKEN_PIN];
      run(
        "pkcs11-tool",
        "--module",
        SOFTHSM_MODULE,
        ...to,
        "--keypairgen",
        "--key-type",
        keyType,
        "--label",
        name,
        "--id",
        id,
      );
    },
    uri: (object, { token = label, pinSource = pinFile, module = SOFTHSM_MODULE } = {}) =>
      `pkcs11:token=${encodeURIComponent(token)};object=${encodeURIComponent(object)}?module-path=${module}${pinSource === null ? "" : `&pin-source=file:${pinSource}`}`,
    describe: () => run("pkcs11-tool", "--module", SOFTHSM_MODULE, "--list-slots"),
    remove: () => {
      if (previous === undefined) delete process.env.SOFTHSM2_CONF;
      else process.env.SOFTHSM2_CONF = previous;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
