/** Hostile patches in BSDF2, each stream stored, bzip2 or brotli. */
import { hostileBsdf2 } from "./bsdiff-forge.ts";
import { itSurvives } from "./survive.ts";

itSurvives(hostileBsdf2);
