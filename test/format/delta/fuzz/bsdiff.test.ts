/** Hostile patches in BSDIFF40 and ENDSLEY/BSDIFF43, whose streams are bzip2. */
import { hostileBsdiff40, hostileEndsley } from "./bsdiff-forge.ts";
import { itSurvives } from "./survive.ts";

itSurvives(hostileBsdiff40);
itSurvives(hostileEndsley);
