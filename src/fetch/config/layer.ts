/**
 * Flag before environment before file before default, setting by setting, and whence each came.
 *
 * A list or a mapping of a higher layer takes the place of the lower one whole: who names one mirror in a flag
 * wants that one.
 */
import type { Json } from "../../base/canonical-json.ts";
import { type CompleteThemisYml, DEFAULTS } from "../../format/config/defaults.ts";
import { pointerTo } from "../../format/config/json-pointer.ts";
import type { Origin, PlaceOf } from "../../format/config/origin.ts";
import type { ThemisYml } from "../../format/config/themis-yml.ts";
import { SETTINGS } from "./setting.ts";

export type Layer = { readonly document: ThemisYml; readonly placeOf: PlaceOf };

export type ResolvedSetting = {
  readonly name: string;
  /** undefined for one that nobody gives and that has no default. */
  readonly value: Json | undefined;
  readonly origin: Origin;
};

export type Layered = {
  readonly document: CompleteThemisYml;
  readonly settings: readonly ResolvedSetting[];
  readonly placeOf: PlaceOf;
};

const BOTTOM: Layer = { document: DEFAULTS, placeOf: () => ({ kind: "default" }) };

/** @param layers the strongest first; checked, each for itself. */
export function layered(layers: readonly Layer[]): Layered {
  const found = SETTINGS.map(({ name }) => {
    const pointer = name.split(".").reduce(pointerTo, "");
    const layer = [...layers, BOTTOM].find(({ document }) => valueAt(document, name) !== undefined) ?? BOTTOM;
    return { name, pointer, layer, value: valueAt(layer.document, name) };
  });
  return {
    document: documentOf(found) as CompleteThemisYml,
    settings: found.map(({ name, value, pointer, layer }) => ({
      name,
      value,
      origin: layer.placeOf(pointer),
    })),
    placeOf: (pointer, which) => {
      const setting = found.find((each) => `${pointer}/`.startsWith(`${each.pointer}/`));
      return (setting?.layer ?? BOTTOM).placeOf(pointer, which);
    },
  };
}

function valueAt(document: ThemisYml, name: string): Json | undefined {
  let value: unknown = document;
  for (const key of name.split(".")) value = (value as Record<string, unknown> | undefined)?.[key];
  return value as Json | undefined;
}

type Tree = { [key: string]: Tree | Json };

/** Sections and groups are there even when they are empty. */
export function documentOf(
  values: readonly { readonly name: string; readonly value: Json | undefined }[],
): ThemisYml {
  const root: Tree = {};
  for (const { name, value } of values) {
    const keys = name.split(".");
    let at = root;
    for (const key of keys.slice(0, -1)) {
      const below = (at[key] ?? {}) as Tree;
      at[key] = below;
      at = below;
    }
    if (value !== undefined) at[keys.at(-1)!] = value;
  }
  return root;
}
