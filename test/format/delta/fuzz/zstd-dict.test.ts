/** Hostile zstd frames with the source as dictionary. */
import { itSurvives } from "./survive.ts";
import { hostileZstd } from "./zstd-forge.ts";

itSurvives(hostileZstd);
