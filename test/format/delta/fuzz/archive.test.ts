/** Hostile patches for archives: lying recipes, and patches in the patch. */
import { hostileArchive } from "./archive-forge.ts";
import { itSurvives } from "./survive.ts";

itSurvives(hostileArchive);
