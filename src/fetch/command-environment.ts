/**
 * What checks, hooks and services see of the environment, and nothing else: a token of whoever started the
 * update is none of their business.
 */

/** What an update tells the programs that it calls. */
export type UpdateFacts = {
  readonly root: string;
  /** "" where nothing was installed. */
  readonly from: string;
  readonly to: string;
};

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const INHERITED = ["HOME", "LANG"] as const;

/** PATH, HOME and LANG of the process. */
export function plainEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const plain: Record<string, string> = { PATH: environment.PATH || DEFAULT_PATH };
  for (const name of INHERITED) {
    const value = environment[name];
    if (value !== undefined) plain[name] = value;
  }
  return plain;
}

/** And THEMIS_ROOT, THEMIS_FROM, THEMIS_TO. */
export function updateEnvironment(
  { root, from, to }: UpdateFacts,
  environment?: NodeJS.ProcessEnv,
): Record<string, string> {
  return { ...plainEnvironment(environment), THEMIS_ROOT: root, THEMIS_FROM: from, THEMIS_TO: to };
}
