import type { Manifest } from "../../src/format/manifest/manifest.ts";

/** What every manifest says, of a release that has nothing yet. */
export const MANIFEST_FACTS = {
  schema_version: 1,
  product: "app",
  version: "1.0.0",
  tag_name: "v1.0.0",
  channel: "stable",
  sequence: 1,
  release_notes: "",
  release_date: "",
  expires: "",
  is_critical: false,
  min_upgrade_from: "",
  build_commit: "",
  build_date: "",
  compiler_version: "",
  dependencies: [],
  files: [],
  packs: [],
  delta_manifests: [],
} as const satisfies Manifest;
