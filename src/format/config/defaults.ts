import type { ThemisYml } from "./themis-yml.ts";

/** What holds where nobody says anything. */
export const DEFAULTS = {
  checker: { mirrors: [], api: false, requireChannel: false, interval: "6h", jitter: "10m" },
  autoUpdate: { enabled: false, connections: 4, restorePoints: { count: 10 } },
  hotReload: {
    service: "none",
    drain: "10s",
    checks: [],
    confirm: { by: "checks" },
    preflight: {},
    hooks: {},
  },
  notifications: {},
  advanced: { logLevel: "normal" },
} as const satisfies ThemisYml;

type Sections = Required<ThemisYml>;
type Defaults = typeof DEFAULTS;

/** With every default in its place. */
export type CompleteThemisYml = {
  readonly [S in keyof Sections]: Sections[S] & {
    readonly [K in keyof Defaults[S] & keyof Sections[S]]-?: NonNullable<Sections[S][K]>;
  };
};
