/**
 * Which file is read, and whether it may be believed.
 *
 *   --config FILE, else THEMIS_CONFIG, else ./themis.yml if it is there
 *
 * The file names programs that run with our rights and the anchor that decides what is believed, so nobody else
 * may have written it: not everybody, and where nobody named it, none but its reader and root. Else whoever may
 * write into the folder in which root calls us (/tmp) would be root.
 */
import type { Stats } from "node:fs";
import { systemCode } from "../../base/error.ts";
import { InputError, readRegularFile } from "../../base/input-file.ts";
import { ConfigError } from "../../format/config/config-error.ts";
import { MAX_THEMIS_YML_BYTES } from "../../format/config/themis-yml.ts";
import type { Layer } from "./layer.ts";

const NAME = "themis.yml";
const WRITABLE_BY_ALL = 0o002;

/** @param named by --config. @throws ConfigError CONFIG_MALFORMED, CONFIG_INVALID, CONFIG_UNSAFE, CONFIG_MISSING */
export async function fileLayer(
  named: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<Layer | undefined> {
  const explicit = named ?? (environment.THEMIS_CONFIG || undefined);
  const path = explicit ?? NAME;
  let bytes: Buffer;
  try {
    bytes = await readRegularFile(path, MAX_THEMIS_YML_BYTES, (stat) =>
      demandOurs(path, stat, explicit !== undefined),
    );
  } catch (cause) {
    if (explicit === undefined && systemCode(cause) === "ENOENT") return undefined;
    throw unreadable(path, cause);
  }
  // A device without a file does not wait for YAML.
  const [{ readYaml }, { checkConfig }] = await Promise.all([
    import("../../format/config/yaml-document.ts"),
    import("../../format/config/check-config.ts"),
  ]);
  const { value, placeOf } = readYaml(bytes, path);
  return { document: checkConfig(value, placeOf), placeOf };
}

/** @throws ConfigError CONFIG_UNSAFE */
function demandOurs(path: string, { mode, uid }: Stats, isNamed: boolean): void {
  const me = process.geteuid?.();
  if (me === undefined) return;
  if ((mode & WRITABLE_BY_ALL) !== 0) throw unsafe(path, "may be written by everybody", `chmod o-w ${path}`);
  if (!isNamed && uid !== me && uid !== 0)
    throw unsafe(
      path,
      "belongs to somebody else",
      "name it by --config if you trust it, or work in another folder",
    );
}

function unsafe(path: string, what: string, hint: string): ConfigError {
  const message = `${path} ${what}, and it names programs that run with the rights of themis-fetch`;
  return new ConfigError("CONFIG_UNSAFE", message, { facts: { file: path }, hint });
}

function unreadable(path: string, cause: unknown): unknown {
  if (cause instanceof ConfigError) return cause;
  const code = systemCode(cause);
  if (code === undefined && !(cause instanceof InputError)) return cause;
  const why = cause instanceof InputError ? cause.message : `${path} cannot be read (${code})`;
  return new ConfigError("CONFIG_MISSING", `no configuration: ${why}`, {
    cause,
    facts: { file: path },
    hint: "--config and THEMIS_CONFIG take the name of a themis.yml",
  });
}
