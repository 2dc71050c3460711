/**
 * When a fault strikes. Requests are counted for each asset, from 0.
 *
 *   once(fault)                            on the first request
 *   untilRequest(3, fault)                 on requests 0, 1 and 2
 *   fromRequest(1, fault)                  on all but the first: what was replaced stays replaced
 *   forAsset("a.pack", always(fault))      and all other assets rightly
 *   inTurn([a, undefined, b])              a, right service, b, then right service for ever
 *   firstOf(one, other)                    the first that has something to say
 *
 * Where in an answer it strikes is a setting: once(fault, { afterBytes: 4096 }).
 */
import type { Fault, Script, Turn } from "./fault.ts";
import type { Settings } from "./settings.ts";

export const rightly: Script = () => undefined;

export function always(fault: Fault, settings: Partial<Settings> = {}): Script {
  return () => ({ fault, settings });
}

export function once(fault: Fault, settings: Partial<Settings> = {}): Script {
  return untilRequest(1, fault, settings);
}

export function untilRequest(end: number, fault: Fault, settings: Partial<Settings> = {}): Script {
  return ({ before }) => (before < end ? { fault, settings } : undefined);
}

export function fromRequest(start: number, fault: Fault, settings: Partial<Settings> = {}): Script {
  return ({ before }) => (before >= start ? { fault, settings } : undefined);
}

export function forAsset(name: string, script: Script): Script {
  return (asked) => (asked.asset.name === name ? script(asked) : undefined);
}

export function inTurn(turns: readonly (Turn | undefined)[]): Script {
  return ({ before }) => turns[before];
}

export function firstOf(...scripts: readonly Script[]): Script {
  return (asked) => {
    for (const script of scripts) {
      const turn = script(asked);
      if (turn) return turn;
    }
    return undefined;
  };
}
