/**
 * Names of systems and processors, which everybody writes otherwise.
 *
 *   linux, windows, macos        Node says linux, win32, darwin
 *   x86_64, aarch64              Node says x64, arm64; Debian and Go say amd64, arm64
 */
const SAME: Readonly<Record<string, string>> = {
  win32: "windows",
  darwin: "macos",
  x64: "x86_64",
  amd64: "x86_64",
  arm64: "aarch64",
};

export type Platform = { readonly platform: string; readonly architecture: string };

/** What bytes for `wanted` may run on; "" and "any" run everywhere. */
export function runsOn(wanted: Platform, device: Platform): boolean {
  return fits(wanted.platform, device.platform) && fits(wanted.architecture, device.architecture);
}

/** Of those that fit the one that says most is taken: 3 names both, 0 neither. */
export function exactness({ platform, architecture }: Platform): number {
  return (isAny(platform) ? 0 : 2) + (isAny(architecture) ? 0 : 1);
}

export function platformName({ platform, architecture }: Platform): string {
  return `${oneName(platform)}/${oneName(architecture)}`;
}

function fits(wanted: string, found: string): boolean {
  return isAny(wanted) || oneName(wanted) === oneName(found);
}

function isAny(name: string): boolean {
  return name === "" || name === "any";
}

function oneName(name: string): string {
  const lower = name.toLowerCase();
  return Object.hasOwn(SAME, lower) ? SAME[lower]! : lower;
}
